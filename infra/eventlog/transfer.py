"""Export of a log to a file, and loading an export into an empty log of either kind, with the same hashes.

Wrapped data keys are no part of an export unless asked for, and then in a file of their own: who has both, and the master key,
can read the personal data.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import orjson

from infra.eventlog.export_file import ExportBroken, Manifest, read_export, read_manifest, write_export
from infra.eventlog.log import Log, LogUnusable, Owner
from infra.eventlog.reader import Claim, Command, Reader
from infra.eventlog.record import Record
from infra.eventlog.verify import verify_export
from infra.eventlog.walk import walk

LOAD_RECORDS = 1000
LOAD_KEYS = 1000


def export(event_log: Log, path: Path, progress: Callable[[int], None], *, keys: Path | None = None) -> Manifest:
    """Write the whole log to ``path`` (``.parquet``: Parquet, else NDJSON), and its wrapped data keys to ``keys`` if given."""
    manifest = write_export(path, event_log.environment, event_log.partitions, walk(event_log), progress)
    if keys is not None:
        _export_keys(event_log, keys)
    return manifest


def load(event_log: Log, path: Path, progress: Callable[[int], None], *, keys: Path | None = None) -> Manifest:
    """Load an export, and a file of keys if given, into ``event_log``, which must be empty and of the same shape.

    The export is verified before anything is written; what never counted (quarantined records) stays behind. ``progress`` is
    told the records written since it was told last. Raises LogUnusable, ExportBroken, AppendError; after the last the log must be
    made anew.
    """
    manifest = read_manifest(path)
    _check_target(event_log, manifest)
    report = verify_export(path, _any, _ignore)
    if not report.ok:
        first = report.findings[0]
        where = f"partition {first.partition}, offset {first.offset}, {first.id}"
        raise ExportBroken(f"{path} is not loaded: {where}: {first.reason}")
    owner = event_log.owner()
    try:
        for batch in _batches(_counted(read_export(path))):
            owner.load(batch)
            progress(len(batch))
        if keys is not None:
            _load_keys(owner, keys)
    finally:
        owner.close()
    return manifest


def _check_target(event_log: Log, manifest: Manifest) -> None:
    if (event_log.environment, event_log.partitions) != (manifest.environment, manifest.partitions):
        wanted = f"{manifest.environment} with {len(manifest.partitions) - 1} partitions"
        found = f"{event_log.environment} with {len(event_log.partitions) - 1}"
        raise LogUnusable(f"the export is of {wanted}, the log is of {found}")
    if written := [partition for partition in event_log.partitions if event_log.end(partition) > 0]:
        raise LogUnusable(f"the log is not empty: partitions {written}")


def _counted(records: Iterator[Record]) -> Iterator[tuple[Record, ...]]:
    """The claims and commands that count, each as what must be written together."""
    readers: dict[str, Reader] = {}
    for record in records:
        for result in readers.setdefault(record.partition, Reader()).feed(record):
            if isinstance(result, Command):
                yield result.records
            elif isinstance(result, Claim):
                yield (result.record,)


def _batches(groups: Iterator[tuple[Record, ...]]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for group in groups:
        batch += group
        if len(batch) >= LOAD_RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


def _export_keys(event_log: Log, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    source = event_log.keys()
    try:
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            for key, wrapped in source.items():
                out.write(orjson.dumps({"key": key, "wrapped": base64.b64encode(wrapped).decode()}) + b"\n")
        os.replace(part, path)
    finally:
        source.close()
        part.unlink(missing_ok=True)


def _load_keys(owner: Owner, path: Path) -> None:
    with path.open("rb") as file:
        lines = iter(file)
        while chunk := [orjson.loads(line) for line in islice(lines, LOAD_KEYS)]:
            owner.commit((), {each["key"]: base64.b64decode(each["wrapped"]) for each in chunk}, frozenset())


def _any(_type: str, _value: bytes) -> None:
    """Loading asks for what a log must be, not for what its events mean."""


def _ignore(_records: int) -> None:
    pass
