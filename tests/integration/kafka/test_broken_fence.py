"""The broker's fence fails: what a former owner writes then stands in the topic behind the new owner's, and counts for nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.reader import LogBroken
from infra.postgres.digest import digest
from infra.postgres.migrate import migrate
from infra.postgres.roles import projector_dsn
from tests.checker import logs
from tests.checker.check import check
from tests.checker.history import History
from tests.integration.eventlog.ledger import Ledger
from tests.integration.kafka.readers import Projecting, Readers
from tests.integration.kafka.zombie import Wild, overtaken_log, zombie_log
from tests.read_models.story import Life, tell_troubled_life

pytestmark = pytest.mark.slow

LIFE = list(tell_troubled_life(Life("acme", "crm-1", None)))
[PARTITION] = {command.partition for command in LIFE}
APPENDS = [command.append(number) for number, command in enumerate(LIFE)]


@pytest.fixture
def readers(kafka_bootstrap: str, environment: str, postgres_dsn: str, tmp_path: Path) -> Readers:
    migrate(postgres_dsn)
    return Readers(KafkaLog(kafka_bootstrap, environment), kafka_bootstrap, projector_dsn(postgres_dsn), tmp_path, PARTITION)


@pytest.fixture
def wild(kafka_bootstrap: str, environment: str) -> Iterator[Wild]:
    """A zombie that has claimed the partition for term 1 and written the first two commands."""
    wild = Wild(kafka_bootstrap, environment, PARTITION)
    wild.claim()
    for append in APPENDS[:2]:
        wild.write(*wild.number(append))
    yield wild
    wild.close()


def audited(bootstrap: str, environment: str) -> dict[str, int]:
    """What ``subledger verify`` prints of the partition."""
    variables = {"SUBLEDGER_KAFKA_BOOTSTRAP": bootstrap, "SUBLEDGER_ENVIRONMENT": environment}
    verifying = [sys.executable, "-m", "infra.cli", "verify", "--json"]
    done = subprocess.run(verifying, env=os.environ | variables, stdout=subprocess.PIPE, check=True)
    found: dict[str, int] = json.loads(done.stdout)["partitions"][PARTITION]
    return found


def test_a_zombie_behind_the_new_owner_is_quarantined_by_every_reader(
    kafka_bootstrap: str, environment: str, readers: Readers, tmp_path: Path
) -> None:
    log = zombie_log(kafka_bootstrap, environment, "zombie")
    with Ledger(log, tmp_path / "zombie") as zombie:
        # given an owner that goes on writing when its partitions have gone to another
        zombie.commit(APPENDS[0])
        log.deaf.set()
        with Ledger(KafkaLog(kafka_bootstrap, environment, "successor"), tmp_path / "successor") as successor:
            readers.follow()
            # when both write, each in turn, and both acknowledge
            lost = [append._replace(command_id=f"client:lost-{append.command_id}") for append in APPENDS]
            for turn in (1, 2, 3):
                zombie.commit(lost[turn])
                successor.commit(APPENDS[turn])
                readers.follow()
            zombie.commit(lost[4])
            # then nobody counts what the zombie wrote, and everybody stands where the owner does
            offsets = readers.agree()
            assert len(offsets) == sum(len(append.events) for append in lost[1:5])
            state = successor.told.queries[PARTITION].state()
            assert (state.sequence, state.chain) == (readers.projected().sequence, readers.projected().chain)
    # and the auditor's command says how many there are
    assert audited(kafka_bootstrap, environment)["quarantined"] == len(offsets)
    # and an outsider who trusts the fence is told that it has failed
    records = logs.from_kafka(kafka_bootstrap, environment)
    assert check(History(records=records, fenced=False)) == []
    assert len(check(History(records=records))) == len(offsets)


def test_of_two_claims_of_one_term_the_first_counts_and_the_other_claims_again(
    kafka_bootstrap: str, environment: str, readers: Readers, wild: Wild, tmp_path: Path
) -> None:
    # given a node that takes over, and a zombie that claims the same term just before it does
    log = overtaken_log(kafka_bootstrap, environment, PARTITION, wild.claim)
    with Ledger(log, tmp_path / "overtaken") as ledger:
        # then the node sees that its own claim does not count, and serves under the next term
        assert ledger.told.queries[PARTITION].state().term == 3
        readers.follow()
        # and what the zombie writes under its claim, which counted once, counts no more
        wild.write(*wild.number(APPENDS[2]))
        readers.follow()
        ledger.commit(APPENDS[2])
        assert len(readers.agree()) == 1 + len(APPENDS[2].events)


def test_a_claim_between_a_commands_two_events_drops_the_command(
    kafka_bootstrap: str, environment: str, readers: Readers, wild: Wild, tmp_path: Path
) -> None:
    # given a zombie that has written one of a command's events, when another claims the partition
    events = wild.number(APPENDS[3])
    assert len(events) > 1

    def begin() -> None:
        wild.write(events[0])
        assert readers.follow().sequence == events[0].sequence - 1

    log = overtaken_log(kafka_bootstrap, environment, PARTITION, begin)
    with Ledger(log, tmp_path / "overtaken") as ledger:
        # and which then writes the others
        readers.follow()
        wild.write(*events[1:])
        readers.follow()
        # then nobody counts any of them, and the owner can write the command
        ledger.commit(APPENDS[2])
        ledger.commit(APPENDS[3])
        assert len(readers.agree()) == len(events)


def test_a_gap_stops_every_reader_for_good(
    kafka_bootstrap: str, environment: str, postgres_dsn: str, readers: Readers, wild: Wild, tmp_path: Path
) -> None:
    log, dsn = KafkaLog(kafka_bootstrap, environment), projector_dsn(postgres_dsn)
    before = readers.follow()
    rows = digest(dsn)
    # given that the current owner's records lack some
    missing = wild.number(APPENDS[2])
    wild.write(*wild.number(APPENDS[3]))
    said = f"sequence {missing[-1].sequence + 1} after {before.sequence}"
    for _ in range(2):  # when one starts again, or when what was missing comes after all, then it stops again
        # then the projector stops and says so, with the rows as they were
        stopped = Projecting(log, dsn).to_the_end()
        assert isinstance(stopped.error, LogBroken)
        assert said in str(stopped.error)
        assert digest(dsn) == rows
        assert readers.projected() == before
        # and so does an index, the auditor and the checker
        with pytest.raises(LogBroken, match=said):
            readers.index("followed")
        [finding] = readers.verified().findings
        assert said in finding.reason
        [violation] = check(History(records=logs.from_kafka(kafka_bootstrap, environment)))
        assert said in violation.what
        wild.write(*missing)
    # and no node serves the partition, but all others
    ledger = Ledger(KafkaLog(kafka_bootstrap, environment, "node"), tmp_path / "node")
    ledger.window.start()
    try:
        ledger.told.wait(lambda: ledger.told.count("broken") and len(ledger.told.queries) == len(log.partitions) - 1)
        assert ledger.told.queries.keys() == set(log.partitions) - {PARTITION}
        assert said in str(next(call for call in ledger.told.calls if call[0] == "broken"))
    finally:
        ledger.window.close()


def test_an_index_that_a_zombie_wrote_past_the_fence_serves_nobody(
    kafka_bootstrap: str, environment: str, readers: Readers, tmp_path: Path
) -> None:
    # given a zombie whose index holds what it wrote behind its successor's claim, and counts nowhere
    log = zombie_log(kafka_bootstrap, environment, "zombie")
    with Ledger(log, tmp_path / "zombie") as zombie:
        zombie.commit(APPENDS[0])
        log.deaf.set()
        with Ledger(KafkaLog(kafka_bootstrap, environment, "successor"), tmp_path / "successor") as successor:
            successor.commit(APPENDS[1])
            zombie.commit(APPENDS[1]._replace(command_id="client:lost"))
    # when it is started again, with the fence as it should be, and is the only one left
    again = Ledger(KafkaLog(kafka_bootstrap, environment, "zombie"), tmp_path / "zombie")
    again.window.start()
    try:
        again.told.wait(lambda: again.told.count("broken") or PARTITION in again.told.queries)
        # then it does not serve by what its index says, and says why
        assert PARTITION not in again.told.queries
        assert "delete it" in str(next(call for call in again.told.calls if call[0] == "broken"))
    finally:
        again.window.close()
    # and whoever takes the partition over by what counts can go on
    with Ledger(KafkaLog(kafka_bootstrap, environment, "successor"), tmp_path / "successor") as successor:
        successor.commit(APPENDS[2])
        readers.agree()
