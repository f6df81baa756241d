"""Snapshots of indexes in a folder or an object store, so that a node that has no index need not read a whole log for one.

    <environment>/<partition>/<whose log>/<offset>-<term>.sqlite.zst  the index, compressed
    <environment>/<partition>/<whose log>/<offset>-<term>.json        its manifest, written last: without it there is no snapshot

A snapshot is as disposable as the index that it copies, and decides nothing: who takes it reads the log on from its state.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import obstore
import orjson
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url
from pydantic import TypeAdapter
from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from infra.eventlog.index import SCHEMA_VERSION, delete, opened, peek
from infra.eventlog.reader import ReaderState

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

KEPT = 2
PART_BYTES = 16 << 20
_PAGES = 4096  # copied before it is looked whether to go on
_COMPRESSION = 3
_INDEX, _MANIFEST = ".sqlite.zst", ".json"

# What a store that is away, full or closed to us raises.
STORE_ERRORS = (BaseError, OSError)

_log = structlog.get_logger(__name__)


class SnapshotUnusable(Exception):
    """A snapshot is damaged, or not one of this index."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete snapshot. ``name`` is its place in the store without an ending, ``size`` (bytes) and ``digest`` (SHA-256) those
    of the compressed index, ``state`` the reader's state in it.
    """

    name: str
    identity: str
    schema: int
    state: ReaderState
    size: int
    digest: str


_SNAPSHOT = TypeAdapter(Snapshot)


class IndexSnapshots:
    """The snapshots of one environment at a URL: ``file:///folder`` or, with a bucket, ``s3://``, ``gs://`` or ``az://``.

    Raises one of ``STORE_ERRORS`` where the store cannot be used, from every method.
    """

    def __init__(self, url: str, environment: str) -> None:
        self._environment = environment
        self._store = _open(url)

    def newest(self, partition: str, identity: str) -> Iterator[Snapshot]:
        """The snapshots of this index, from the newest on; what is none of them is reported and left out."""
        for name in reversed(_complete(self._paths(partition, identity))):
            try:
                snapshot = self._manifest(name)
                if (snapshot.identity, snapshot.schema) != (identity, SCHEMA_VERSION):
                    raise SnapshotUnusable(f"it is of {snapshot.identity}, schema {snapshot.schema}")
            except SnapshotUnusable as error:
                report_unusable(name, error)
            else:
                yield snapshot

    def save(self, partition: str, index: Path, identity: str, go_on: Callable[[], None]) -> Snapshot:
        """Copy an index that others read and write meanwhile, as of one moment; then delete all snapshots but the newest.

        ``go_on`` is called every now and then; what it raises ends the work, and leaves no snapshot.
        """
        copy, digest, size = index.with_suffix(".copy"), sha256(), 0
        if shutil.disk_usage(index.parent).free < 2 * index.stat().st_size:
            raise OSError(f"there is no room beside {index} for a copy")
        try:
            state = _copy(index, copy, go_on)
            name = f"{self._folder(partition, identity)}/{state.offset:020}-{state.term}"

            def parts() -> Iterator[bytes]:
                nonlocal size
                with copy.open("rb") as file:
                    for part in _compressed(file):
                        go_on()
                        digest.update(part)
                        size += len(part)
                        yield part

            obstore.put(self._store, name + _INDEX, parts())
        finally:
            delete(copy)
        snapshot = Snapshot(name, identity, SCHEMA_VERSION, state, size, digest.hexdigest())
        obstore.put(self._store, name + _MANIFEST, orjson.dumps(snapshot))
        self._prune(partition, identity)
        return snapshot

    def restore(self, snapshot: Snapshot, index: Path, go_on: Callable[[], None]) -> None:
        """Put the snapshot where ``index`` is, or was. Raises SnapshotUnusable and leaves ``index`` as it is."""
        draft = index.with_suffix(".draft")
        delete(draft)
        try:
            self._unpack(snapshot, draft, go_on)
            if peek(draft) != (snapshot.identity, snapshot.state):
                raise SnapshotUnusable("the index in it is not the one of its manifest")
            delete(index)
            draft.replace(index)
        finally:
            delete(draft)

    def _unpack(self, snapshot: Snapshot, draft: Path, go_on: Callable[[], None]) -> None:
        digest, unpacking = sha256(), ZstdDecompressor().decompressobj()
        place = snapshot.name + _INDEX
        try:
            found = obstore.head(self._store, place)["size"]
            if found != snapshot.size:  # a part beyond the end is an error of the store
                raise SnapshotUnusable(f"it has {found} bytes instead of {snapshot.size}")
            with draft.open("wb") as file:
                for start in range(0, snapshot.size, PART_BYTES):  # each part is a request, with a time limit of its own
                    end = min(start + PART_BYTES, snapshot.size)
                    part = bytes(obstore.get_range(self._store, place, start=start, end=end))
                    go_on()
                    digest.update(part)
                    file.write(unpacking.decompress(part))
        except (ZstdError, FileNotFoundError) as error:
            raise SnapshotUnusable(first_line(error)) from error
        if digest.hexdigest() != snapshot.digest:
            raise SnapshotUnusable("its digest is not the one of its manifest")

    def _folder(self, partition: str, identity: str) -> str:
        """Two clusters that share a store by mistake do not meet in it."""
        return f"{self._environment}/{partition}/{sha256(identity.encode()).hexdigest()[:16]}"

    def _paths(self, partition: str, identity: str) -> list[str]:
        """All that stands there for a partition, the oldest first."""
        found = obstore.list(self._store, self._folder(partition, identity) + "/").collect()
        return sorted(each["path"] for each in found)

    def _manifest(self, name: str) -> Snapshot:
        try:
            found = _SNAPSHOT.validate_json(bytes(obstore.get(self._store, name + _MANIFEST).bytes()), strict=True)
            return replace(found, name=name)
        except (FileNotFoundError, ValueError) as error:
            raise SnapshotUnusable(f"its manifest cannot be read: {first_line(error)}") from error

    def _prune(self, partition: str, identity: str) -> None:
        """Delete what is older than the newest, what was left half-written included; manifests before what they speak of."""
        paths = self._paths(partition, identity)
        oldest_kept = _complete(paths)[-KEPT:][0]
        old = [path for path in paths if path < oldest_kept]
        for ending in (_MANIFEST, _INDEX):
            if gone := [path for path in old if path.endswith(ending)]:
                obstore.delete(self._store, gone)


def _complete(paths: Iterable[str]) -> list[str]:
    """The names of the snapshots that have a manifest, in the paths' order."""
    return [path.removesuffix(_MANIFEST) for path in paths if path.endswith(_MANIFEST)]


