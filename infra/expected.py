"""Errors that a user or an operator can mend: told in one plain line, without a traceback."""

from __future__ import annotations

import psycopg

from domain.registry import UnknownEvent
from infra.eventlog.export_file import ExportBroken
from infra.eventlog.index import IndexUnusable
from infra.eventlog.log import LogUnavailable, LogUnusable
from infra.eventlog.reader import LogBroken
from infra.eventlog.rebuild import RebuildFailed
from infra.importing.errors import ImportFailed
from infra.ledger_client import LedgerUnreachable, Refused
from infra.node.window_process import WindowProcessError
from infra.postgres.embedded import EmbeddedPostgresError
from infra.settings import SettingsError
from infra.simulate.plan import PlanInvalid
from infra.supervisor import ChildDied
from infra.vault import VaultError


class CliError(Exception):
    """Something that the user can mend; the message is one line."""


EXPECTED = (
    CliError,
    SettingsError,
    LogUnusable,
    LogUnavailable,
    LogBroken,
    UnknownEvent,
    IndexUnusable,
    WindowProcessError,
    RebuildFailed,
    ExportBroken,
    EmbeddedPostgresError,
    ChildDied,
    VaultError,
    ImportFailed,
    PlanInvalid,
    LedgerUnreachable,
    Refused,
    psycopg.OperationalError,
    OSError,
)


def one_line(error: BaseException) -> str:
    """What it says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
