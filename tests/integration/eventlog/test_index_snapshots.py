"""Snapshots of indexes: written beside the windows, taken where an index is missing or far behind, passed over where they are no
good. That an index from one equals one made anew, whatever the history, is in test_any_interleaving.
"""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs

from infra.eventlog import index_snapshots, snapshot_keeper
from infra.eventlog.index import delete
from infra.eventlog.index_snapshots import IndexSnapshots, Snapshot
from infra.eventlog.sqlite import SqliteLog
from tests.integration.eventlog.ledger import Ledger, rows
from tests.integration.kafka.support import until
from tests.unit.eventlog.chain import append

HERE = "sandbox"


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db", partitions=1)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def snapshots(store: Path) -> IndexSnapshots:
    return IndexSnapshots(store.as_uri(), HERE)


def on() -> None:
    """Nothing says that the work is to end."""


def files(store: Path, ending: str) -> list[Path]:
    return sorted(store.rglob(f"*{ending}"))


def with_versions(ledger: Ledger, *versions: int) -> None:
    for version in versions:
        ledger.commit(append(("sub_1", version), command=f"client:{version}"))


def save(ledger: Ledger, snapshots: IndexSnapshots) -> Snapshot:
    return snapshots.save("0", ledger.index_path("0"), ledger.log.identity("0"), on)


def lose_index(ledger: Ledger) -> None:
    delete(ledger.index_path("0"))


def test_it_is_taken_while_windows_go_on_and_the_newest_two_are_kept(
    log: SqliteLog, tmp_path: Path, store: Path, snapshots: IndexSnapshots
) -> None:
    with Ledger(log, tmp_path) as ledger:
        made = []
        for version in (1, 2, 3):
            with_versions(ledger, version)
            made.append(save(ledger, snapshots))
        live = ledger.told.queries["0"].state()
    assert [each.state.sequence for each in made] == [1, 2, 3]
    assert made[-1].state == live
    assert list(snapshots.newest("0", log.identity("0"))) == [made[2], made[1]]
    assert [len(files(store, ending)) for ending in (".json", ".zst")] == [2, 2]
    assert not list(tmp_path.glob("*.copy*"))


def test_a_node_without_an_index_goes_on_from_the_newest(log: SqliteLog, tmp_path: Path, snapshots: IndexSnapshots) -> None:
    # given a snapshot, and more in the log since
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1, 2)
        save(ledger, snapshots)
        with_versions(ledger, 3)
        path = ledger.index_path("0")
    expected = rows(path)
    lose_index(ledger)
    # when a node has no index, and reads nothing that is in the snapshot
    with capture_logs() as captured, Ledger(log, tmp_path, snapshots=snapshots) as ledger:
        with_versions(ledger, 4)
        assert ledger.told.queries["0"].last_version("sub_1") == 4
    # then it has what it had before, and what came
    assert [entry["sequence"] for entry in captured if entry["event"] == "index restored"] == [2]
    assert set(expected["events"]) < set(rows(path)["events"])
    assert len(rows(path)["events"]) == 4


@pytest.mark.parametrize(("worth", "restored"), [(2, [3]), (10, [])])
def test_an_index_is_replaced_only_where_it_is_far_behind(
    log: SqliteLog, tmp_path: Path, snapshots: IndexSnapshots, monkeypatch: pytest.MonkeyPatch, worth: int, restored: list[int]
) -> None:
    monkeypatch.setattr(snapshot_keeper, "WORTH", worth)
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1)
    (tmp_path / "old").write_bytes(ledger.index_path("0").read_bytes())
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 2, 3)
        save(ledger, snapshots)
    (tmp_path / "old").replace(ledger.index_path("0"))
    with capture_logs() as captured, Ledger(log, tmp_path, snapshots=snapshots) as ledger:
        assert ledger.told.queries["0"].last_version("sub_1") == 3
    assert [entry["sequence"] for entry in captured if entry["event"] == "index restored"] == restored


