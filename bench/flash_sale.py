"""A flash sale: ten times what the ledger sustains comes at once, for a minute, and then it is over. Is anything lost or done
twice, is everybody answered, and how soon is it as before?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Annotated
from uuid import uuid4

import typer

from bench.commands import start
from bench.harness.command import Customers, Json, LogName, OneLog, main, on_each_log
from bench.harness.deployment import Deployment, deployed
from bench.harness.load import load
from bench.harness.open_loop import Posts, Sent, Step, percentile, send
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import PAID, Shop, open_shop
from bench.harness.usage import cpu_s
from bench.harness.watching import await_quiet, watched
from domain.ids import keyed_hash
from infra.http.connection import raise_file_limit
from tests.faults.plain_reader import counted, partitions

TIMES = 10
CONNECTIONS = 10_000
BACK_S = 30.0
_SUSTAINED_S = 5.0
_OPENING_S = 2
# Before and after the sale comes half of what is sustained. As before: at most so much slower than in the worst second then.
_NORMAL = 0.5
_AS_BEFORE = 1.5


@dataclass(frozen=True, slots=True)
class Times:
    """When the sale begins, when it is over, and when nobody comes any more, in seconds from the first request."""

    begin: float
    over: float
    end: float

    @classmethod
    def of(cls, seconds: float) -> Times:
        """For a sale that lasts so long."""
        begin, after = max(_OPENING_S + 1.0, seconds / 4), max(5.0, seconds * 3 / 4)
        return cls(begin, begin + seconds, begin + seconds + after)


Crowd = Annotated[float, typer.Option("--seconds", min=1, help="How long the sale lasts.")]


def flash_sale(seconds: Crowd = 60.0, customers: Customers = 20_000, log: OneLog = None, json: Json = False) -> None:
    """An open-loop step of ten times the sustained rate."""
    notes = (
        "A command starts a paid subscription; its charge follows. Sustained: what 64 connections get answered that wait for each"
        " answer. Half of that comes before and after the sale.",
        f"The sale: {TIMES} times the sustained rate, at random intervals, in an open loop over {CONNECTIONS:,} connections;"
        " latencies count from when a request was due, and so does waiting for a free connection.",
        "Every idempotency key is looked up in the log, which is read by a plain client: an acknowledged one has to stand there"
        " once, one that was refused (429) not at all.",
        "The command process, the broker and the load share the machine.",
    )
    lines = on_each_log(log, partial(_on_log, seconds=seconds, customers=customers))
    show(Result("flash_sale", "A flash sale", lines, notes), json)


def _on_log(name: LogName, bootstrap: str | None, folder: Path, seconds: float, customers: int) -> Iterator[Line]:
    raise_file_limit()
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log:
        told(f"{name}: {customers:,} customers")
        shop = open_shop(ledger, customers)
        sustained = load(ledger.commands.url, start(shop, PAID, folder), min(seconds, _SUSTAINED_S)).per_second
        await_quiet(log)
        told(f"{name}: {sustained:,.0f} commands/s are sustained; the sale")
        times = Times.of(seconds)
        node, load_s = cpu_s(ledger.commands.process), process_time()
        sent = _sale(ledger, shop, sustained, times)
        node, load_s = cpu_s(ledger.commands.process) - node, process_time() - load_s
        await_quiet(log)
        done = _commands(ledger, {_command_id(ledger, shop, each.key): each.key for each in sent})
    yield Line(f"{name}: sustained", sustained, "commands/s")
    yield from _answers(name, sent, times)
    yield from _proofs(name, sent, done)
    yield from _recovery(name, sent, times)
    yield Line(f"{name}: processor time of the command node", 1000 * node / len(sent), "ms an answer")
    yield Line(f"{name}: processor time of the load", 1000 * load_s / len(sent), "ms an answer")


def _sale(ledger: Deployment, shop: Shop, sustained: float, times: Times) -> list[Sent]:
    posts = Posts("/v1/subscriptions", shop.key, shop.customers, f'{{"customer":"{{}}","price":"{PAID}"}}', uuid4().hex)
    normal = _NORMAL * sustained
    steps = [
        Step(normal, times.begin), Step(TIMES * sustained, times.over - times.begin), Step(normal, times.end - times.over),
    ]  # fmt: skip
    return send(ledger.commands.url, posts, steps, connections=CONNECTIONS)


def _command_id(ledger: Deployment, shop: Shop, key: str) -> str:
    return f"client:{keyed_hash(ledger.settings.secret_bytes, 'command', shop.tenant, key)}"


def _commands(ledger: Deployment, keys: dict[str, str]) -> Counter[str]:
    """How often a command of each of these keys counts in the log; ``keys`` by command id."""
    return Counter(
        keys[headers["ce_commandid"]]
        for _, records in partitions(ledger.settings)
        for headers, _ in counted(records)
        if headers["ce_commandindex"] == "1" and headers["ce_commandid"] in keys
    )


def _answers(name: str, sent: Sequence[Sent], times: Times) -> Iterator[Line]:
    sale = [each for each in sent if times.begin <= each.due_s < times.over]
    by_status = Counter(each.status for each in sale)
    took = max(each.answered_s for each in sale) - times.begin
    yield Line(f"{name}: due in the sale", len(sale) / (times.over - times.begin), "commands/s")
    yield Line(f"{name}: done of them (201)", by_status[201] / took, "commands/s")
    yield Line(f"{name}: refused of them (429)", by_status[429] / took, "commands/s")
    yield Line(f"{name}: not possible for now (503)", by_status[503], "")
    yield Line(f"{name}: p95 in the sale", percentile(sale, 95), "ms")


def _proofs(name: str, sent: Sequence[Sent], done: Counter[str]) -> Iterator[Line]:
    none = Target("figure", "<", 1)
    strange = sum(each.status not in (201, 429, 503) for each in sent)
    lost = sum(each.status == 201 and not done[each.key] for each in sent)
    twice = sum(number > 1 for number in done.values())
    against = sum(each.status == 429 and done[each.key] > 0 for each in sent)
    yield Line(f"{name}: without an answer, or with another one, of {len(sent):,}", strange, "", target=none)
    yield Line(f"{name}: acknowledged and not in the log", lost, "", target=none)
    yield Line(f"{name}: in the log twice", twice, "", target=none)
    yield Line(f"{name}: refused and in the log", against, "", target=none)


def _recovery(name: str, sent: Sequence[Sent], times: Times) -> Iterator[Line]:
    """How long after the sale's end a second's p95 was last worse than before the sale."""
    by_second: dict[int, list[Sent]] = {}
    for each in sent:
        by_second.setdefault(int(each.due_s), []).append(each)
    before = max(percentile(by_second[second], 95) for second in range(_OPENING_S, int(times.begin)))
    slow = [at for at, some in by_second.items() if at >= times.over and percentile(some, 95) > _AS_BEFORE * before]
    back = max((at + 1 - times.over for at in slow), default=0.0)
    yield Line(f"{name}: p95 before the sale, in the worst second", before, "ms")
    yield Line(f"{name}: p95 as before, after the sale's end", back, "s", target=Target("figure", "<", BACK_S))


if __name__ == "__main__":
    main(flash_sale)
