"""What must hold in every history: at each moment, and in the end by the checker, which shares nothing with the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import orjson

from commands.api_refusals import problem_of
from commands.ports import Answer, Unavailable
from domain.errors import Refusal
from infra.eventlog.index import Index
from infra.eventlog.kafka_message import record_of
from infra.eventlog.reader import Command, Reader
from infra.eventlog.takeover import BATCH_STREAMS
from infra.node.partition import Served
from infra.node.streams import derive
from tests.checker.check import judge
from tests.checker.history import Book, Capture, Charge, History, ReaderState, Record
from tests.checker.history import Call as CheckedCall
from tests.integration.eventlog.ledger import rows
from tests.simulation.broker import Entry, Place
from tests.simulation.requests import SECRET, TENANT
from tests.simulation.wire import Message
from tests.simulation.world import Attempt, Call, Shown, World


class Judge:
    """Watches ``world`` while it runs. ``violations`` is what was found, a line each; ``commands`` how many count.

    ``compares_rows``: the indexes' rows, too, with those of indexes made anew, which takes as long as all the rest.
    """

    def __init__(self, world: World, *, compares_rows: bool) -> None:
        self.violations: list[str] = []
        self.commands = 0
        self._world = world
        self._compares_rows = compares_rows
        self._hashes: set[str] = set()
        self._attempts: set[str] = set()
        world.cluster.on_decided = self._decided
        world.released = self._released
        world.called = self._called

    # At each moment

    def _decided(self, entries: Sequence[tuple[Place, Entry]]) -> None:
        for _, entry in entries:
            headers = dict(entry.headers)
            self._hashes.add(headers.get("ce_hash", b"").decode())
            if headers.get("ce_type") == b"payment.attempt_started.v1":
                self._attempts.add(orjson.loads(entry.value or b"")["key"])

    def _released(self, call: Call, answer: Answer) -> None:
        if answer.event_hash not in self._hashes:
            self.violations.append(f"released: an answer before its commit: {call.words} at {answer.position}")

    def _called(self, key: str) -> None:
        if key not in self._attempts:
            self.violations.append(f"released: a call to the provider before its attempt was committed: {key}")

    # In the end

    def judge(self, folder: Path) -> None:
        """``folder`` is for indexes made anew."""
        unsettled = self._world.unsettled()
        self.violations += [f"settled: {line}" for line in unsettled]
        self.violations += [f"died: {error}" for error in self._world.deaths]
        self.violations += [
            f"loop: {line}" for server in self._world.servers.values() if server.loop for line in server.loop.errors
        ]
        verdict = judge(self._history(folder, settled=not unsettled))
        self.commands = verdict.counts["commands"]
        self.violations += map(str, verdict.violations)

    def _history(self, folder: Path, *, settled: bool) -> History:
        world = self._world
        now = datetime.fromtimestamp(world.wall(), UTC)
        served = [
            (server.name, partition)
            for server in world.servers.values()
            if server.node is not None
            for partition in server.node._partitions.served.values()
        ]
        return History(
            records={_name(place): list(_records(world, place)) for place in world.group.places},
            calls=[_checked(world, call, attempt) for call in world.calls if call.request for attempt in call.attempts],
            secret=SECRET,
            book=_book(world),
            states=[_state(f"the index of {name}", each) for name, each in served],
            digests=self._digests(folder, [each for _, each in served]) if self._compares_rows else {},
            settled_at=now.isoformat() if settled else "",
        )

    def _digests(self, folder: Path, served: Sequence[Served]) -> dict[str, dict[str, str]]:
        """Of the rows in each index that is in use, and in one made anew."""
        places = {_name(place): place for place in self._world.group.places}
        anew = {
            name: _rebuilt(self._world, places[name], folder / f"anew-{name}.sqlite") for name in (each.name for each in served)
        }
        return {"live": {each.name: _digest(each.queries.path) for each in served}, "rebuilt": anew}


def _name(place: Place) -> str:
    return "catalog" if place[0].endswith("catalog") else str(place[1])


def _records(world: World, place: Place) -> Iterator[Record]:
    for offset, entry in world.cluster.partitions[place].committed(0):
        headers = {name: text.decode() for name, text in entry.headers}
        yield Record(_name(place), offset, (entry.key or b"").decode(), headers, entry.value or b"")


def _checked(world: World, call: Call, attempt: Attempt) -> CheckedCall:
    assert call.request is not None
    result, status, headers, shown = attempt.result, None, {}, None
    if isinstance(result, Shown):
        answer = result.answer
        receipt = {
            "stream": answer.stream,
            "version": answer.version,
            "position": answer.position,
            "event_hash": answer.event_hash,
        }
        status, headers, shown = 200, {"etag": f'"{answer.version}"'}, {**result.resource, "receipt": receipt}
    elif isinstance(result, Refusal | Unavailable):
        problem = problem_of(result)
        status, shown = problem.status, {"code": problem.code}
    end = world.kernel.now if attempt.end is None else attempt.end
    return CheckedCall(
        client=attempt.server,
        begin=attempt.begin,
        end=end,
        method="POST",
        path=call.request.path,
        tenant=TENANT,
        status=status,
        key=call.request.key,
        body=call.request.body,
        headers=headers,
        answer=shown,
    )


def _book(world: World) -> Book:
    charges, captures = [], []
    for key, charge in world.provider.book.items():
        amount, currency = charge.amount.amount, charge.amount.currency
        charges.append(Charge(key, charge.account, charge.token, amount, currency, charge.mismatches))
        captures += [Capture(key, amount, currency)] * charge.captures
    return Book(charges, captures)


def _state(holder: str, served: Served) -> ReaderState:
    state = served.queries.state()
    return ReaderState(holder, served.name, state.offset, state.sequence, state.term, state.chain)


def _digest(path: Path) -> str:
    """Of all rows that depend on what counts alone: an owner does not read what others append in vain while it serves."""
    found = rows(path)
    del found["quarantine"]
    return sha256(repr(found).encode()).hexdigest()


def _rebuilt(world: World, place: Place, path: Path) -> str:
    """The digest of an index made anew from the log."""
    index, rule = Index(path, "anew"), Reader()
    messages = (Message(place, offset, entry) for offset, entry in world.cluster.partitions[place].committed(0))
    results = [result for message in messages for result in rule.feed(record_of(message, _name(place)))]  # type: ignore[arg-type]
    index.absorb([result for result in results if isinstance(result, Command)], (), rule.state)
    while index.settle(derive, BATCH_STREAMS):
        pass
    index.queries.close()
    index.close()
    return _digest(path)
