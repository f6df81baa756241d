"""What the commands of the command line share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from infra.expected import CliError
from infra.logging import configure_logging
from infra.settings import SECRETS, Settings, ensure_secrets, load_settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
Url = Annotated[str, typer.Option("--url", help="The ledger's origin.")]
ApiKey = Annotated[
    str, typer.Option("--api-key", envvar="SUBLEDGER_API_KEY", help="The tenant's API key for this.", show_envvar=True)
]


def settings_for(secrets: Iterable[str] = SECRETS, *, quiet: bool = False) -> Settings:
    """Settings with the secrets that a command needs; ``quiet``: only warnings are logged, for commands that people watch."""
    settings = ensure_secrets(load_settings(), secrets)
    configure_logging("warning" if quiet else settings.log_level, settings.log_format)
    return settings


def needed(api_key: str) -> str:
    """The key, where one was given; raises CliError."""
    if not api_key:
        raise CliError("an API key is needed: --api-key or SUBLEDGER_API_KEY")
    return api_key
