"""A node without an index of a large partition: from its start until it serves, with a snapshot and without.

The partition is made of an import's commands, written again and again as those of other customers. The snapshot is as old as it
can be while its writer keeps up: the index has grown by a tenth since.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from bench.harness.command import Json, LogName, Rounds, Rows, addresses, main, workspace
from bench.harness.deployment import deployed, provided, subledger
from bench.harness.result import Line, Result, Target, show, told
from bench.importing import import_subscribers
from infra.bootstrap import open_log
from infra.eventlog.index import delete
from infra.eventlog.index_snapshots import IndexSnapshots, Snapshot
from infra.eventlog.log import Log
from infra.eventlog.number import number
from infra.eventlog.reader import Command, Reader, ReaderState
from infra.eventlog.rebuild import index_path, rebuild_indexes
from infra.eventlog.record import CATALOG, Append, Event
from infra.eventlog.snapshot_keeper import SHARE
from infra.eventlog.walk import walk
from infra.node.streams import derive
from infra.settings import Settings, variable

SERVING_S = 15.0
_WINDOW = 50  # commands; those of an import have dozens of events
_ID = re.compile(rb"((?:cus|sub|inv|pay)_[0-9a-f]{8})([0-9a-f]{20})")

Events = Annotated[int, typer.Option("--events", min=1000, help="Events in the partition.")]


def restore(events: Events = 1_000_000, rows: Rows = 300, rounds: Rounds = 3, json: Json = False) -> None:
    """An index from a snapshot, then serving."""
    with workspace() as folder, addresses(folder, LogName.KAFKA) as found:
        bootstrap = found[LogName.KAFKA]
        lines = list(_measured(bootstrap, folder, events, rows, rounds))
    notes = (
        "From the start of `subledger commands` until `/readyz`, interpreter and membership included: it takes the snapshot, from"
        f" a folder, reads the rest of the log (one event in {SHARE + 1}), claims, and reads through its claim.",
        f"One partition, on Kafka: the commands of an import of {rows} subscribers, written again as those of other customers.",
        "The index from the log alone is built by one process, since it is one partition. Broker and node share the machine.",
    )
    show(Result("restore", "A large partition: from a snapshot to serving", lines, notes), json)


def _measured(bootstrap: str | None, folder: Path, events: int, rows: int, rounds: int) -> Iterator[Line]:
    with deployed(folder / "template", partitions="1") as template:
        import_subscribers(template, folder, rows)
        catalog, commands = (_commands(template.settings, name) for name in (CATALOG, "0"))
    store = (folder / "snapshots").as_uri()
    with provided(folder / "large", bootstrap, partitions="1") as (settings, environment):
        index = index_path(settings.state / "index", "0")
        copies = _copies(commands)
        told(f"writing {events:,} events")
        _write(settings, CATALOG, iter(catalog), ReaderState(), len(catalog))
        _write(settings, "0", copies, ReaderState(), events * SHARE // (SHARE + 1))
        begun = time.perf_counter()
        rebuild_indexes(partial(_opened, settings), index.parent, derive, lambda _: None)
        rebuilt_s = time.perf_counter() - begun
        begun = time.perf_counter()
        snapshot = _saved(settings, store, index)
        saved_s, size_mib = time.perf_counter() - begun, index.stat().st_size / 2**20
        written = _write(settings, "0", copies, snapshot.state, events)
        served_s = [_served_s(index, {**environment, variable("snapshots"): store}, folder) for _ in range(rounds)]
    yield Line(f"{written:,} events: serving after", median(served_s), "s", target=Target("figure", "<", SERVING_S))
    yield Line("the index from the log alone", rebuilt_s, "s")
    yield Line("writing a snapshot", saved_s, "s")
    yield Line("a snapshot ÷ its index", snapshot.size / 2**20, "MiB", size_mib)


def _commands(settings: Settings, partition: str) -> list[Append]:
    """What a partition's owner appended, in its order."""
    reader = Reader()
    with open_log(settings, must_exist=True) as log:
        results = [result for record in walk(log) if record.partition == partition for result in reader.feed(record)]
    return [_append(result) for result in results if isinstance(result, Command)]


def _append(command: Command) -> Append:
    first = command.records[0]
    said = first.attributes
    events = [
        Event(each.attributes["subject"], int(each.attributes["streamversion"]), each.attributes["type"], each.value)
        for each in command.records
    ]
    return Append(
        first.partition, first.key, said["tenant"], said["commandid"], tuple(events), said.get("fingerprint", ""),
        said.get("storefront", ""), said.get("actor", ""),
    )  # fmt: skip


def _copies(commands: Sequence[Append]) -> Iterator[Append]:
    """The commands again and again, each time those of other customers."""
    for number_of_copy in count():
        renamed = partial(_ID.sub, partial(_other_id, b"%d" % number_of_copy))
        for one in commands:
            events = [
                each._replace(stream=renamed(each.stream.encode()).decode(), value=renamed(each.value)) for each in one.events
            ]
            key, command_id = renamed(one.key.encode()).decode(), f"{one.command_id}-{number_of_copy}"
            yield one._replace(key=key, command_id=command_id, events=tuple(events))


def _other_id(number_of_copy: bytes, found: re.Match[bytes]) -> bytes:
    """An id in the same partition."""
    return found[1] + sha256(found[2] + number_of_copy).hexdigest()[:20].encode()


def _write(settings: Settings, partition: str, appends: Iterator[Append], state: ReaderState, upto: int) -> int:
    """Append to a partition as its owner, from ``state`` on, until it has ``upto`` events; gives how many it has."""
    with open_log(settings) as log, closing(log.owner()) as owner:
        assigned: set[str] = set()
        while partition not in assigned:
            assigned |= owner.poll(0.1).gained
        state = state.with_claim(owner.claim(partition, state.term + 1, datetime.now(UTC)))
        while state.sequence < upto:
            owner.poll(0)
            numbered, state = number(list(islice(appends, _WINDOW)), state, datetime.now(UTC), settings.environment)
            owner.commit([record for each in numbered for record in each.records], {}, frozenset())
    return state.sequence


def _saved(settings: Settings, store: str, index: Path) -> Snapshot:
    with open_log(settings) as log:
        return IndexSnapshots(store, settings.environment).save("0", index, log.identity("0"), lambda: None)


def _served_s(index: Path, environment: Mapping[str, str], folder: Path) -> float:
    """From the start of a node that has no index until it is ready."""
    delete(index)
    begun = time.perf_counter()
    with subledger("commands", environment, folder):
        return time.perf_counter() - begun


def _opened(settings: Settings) -> AbstractContextManager[Log]:
    return open_log(settings, must_exist=True)


if __name__ == "__main__":
    main(restore)