def garbled(store: Path) -> None:
    path = files(store, ".zst")[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(store: Path) -> None:
    path = files(store, ".zst")[-1]
    path.write_bytes(path.read_bytes()[:-100])


def half(store: Path) -> None:
    """Some of its parts are missing whole."""
    path = files(store, ".zst")[-1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def gone(store: Path) -> None:
    files(store, ".zst")[-1].unlink()


def no_manifest(store: Path) -> None:
    files(store, ".json")[-1].write_bytes(b'{"name": 1}')


def odd_manifest(store: Path) -> None:
    path = files(store, ".json")[-1]
    path.write_bytes(re.sub(rb'"offset":(\d+)', rb'"offset":"\1"', path.read_bytes()))


def of_another_release(store: Path) -> None:
    path = files(store, ".json")[-1]
    path.write_bytes(path.read_bytes().replace(b'"schema":', b'"schema":9'))


def of_another_index(store: Path) -> None:
    """The older one's content under the newer one's name."""
    (_, older), (_, newer) = ((path, path.read_bytes()) for path in files(store, ".zst"))
    files(store, ".zst")[-1].write_bytes(older)
    manifests = files(store, ".json")
    size_and_digest = manifests[0].read_bytes().partition(b'"size"')[2]
    before = manifests[1].read_bytes().partition(b'"size"')[0]
    manifests[1].write_bytes(before + b'"size"' + size_and_digest)
    assert newer != older


@pytest.mark.parametrize(
    "damage", [garbled, cut_off, half, gone, no_manifest, odd_manifest, of_another_release, of_another_index]
)
def test_one_that_is_no_good_is_told_and_the_next_older_taken(
    damage: Callable[[Path], None],
    log: SqliteLog,
    tmp_path: Path,
    store: Path,
    snapshots: IndexSnapshots,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index_snapshots, "PART_BYTES", 512)
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1)
        save(ledger, snapshots)
        with_versions(ledger, 2)
        save(ledger, snapshots)
    lose_index(ledger)
    damage(store)
    with capture_logs() as captured, Ledger(log, tmp_path, snapshots=snapshots) as ledger:
        assert ledger.told.queries["0"].last_version("sub_1") == 2
    assert [entry["sequence"] for entry in captured if entry["event"] == "index restored"] == [1]
    assert [entry["event"] for entry in captured if entry["log_level"] == "warning"] == ["snapshot passed over"]


def test_another_logs_are_not_seen_in_a_store_that_is_shared(
    log: SqliteLog, tmp_path: Path, store: Path, snapshots: IndexSnapshots
) -> None:
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1)
        save(ledger, snapshots)
    other = SqliteLog(tmp_path / "other.db", partitions=1)
    assert list(snapshots.newest("0", other.identity("0"))) == []
    # and where somebody copies them over, they are passed over
    [folder] = (store / HERE / "0").iterdir()
    theirs = IndexSnapshots(store.as_uri(), HERE)._folder("0", other.identity("0"))
    folder.rename(store / theirs)
    with capture_logs() as captured:
        assert list(snapshots.newest("0", other.identity("0"))) == []
    assert f"it is of {log.identity('0')}" in captured[0]["reason"]


def test_one_that_is_ahead_of_the_log_stops_its_partition(log: SqliteLog, tmp_path: Path, snapshots: IndexSnapshots) -> None:
    # given a log that has lost what a snapshot has seen
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1, 2, 3)
        save(ledger, snapshots)
    lose_index(ledger)
    with closing(sqlite3.connect(log.path)) as connection, connection:
        connection.execute("DELETE FROM records WHERE partition = '0' AND offset > 1")
    # then nobody goes on from it
    ledger = Ledger(log, tmp_path, snapshots=snapshots)
    ledger.window.start()
    ledger.told.wait(lambda: ledger.told.count("broken"))
    ledger.window.close()
    [reason] = [call[2] for call in ledger.told.calls if call[0] == "broken"]
    assert "the log has lost records" in str(reason)


