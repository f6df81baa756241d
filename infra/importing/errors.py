"""Why an import cannot begin or go on. What is wrong with a single row never raises; it is reported."""

from __future__ import annotations


class ImportFailed(Exception):
    """What stops the whole import, in one line. What was imported stays: run it again."""
