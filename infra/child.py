"""A child process of `subledger run`: ``python -m infra.child origin|projector``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine

from infra.expected import EXPECTED, one_line
from infra.logging import configure_logging
from infra.serve import end_with_parent, run_process, serve_origin, serve_projector
from infra.settings import Settings, SettingsError, ensure_secrets, load_settings

CHILDREN: dict[str, Callable[[Settings], Coroutine[None, None, None]]] = {
    "origin": serve_origin,
    "projector": serve_projector,
}


def main(name: str) -> None:
    """Serve until the parent says stop or is gone."""
    end_with_parent()
    try:
        settings = ensure_secrets(load_settings())
        configure_logging(settings.log_level, settings.log_format)
        run_process(CHILDREN[name], settings)
    except EXPECTED as error:
        print(one_line(error), file=sys.stderr)
        sys.exit(os.EX_CONFIG if isinstance(error, SettingsError) else 1)


if __name__ == "__main__":
    main(sys.argv[1])
