"""``python -m infra.cli`` is ``subledger``."""

from infra.cli import main

if __name__ == "__main__":  # the processes of a rebuild import it, too
    main()
