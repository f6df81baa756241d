"""The window in a process of its own: what the node hears of it, and how either ends without the other."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from infra.eventlog.derived import Derived
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import LogUnusable
from infra.eventlog.reader import ReaderState
from infra.eventlog.rebuild import index_lock
from infra.eventlog.record import Append, Event
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.sqlite_owner import FileLock
from infra.node import window_process
from infra.node.window_process import WindowProcess, WindowProcessError, framed
from infra.settings import Settings
from tests.integration.node.support import until


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    ours: frozenset[str] = frozenset()
    epochs: dict[str, int] = field(default_factory=dict)
    queries: dict[str, IndexQueries] = field(default_factory=dict)
    committed: dict[object, Committed] = field(default_factory=dict)
    refusals: dict[object, str] = field(default_factory=dict)
    error: BaseException | None = None

    def assigned(self, partitions: frozenset[str]) -> None:
        self.ours = partitions

    def serving(self, partition: str, queries: IndexQueries, _state: ReaderState, epoch: int) -> None:
        self.queries[partition], self.epochs[partition] = queries, epoch

    def stopped(self, partitions: frozenset[str], _reason: str) -> None:
        for partition in partitions:
            self.queries.pop(partition).close()

    unknown = stopped

    def settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        self.committed.update(results)

    def proved(self) -> None: ...

    def failed(self, epochs: Mapping[str, int], _reason: str) -> None:
        self.epochs.update(epochs)

    def refused(self, token: object, reason: str) -> None:
        self.refusals[token] = reason

    def broken(self, _partition: str, error: Exception) -> None:
        self.error = error

    def died(self, error: BaseException) -> None:
        self.error = error

    def entry(self, token: object, version: int, key: str = "t/cus_1") -> Entry:
        append = Append("0", key, "t", f"client:{version}", (Event("sub_1", version, "subscription.cancelled.v2", b"{}"),))
        return Entry("0", self.epochs["0"], token, append, {"sub_1": Derived(open=True, parent="cus_1")})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    SqliteLog(tmp_path / "log.sqlite", "sandbox", 2).close()
    return Settings(state=tmp_path, partitions=2)


@pytest.fixture
def lock(settings: Settings) -> Iterator[FileLock]:
    lock = index_lock(settings.state / "index")
    yield lock
    lock.release()


async def serving(settings: Settings, lock: FileLock) -> tuple[WindowProcess, Heard]:
    heard = Heard()
    window = WindowProcess(settings, heard, lock)
    await window.start()
    await until(lambda: heard.error is not None or heard.queries.keys() == {"0", "1", "catalog"})
    return window, heard


def test_it_commits_refuses_counts_and_ends(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        assert heard.error is None
        assert heard.ours == {"0", "1", "catalog"}
        # when an entry is right, and one contradicts it
        window.submit(heard.entry("first", 1))
        await until(lambda: "first" in heard.committed)
        epoch = heard.epochs["0"]
        window.submit(heard.entry("again", 1))
        # then one is there for every reader, the other refused
        await until(lambda: "again" in heard.refusals and heard.epochs["0"] > epoch)
        assert heard.committed["first"].sequence == 1
        assert [row.stream for row in heard.queries["0"].stream_events("sub_1")] == ["sub_1"]
        # and under the new epoch it goes on
        window.submit(heard.entry("second", 2))
        await until(lambda: "second" in heard.committed)
        await until(lambda: window.counts.windows["committed"] == 2)
        assert window.counts.windows["refused"] == 1
        await window.close()
        assert heard.error is None

    asyncio.run(scenario())


def test_a_process_that_is_killed_is_told(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        os.kill(window._process.pid, signal.SIGKILL)
        await until(lambda: heard.error is not None)
        assert isinstance(heard.error, WindowProcessError)
        await window.close()

    asyncio.run(scenario())


def test_one_that_is_killed_while_it_starts_is_told_and_closed_like_any_other(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        # given a process that has not read what it was sent
        heard = Heard(epochs={"0": 1})
        window = WindowProcess(settings, heard, lock)
        await window.start()
        # when it is killed, and what comes is still submitted
        window._process.kill()
        await until(lambda: heard.error is not None)
        window.submit(heard.entry("late", 1))
        await asyncio.sleep(0)
        # then that it has ended is the one thing that is told
        await window.close()
        assert isinstance(heard.error, WindowProcessError)

    uvloop.run(scenario())  # the node's loop: asyncio's own lets one write on what is closed


def test_one_that_hangs_is_killed_in_the_end(settings: Settings, lock: FileLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_process, "CLOSE_LIMIT_S", 0.1)

    async def scenario() -> None:
        window, _ = await serving(settings, lock)
        os.kill(window._process.pid, signal.SIGSTOP)
        with pytest.raises(WindowProcessError, match="did not end"):
            await window.close()
        assert await window._process.wait() == -signal.SIGKILL

    asyncio.run(scenario())


def test_it_is_gone_with_the_node_and_the_next_one_serves(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        window.submit(heard.entry("first", 1))
        await until(lambda: "first" in heard.committed)
        window._entries.transport.abort()  # as when the node is killed
        await window._process.wait()
        again, heard = await serving(settings, lock)
        assert heard.error is None
        assert heard.queries["0"].last_version("sub_1") == 1
        await again.close()

    asyncio.run(scenario())


async def half_a_message(window: WindowProcess, _: Heard) -> None:
    window._entries.write(framed([])[:-1])


async def reports_that_nobody_read(window: WindowProcess, heard: Heard) -> None:
    window._entries.transport.pause_reading()  # type: ignore[attr-defined]
    window.submit(heard.entry("first", 1))
    end = window._entries.get_extra_info("socket").fileno()
    await until(lambda: bool(select.select([end], [], [], 0)[0]))


@pytest.mark.parametrize("left", [half_a_message, reports_that_nobody_read])
def test_it_ends_without_a_word_whatever_a_killed_node_leaves(
    left: Callable[[WindowProcess, Heard], Awaitable[None]], settings: Settings, lock: FileLock, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        await left(window, heard)
        window._entries.transport.abort()
        assert await window._process.wait() == 1
        assert "Traceback" not in capfd.readouterr().err

    asyncio.run(scenario())


def test_signals_for_the_node_do_not_end_it(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        os.kill(window._process.pid, signal.SIGTERM)
        os.kill(window._process.pid, signal.SIGINT)
        window.submit(heard.entry("first", 1))
        await until(lambda: "first" in heard.committed)
        await window.close()
        assert window._process.returncode == 0

    asyncio.run(scenario())


def test_a_log_that_cannot_be_owned_is_told_as_what_it_is(
    settings: Settings, lock: FileLock, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        window, _ = await serving(settings, lock)
        second, heard = await serving(settings, lock)
        assert isinstance(heard.error, LogUnusable)
        assert "Traceback" not in capfd.readouterr().err  # it is said in one line, by the node
        await second.close()
        await window.close()

    asyncio.run(scenario())


def test_one_that_is_stopped_is_missed_and_ended(settings: Settings, lock: FileLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_process, "SILENT_BEATS", 2)

    async def scenario() -> None:
        window, heard = await serving(settings, lock)
        os.kill(window._process.pid, signal.SIGSTOP)
        await until(lambda: heard.error is not None)
        assert str(heard.error) == f"the window process has ended, with status {-signal.SIGKILL}"
        await window.close()

    asyncio.run(scenario())


IMPATIENT = "import sys, infra.window_child as child; child.NODE_SILENT_BEATS = 2; child.main(int(sys.argv[1]))"


def test_it_gives_up_where_the_node_hangs(settings: Settings, lock: FileLock) -> None:
    # given a window process whose node says nothing after its settings, and never ends
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", IMPATIENT, str(theirs.fileno())]
        child = subprocess.Popen(command, pass_fds=[theirs.fileno(), lock.fileno()], stderr=subprocess.PIPE, text=True)
        ours.sendall(framed(settings))
        # then it ends, and says why
        _, output = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "the node hangs" in output


def test_one_that_outlives_its_node_keeps_the_next_one_out(settings: Settings, lock: FileLock) -> None:
    async def scenario() -> None:
        window, _ = await serving(settings, lock)
        # given a process that is stopped while its node is killed
        os.kill(window._process.pid, signal.SIGSTOP)
        lock.release()
        with pytest.raises(LogUnusable, match="owned by another process"):
            index_lock(settings.state / "index")
        # when it is gone as well
        window._process.kill()
        await window._process.wait()
        index_lock(settings.state / "index").release()
        await window.close()

    asyncio.run(scenario())