def report_unusable(name: str, error: Exception) -> None:
    """Tell whoever keeps the store that a snapshot is passed over."""
    _log.warning("snapshot passed over", snapshot=name, reason=first_line(error))


def first_line(error: BaseException) -> str:
    """What an error of the store says, without the lines for its developers."""
    return str(error).partition("\n")[0] or type(error).__name__


def _open(url: str) -> ObjectStore:
    if url.startswith("file://"):
        return from_url(url, mkdir=True)
    limits: ClientConfig = {"allow_http": True, "connect_timeout": timedelta(seconds=3), "timeout": timedelta(seconds=30)}
    retries: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
    return from_url(url, config=None, client_options=limits, retry_config=retries)


def _copy(index: Path, copy: Path, go_on: Callable[[], None]) -> ReaderState:
    """Copy the index as it is now, while windows go on; gives its state."""
    delete(copy)
    with closing(opened(index)) as source, closing(sqlite3.connect(copy)) as target:
        target.execute("PRAGMA synchronous = OFF")
        source.execute("BEGIN")  # what is read from here on is of one moment
        row = source.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        source.backup(target, pages=_PAGES, progress=lambda *_: go_on())
        return ReaderState.from_json(row[0])


def _compressed(file: BinaryIO) -> Iterator[bytes]:
    packing = ZstdCompressor(level=_COMPRESSION).compressobj()
    while block := file.read(PART_BYTES):
        yield packing.compress(block)
    yield packing.flush()
