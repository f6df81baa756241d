"""The command node's metrics: commands, windows, partitions, charges, timers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.eventlog.counts import WindowCounts, WindowOutcome
from infra.eventlog.reader import Kind
from infra.metrics.families import counter, counters, gauge, gauges, histogram
from infra.node.counts import NodeCounts, NodeState
from infra.node.node import Node


class NodeCollector(Collector):
    """Of one node, asked on its loop."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        yield from _commands(self._node.counts)
        yield from _windows(self._node.window_counts)
        yield from _state(self._node.state(), self._node.window_counts)


def _commands(counts: NodeCounts) -> Iterator[Metric]:
    yield counters("commands", "Commands answered, by how they ended.", ("command", "outcome", "reason"), dict(counts.commands))
    yield histogram("charge_duration_seconds", "Calls to payment providers.", ("provider", "outcome"), dict(counts.charges))


def _windows(counts: WindowCounts) -> Iterator[Metric]:
    ended = {(outcome,): counts.windows[outcome] for outcome in get_args(WindowOutcome)}
    stages = {("stage",): counts.stage_s, ("commit",): counts.commit_s, ("index",): counts.index_s}
    yield counters("windows", "Windows (group commits), by how they ended.", ("outcome",), ended)
    yield counter("events_appended", "Events committed to the log.", counts.events)
    yield histogram("window_commands", "Commands whose answers waited for a window.", (), {(): counts.commands})
    yield histogram("window_bytes", "Bytes of the events of a window.", (), {(): counts.bytes})
    yield histogram("window_duration_seconds", "What a committed window took, by stage.", ("stage",), stages)
    yield histogram("takeover_duration_seconds", "From a partition's assignment to serving it.", (), {(): counts.takeover_s})
    yield counter("takeovers_put_off", "Takeovers that were given up for now, to be tried again.", counts.takeovers_put_off)
    yield counters(
        "index_quarantined_records", "Records that did not count, met by the node's indexes.", ("kind",),
        {(kind,): counts.quarantined[kind] for kind in get_args(Kind)},
    )  # fmt: skip


def _state(state: NodeState, counts: WindowCounts) -> Iterator[Metric]:
    partitions = {("assigned",): len(state.assigned), ("serving",): len(state.sequences), ("broken",): len(state.broken)}
    yield gauge("ready", "1 where /readyz says so.", not state.unready)
    yield gauges("partitions", "Partitions of this node, by state.", ("state",), partitions)
    yield gauges(
        "partition_term", "The term under which a partition is served.", ("partition",),
        {(name,): counts.terms[name] for name in state.sequences},
    )  # fmt: skip
    yield gauges(
        "partition_sequence", "The last committed event of a partition that is served.", ("partition",),
        {(name,): sequence for name, sequence in state.sequences.items()},
    )  # fmt: skip
    yield gauge("commands_waiting", "Commands that wait for their turn or their window.", sum(state.waiting.values()))
    yield gauge("commands_waiting_limit", "How many may wait for their turn.", state.waiting_max)
    yield gauge("charges_in_progress", "Calls to payment providers that run.", state.charging)
    yield gauge("charges_open", "Payment attempts in the log without an outcome.", state.charges_open)
    yield gauge("transfers_open", "Transfers of subscriptions in the log without an answer.", state.transfers_open)
    yield gauge("timers_late_seconds", "How long the timer that waits longest has been due.", state.timers_late_s)
