"""Export and load: what comes out goes in again, hash for hash, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import orjson
import pytest

from infra.eventlog.export_file import ExportBroken, read_export, read_manifest
from infra.eventlog.log import LogUnusable
from infra.eventlog.record import Append, Event
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.transfer import export, load
from infra.eventlog.verify import Report, verify, verify_export
from infra.eventlog.walk import walk
from tests.integration.eventlog.ledger import Ledger, plant
from tests.unit.eventlog.chain import append, rehashed

FORMATS = pytest.mark.parametrize("name", ["export.ndjson", "export.parquet"])
ODD = b'{"text":"\\u0000 \\u20ac \xe2\x82\xac \\" \'","n":1.0}'


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    """A log with two terms, keys, and values that are no text."""
    log = SqliteLog(tmp_path / "log.db", partitions=2)
    odd = [Event("sub_odd", 1, "x.v1", ODD), Event("sub_odd", 2, "x.v1", b"\xff\x00"), Event("sub_odd", 3, "x.v1", b"")]
    with Ledger(log, tmp_path / "indexes") as ledger:
        ledger.commit(append(("sub_1", 1), ("inv_1", 1)))
        ledger.commit(Append("1", "acme/é", "acme", "client:odd", tuple(odd), reason="naïve", data_keys={"acme/é": b"\x01\xff"}))
    with Ledger(log, tmp_path / "indexes") as ledger:
        ledger.commit(append(("sub_1", 2)))
    return log


def judged(path: Path) -> Report:
    return verify_export(path, lambda _type, _value: None, ignore)


def ignore(_records: int) -> None:
    pass


def same(one: SqliteLog, other: SqliteLog) -> bool:
    return list(walk(one)) == list(walk(other))


@FORMATS
def test_what_was_exported_loads_with_the_same_hashes_and_goes_on(log: SqliteLog, tmp_path: Path, name: str) -> None:
    path, keys = tmp_path / name, tmp_path / "keys.ndjson"
    told: list[int] = []
    manifest = export(log, path, told.append, keys=keys)
    assert sum(told) == sum(manifest.counts.values()) == len(list(walk(log)))
    assert list(read_export(path)) == list(walk(log))
    assert read_manifest(path) == manifest
    assert judged(path).ok

    other = SqliteLog(tmp_path / "other.db", partitions=2)
    load(other, path, ignore, keys=keys)

    assert same(log, other)
    assert list(other.keys().items()) == [("acme/é", b"\x01\xff")]
    with Ledger(other, tmp_path / "others") as ledger:
        assert ledger.told.queries["0"].state().term == 3
        assert ledger.commit(append(("sub_1", 3))).sequence == 4
    assert verify(walk(other), lambda _type, _value: None, ignore).ok


def test_keys_are_exported_only_when_asked_for_and_to_their_owner_alone(log: SqliteLog, tmp_path: Path) -> None:
    keys = tmp_path / "keys.ndjson"
    export(log, tmp_path / "plain.ndjson", ignore)
    assert not keys.exists()
    export(log, tmp_path / "plain.ndjson", ignore, keys=keys)
    assert keys.stat().st_mode & 0o077 == 0


def test_a_log_that_is_not_empty_or_of_another_shape_is_left_alone(log: SqliteLog, tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    export(log, path, ignore)

    with pytest.raises(LogUnusable, match="not empty"):
        load(log, path, ignore)
    with pytest.raises(LogUnusable, match="sandbox with 2 partitions, the log is of sandbox with 3"):
        load(SqliteLog(tmp_path / "three.db", partitions=3), path, ignore)
    with pytest.raises(LogUnusable, match="the log is of live"):
        load(SqliteLog(tmp_path / "live.db", "live", 2), path, ignore)


def drop(lines: list[bytes]) -> None:
    del lines[3]


def swap(lines: list[bytes]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def repeat(lines: list[bytes]) -> None:
    lines.insert(3, lines[2])


def flip(lines: list[bytes]) -> None:
    row = orjson.loads(lines[2])
    lines[2] = orjson.dumps({**row, "actor": "nobody"})


def cut_off_with_the_manifest_kept(lines: list[bytes]) -> None:
    del lines[-2]


@pytest.mark.parametrize("tamper", [drop, swap, repeat, flip, cut_off_with_the_manifest_kept])
def test_an_export_that_was_tampered_with_is_found_out_and_not_loaded(
    log: SqliteLog, tmp_path: Path, tamper: Callable[[list[bytes]], None]
) -> None:
    path = tmp_path / "export.ndjson"
    export(log, path, ignore)
    lines = path.read_bytes().splitlines()
    tamper(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    empty = SqliteLog(tmp_path / "empty.db", partitions=2)

    assert not judged(path).ok
    with pytest.raises(ExportBroken, match="is not loaded"):
        load(empty, path, ignore)
    assert list(walk(empty)) == []


def test_a_tampered_parquet_file_is_found_out(log: SqliteLog, tmp_path: Path) -> None:
    path, changed = tmp_path / "export.parquet", tmp_path / "changed.parquet"
    manifest = export(log, path, ignore)
    text = orjson.dumps({"manifest": {"environment": "sandbox", "partitions": manifest.partitions, "counts": manifest.counts}})
    with duckdb.connect() as database:
        rows = f"SELECT * REPLACE (CASE WHEN id = 'inv_1/1' THEN 'nobody' ELSE tenant END AS tenant) FROM '{path}'"
        database.execute(f"COPY ({rows}) TO '{changed}' (FORMAT parquet, KV_METADATA {{subledger: '{text.decode()}'}})")

    assert [finding.id for finding in judged(changed).findings] == ["inv_1/1"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"hello\n", b'{"partition":"0"}\n{"manifest":{}}\n'])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("x.ndjson", "x.parquet"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ExportBroken):
            judged(tmp_path / name)


def test_an_export_cut_off_anywhere_is_refused(log: SqliteLog, tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    export(log, path, ignore)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 2, 701):
        path.write_bytes(whole[:size])
        with pytest.raises(ExportBroken):
            judged(path)


def test_a_line_that_is_no_record_is_named(log: SqliteLog, tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    export(log, path, ignore)
    lines = path.read_bytes().splitlines()
    lines[1] = lines[1][:50]
    path.write_bytes(b"\n".join(lines) + b"\n")

    with pytest.raises(ExportBroken, match="line 2 is not JSON"):
        judged(path)


def test_an_export_that_fails_leaves_no_file(log: SqliteLog, tmp_path: Path) -> None:
    def fail(_records: int) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        export(log, tmp_path / "export.ndjson", fail)
    assert not list(tmp_path.glob("export*"))


def test_what_never_counted_is_exported_and_stays_behind_when_loaded(log: SqliteLog, tmp_path: Path) -> None:
    before = list(walk(log))
    last = [record for record in before if record.partition == "0"][-1]
    zombie = replace(rehashed(last, term="1"), offset=last.offset + 1)
    plant(log.path, zombie)
    path = tmp_path / "export.ndjson"

    export(log, path, ignore)
    assert zombie in list(read_export(path))
    report = judged(path)
    assert report.ok
    assert report.partitions["0"].quarantined == 1

    other = SqliteLog(tmp_path / "other.db", partitions=2)
    load(other, path, ignore)
    assert list(walk(other)) == before
