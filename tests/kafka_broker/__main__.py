"""``python -m tests.kafka_broker FOLDER``: a broker to work against, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.kafka_broker.local import BrokerError, local_broker


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt), local_broker(Path(sys.argv[1]).resolve()) as address:
            print(address, flush=True)
            signal.pause()
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
