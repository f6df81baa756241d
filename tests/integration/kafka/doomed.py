"""A node that dies in the middle of a window: ``python -m tests.integration.kafka.doomed BOOTSTRAP ENVIRONMENT NODE``.

It takes all partitions over, commits a window (command ``kept``), leaves one open (``open``), says so, and waits to be killed.
"""

from __future__ import annotations

import sys
import time

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_lane import Lane
from infra.eventlog.kafka_message import headers_of
from infra.eventlog.topics import Names
from tests.integration.kafka.support import Node, append


def main(bootstrap: str, environment: str, name: str) -> None:
    log, names = KafkaLog(bootstrap, environment, name), Names(environment)
    node = Node(log, log.owner())
    node.take_over()
    node.write(append("0", "kept"), append("1", "kept"), append("catalog", "kept"))
    lane = Lane(bootstrap, names.transactional_id(name, 1))
    with lane.transaction(frozenset()) as transaction:
        for record in node.number([append("0", "open"), append("1", "open"), append("catalog", "open")]):
            transaction.produce(names.place(record.partition), record.key.encode(), record.value, headers_of(record))
        transaction.flush()
        print("open", flush=True)
        while True:
            time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
