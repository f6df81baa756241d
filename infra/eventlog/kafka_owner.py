"""The write side of the log on Kafka: claims, and windows that the broker refuses from anybody who is not the owner.

Every transaction sends an offset for each partition that it writes or proves: that of our claim there. So the group's committed
offset of a partition names its present owner's claim, in which a successor finds the transactional ids to settle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import orjson
import structlog
from confluent_kafka import TopicPartition

from infra.eventlog.kafka_client import Bootstrap, asking_client, committed_end, record_at, uncommitted
from infra.eventlog.kafka_lane import Lane, Transaction, Unsettled
from infra.eventlog.kafka_leaders import Leaders
from infra.eventlog.kafka_membership import Membership
from infra.eventlog.kafka_message import headers_of, record_of
from infra.eventlog.log import CLOCK_TOLERANCE_S, Aborted, AppendError, Change, LogUnavailable, LogUnusable, NotOwner, nothing
from infra.eventlog.number import claim_record
from infra.eventlog.record import Record
from infra.eventlog.topics import Names

_LANES = 2
_PROMPT_S = 0.2
_PATIENCE_S = 4.0
_GLANCE_S = 0.005

_log = structlog.stdlib.get_logger(__name__)


class KafkaOwner:
    """Owns what the group assigns to it. One window is in flight; two lanes take turns, while the broker ends the last window."""

    def __init__(
        self,
        bootstrap: Bootstrap,
        names: Names,
        partitions: Sequence[str],
        node: str,
        address: str,
        clock: Callable[[], float],
    ) -> None:
        """``clock`` gives seconds since 1970, to be held against the broker's. Raises LogUnavailable."""
        self._bootstrap = bootstrap
        self._names = names
        self._partitions = partitions
        self._node = node
        self._address = address
        self._clock = clock
        self._skew_s = 0.0
        self._admin = asking_client(bootstrap)
        self._leaders = Leaders(self._admin, names)
        self._lanes = [Lane(bootstrap, names.transactional_id(node, number)) for number in range(_LANES)]
        self._windows = 0
        self._claims: dict[str, int] = {}
        self._loading = False
        self._membership = Membership(bootstrap, names, names.owners, address)
        self.recover()

    def poll(self, timeout_s: float) -> Change:
        change = self._membership.poll(timeout_s)
        for partition in change.lost:
            self._claims.pop(partition, None)
        return change

    def claim(self, partition: str, term: int, now: datetime) -> Record:
        try:
            return self._claim(partition, term, now)
        except NotOwner:
            raise
        except (AppendError, LogUnavailable) as error:
            _log.warning("claim failed", partition=partition, term=term, error=str(error))
            # Nothing was decided under this claim: whether it stands is seen when the next one is read through.
            raise Aborted(f"partition {partition} could not be claimed: {error}") from error

    def commit(
        self,
        records: Sequence[Record],
        data_keys: Mapping[str, bytes],
        proves: frozenset[str],
        meanwhile: Callable[[], None] = nothing,
    ) -> Mapping[str, int]:
        last = {record.partition: position for position, record in enumerate(records)}
        partitions = proves | last.keys()
        membership, assigned = self._membership.proof()
        missing = partitions - (assigned & self._claims.keys())
        if missing:
            raise NotOwner(missing)
        positions = [self._names.place(partition, self._claims[partition]) for partition in partitions]
        begun = self._clock()
        with self._transaction(partitions) as transaction:
            for position, record in enumerate(records):
                self._produce(transaction, record, report=last[record.partition] == position)
            for key, wrapped in data_keys.items():
                transaction.produce(TopicPartition(self._names.keys, 0), key.encode(), wrapped, [], report=False)
            meanwhile()
            transaction.flush()
            # Only now: the fence says that the partitions are ours still, so that a successor's claim stands behind what was
            # delivered before it. A record delivered after it could come to stand behind the claim, committed and not counted.
            transaction.send_offsets(positions, membership)
            self._check_clock(transaction, begun)
        return {partition: self._offset(transaction, partition) + 1 for partition in last}

    def load(self, records: Sequence[Record]) -> None:
        if not self._loading and any(committed_end(self._admin, self._names.place(name)) for name in self._partitions):
            raise LogUnusable("an export is loaded into an empty log only")
        self._loading = True
        with self._transaction(frozenset()) as transaction:
            for record in records:
                self._produce(transaction, record, report=False)
            transaction.flush()

    def last_claim(self, partition: str, below: int) -> Record | None:
        offset = self._membership.committed(partition)
        return self._claim_at(partition, offset) if 0 <= offset < below else None

    def recover(self) -> None:
        try:
            for lane in self._lanes:
                lane.settle()
        except Unsettled:
            self._leave_lanes()
            for lane in self._lanes:
                lane.settle()

    def unwritable(self, partitions: Iterable[str]) -> dict[str, str]:
        return self._leaders.unwritable(partitions)

    def close(self) -> None:
        self._membership.close()
        self._drop_lanes()

    def _claim(self, partition: str, term: int, now: datetime) -> Record:
        self._claims.pop(partition, None)
        place = self._names.place(partition)
        before = self._membership.committed(partition)
        membership, assigned = self._membership.proof()
        if partition not in assigned:
            raise NotOwner({partition})
        ids = [lane.transactional_id for lane in self._lanes]
        record = claim_record(partition, term, now, self._names.environment, self._address, ids)
        begun = self._clock()
        with self._transaction(frozenset({partition})) as transaction:
            self._produce(transaction, record, report=True)
            transaction.flush()
            offset = self._offset(transaction, partition)
            transaction.send_offsets([self._names.place(partition, offset)], membership)
            self._check_clock(transaction, begun)
        if not self._readable(place, offset, _PROMPT_S):
            self._settle_owners_before(partition, before, offset)
            if not self._readable(place, offset, _PATIENCE_S):
                raise Aborted(f"an open transaction holds back the claim at offset {offset}")
        self._claims[partition] = offset
        return replace(record, offset=offset)

    def _readable(self, place: TopicPartition, offset: int, limit_s: float) -> bool:
        """Can a committed reader reach ``offset`` within ``limit_s``?"""
        deadline = time.monotonic() + limit_s
        while committed_end(self._admin, place) <= offset:
            if time.monotonic() > deadline:
                return False
            time.sleep(_GLANCE_S)
        return True

    def _settle_owners_before(self, partition: str, committed: int, own: int) -> None:
        """End what a former owner left open, dead in a window or in its claim: by the transactional ids that the last
        committed claim names, and those that stand open themselves below our ``own``.
        """
        claims = self._open_claims(partition, own)
        if committed >= 0 and (last := self._claim_at(partition, committed)) is not None:
            claims.append(last)
        ours = {lane.transactional_id for lane in self._lanes}
        for transactional_id in {name for claim in claims for name in orjson.loads(claim.value)["transactional_ids"]} - ours:
            _log.info("settling a former owner's window", transactional_id=transactional_id, partition=partition)
            try:
                Lane(self._bootstrap, transactional_id).settle()
            except (Unsettled, LogUnavailable) as error:
                # It has been asked to end, and may have here if not elsewhere: what counts is whether our claim can be read.
                _log.warning("a former owner's window is not settled", partition=partition, error=str(error))

    def _open_claims(self, partition: str, below: int) -> list[Record]:
        """Claims that no committed reader can see yet. Raises LogUnavailable."""
        place = self._names.place(partition)
        place.offset = committed_end(self._admin, place)
        found = [record_of(message, partition) for message in uncommitted(self._bootstrap, place, below)]
        return [record for record in found if record.is_claim]

    def _claim_at(self, partition: str, offset: int) -> Record | None:
        """The claim at an offset. Raises LogUnavailable."""
        message = record_at(self._bootstrap, self._names.place(partition, offset))
        record = record_of(message, partition) if message is not None else None
        return record if record is not None and record.is_claim else None

    def _produce(self, transaction: Transaction, record: Record, report: bool) -> None:
        place = self._names.place(record.partition)
        transaction.produce(place, record.key.encode(), record.value, headers_of(record), report)

    def _offset(self, transaction: Transaction, partition: str) -> int:
        place = self._names.place(partition)
        return transaction.delivered[place.topic, place.partition][0]

    def _check_clock(self, transaction: Transaction, begun: float) -> None:
        """Our clock numbers and dates the records: it must agree with the broker's when a record is delivered. It may have been
        set right only since ``begun``: what was dated before that is ahead then.
        """
        if transaction.delivered:
            broker_s = max(broker_ms for _, broker_ms in transaction.delivered.values()) / 1000
            ahead_s = begun - broker_s
            self._skew_s = ahead_s if ahead_s > CLOCK_TOLERANCE_S else self._clock() - broker_s
        if abs(self._skew_s) > CLOCK_TOLERANCE_S:
            raise Aborted(f"our clock is {self._skew_s:+.1f} s off the broker's; at most {CLOCK_TOLERANCE_S:.0f} s are allowed")

    @contextmanager
    def _transaction(self, partitions: frozenset[str]) -> Iterator[Transaction]:
        """A transaction on the lane whose turn it is."""
        self._windows += 1
        try:
            for lane in self._lanes:  # both: claims name both, and would have to be made anew without the other
                lane.ready()
            with self._lanes[self._windows % _LANES].transaction(partitions) as transaction:
                yield transaction
        except NotOwner:
            self._disown(partitions)
            self._drop_lanes()
            raise
        except Unsettled:
            self._leave_lanes()
            raise
        except Aborted:
            self._drop_lanes()
            raise

    def _disown(self, partitions: Iterable[str]) -> None:
        """Write them no more before a new claim."""
        for partition in partitions:
            self._claims.pop(partition, None)

    def _leave_lanes(self) -> None:
        """Go on under other transactional ids, which new claims have to name. What was open under the former ones is decided: it
        will have ended before a claim behind it can be read.
        """
        since_ms = int(self._clock() * 1000)
        left = [lane.transactional_id for lane in self._lanes]
        self._lanes = [
            Lane(self._bootstrap, self._names.transactional_id(self._node, number, since_ms)) for number in range(_LANES)
        ]
        self._claims.clear()
        _log.warning("transactional ids left behind", left=left, now=[lane.transactional_id for lane in self._lanes])

    def _drop_lanes(self) -> None:
        """Both start afresh: a successor may have settled either, or an outage have left either waiting for ever."""
        for lane in self._lanes:
            lane.drop()
