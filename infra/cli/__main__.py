"""``python -m infra.cli`` is ``subledger``."""

from infra.cli import main

main()