def test_a_store_that_is_away_keeps_nobody_from_serving(log: SqliteLog, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    snapshots = IndexSnapshots((tmp_path / "store").as_uri(), HERE)
    (tmp_path / "store").rmdir()
    (tmp_path / "store").write_bytes(b"no folder")
    with Ledger(log, tmp_path, snapshots=snapshots) as ledger:
        with_versions(ledger, 1)


def test_an_owner_writes_one_when_its_index_has_grown(
    log: SqliteLog, tmp_path: Path, snapshots: IndexSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_keeper, "WORTH", 3)
    monkeypatch.setattr(snapshot_keeper, "EVERY_S", 0.01)

    def sequences() -> list[int]:
        return [each.state.sequence for each in snapshots.newest("0", log.identity("0"))]

    with Ledger(log, tmp_path, snapshots=snapshots) as ledger:
        with_versions(ledger, 1, 2, 3)
        until(lambda: sequences() == [3])
        with_versions(ledger, 4, 5, 6)
        until(lambda: sequences() == [6, 3])
    # and the next owner does not write the same again
    written = len(list(tmp_path.rglob("*.zst")))
    with Ledger(log, tmp_path, snapshots=snapshots) as ledger, capture_logs() as captured:
        with_versions(ledger, 7, 8, 9)
        until(lambda: sequences() == [9, 6])
    assert [entry["event"] for entry in captured if "snapshot" in entry["event"]] == ["snapshot written"]
    assert len(list(tmp_path.rglob("*.zst"))) == written


def test_a_copy_that_would_fill_the_disk_is_not_made(
    log: SqliteLog, tmp_path: Path, snapshots: IndexSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1)
        full = shutil.disk_usage(tmp_path)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(OSError, match="no room"):
            save(ledger, snapshots)


HALF_WRITTEN = """
import os, sys
from pathlib import Path
from infra.eventlog.index_snapshots import IndexSnapshots

parts = 0

def die() -> None:
    global parts
    parts += 1
    if parts == int(sys.argv[4]):
        os.kill(os.getpid(), 9)

IndexSnapshots(sys.argv[1], "sandbox").save("0", Path(sys.argv[2]), sys.argv[3], die)
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_one_that_is_killed_while_it_writes_leaves_the_older_one(
    at: int, log: SqliteLog, tmp_path: Path, store: Path, snapshots: IndexSnapshots
) -> None:
    """Killed while it copies, and before and after the compressed index has reached the store."""
    with Ledger(log, tmp_path) as ledger:
        with_versions(ledger, 1)
        first = save(ledger, snapshots)
        with_versions(ledger, 2)
        command = [sys.executable, "-c", HALF_WRITTEN, store.as_uri(), str(ledger.index_path("0")), log.identity("0"), str(at)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert list(snapshots.newest("0", log.identity("0"))) == [first]
        # and the next ones are written, and what was left is gone with the first
        with_versions(ledger, 3)
        save(ledger, snapshots)
        with_versions(ledger, 4)
        save(ledger, snapshots)
    assert [len(files(store, ending)) for ending in (".json", ".zst")] == [2, 2]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server, which the usual variables name."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {"ENDPOINT_URL": f"http://{host}:{port}", "REGION": "eu-central-1", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3", endpoint_url=given["ENDPOINT_URL"]).create_bucket(
        Bucket="indexes", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield "indexes"
    server.stop()


def test_they_lie_in_an_s3_bucket_as_well(bucket: str, log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_snapshots, "PART_BYTES", 512)
    snapshots = IndexSnapshots(f"s3://{bucket}/some/prefix", HERE)
    with Ledger(log, tmp_path) as ledger:
        made = []
        for version in (1, 2, 3):
            with_versions(ledger, version)
            made.append(save(ledger, snapshots))
    assert made[-1].size > 512
    assert list(snapshots.newest("0", log.identity("0"))) == [made[2], made[1]]
    expected = rows(ledger.index_path("0"))
    lose_index(ledger)
    snapshots.restore(made[-1], ledger.index_path("0"), on)
    assert rows(ledger.index_path("0")) == expected
    # and a bucket that is not there is said so
    with pytest.raises(index_snapshots.STORE_ERRORS):
        list(IndexSnapshots("s3://nowhere/x", HERE).newest("0", log.identity("0")))
