"""What the commands of the command line share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from infra.logging import configure_logging
from infra.settings import SECRETS, Settings, ensure_secrets, load_settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]


def settings_for(secrets: Iterable[str] = SECRETS, *, quiet: bool = False) -> Settings:
    """Settings with the secrets that a command needs; ``quiet``: only warnings are logged, for commands that people watch."""
    settings = ensure_secrets(load_settings(), secrets)
    configure_logging("warning" if quiet else settings.log_level, settings.log_format)
    return settings
