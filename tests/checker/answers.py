"""What clients were told against what counts: acknowledged is there once and whole, refused not at all, unknown at most once."""

from __future__ import annotations

import hmac
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.checker.counting import Command, Partition
from tests.checker.history import Call, Violation

RULE = "answers"
# What a client may be told of a key that was done before is its answer again; never that it cannot be done.
_CANNOT = (404, 409, 412, 422)


def command_id(secret: bytes, tenant: str, key: str) -> str:
    """The id under which a client's key stands in the log."""
    return f"client:{keyed_hash(secret, 'command', tenant, key)}"


def fingerprint(secret: bytes, call: Call) -> str:
    """What the log keeps of a request, to know it again."""
    body = json.dumps({} if call.body is None else call.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return keyed_hash(secret, "fingerprint", call.method, call.path, body)


def keyed_hash(secret: bytes, *parts: str) -> str:
    """HMAC-SHA-256 over the parts, each after its length in bytes and a colon."""
    text = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return hmac.digest(secret, text.encode(), "sha256").hex()


def told_the_truth(partitions: Mapping[str, Partition], calls: Sequence[Call], secret: bytes) -> Iterator[Violation]:
    """Every rule of this file. A call without a key is found by its receipt alone."""
    by_id: dict[str, list[Command]] = defaultdict(list)
    by_position: dict[str, Command] = {}
    for partition in partitions.values():
        for command in partition.commands:
            by_id[command.id].append(command)
            by_position[command.position] = command
    asked: dict[tuple[str, str], list[Call]] = defaultdict(list)
    told: dict[str, Call] = {}
    for call in calls:
        if call.acknowledged and call.method == "POST" and not (isinstance(call.answer, dict) and "receipt" in call.answer):
            yield Violation(RULE, "acknowledged without a receipt", (str(call),))
        elif call.method == "POST":
            asked[_tenant(call), call.key].append(call)
    for (tenant, key), sent in asked.items():
        for call in sent:
            if call.acknowledged:
                yield from _receipt(call, by_position, command_id(secret, tenant, key) if key else None)
                yield from _one_receipt_one_key(call, told)
        if key:
            yield from _by_key(sent, by_id.get(command_id(secret, tenant, key), ()), secret)
    yield from _nobody_sent(partitions, asked, told, secret)


def _receipt(call: Call, by_position: Mapping[str, Command], id: str | None) -> Iterator[Violation]:
    """The command stands where the receipt says, is the one that was asked for, and is what the receipt says."""
    receipt = call.answer["receipt"]
    command = by_position.get(receipt["position"])
    if command is None:
        yield Violation(RULE, f"acknowledged at {receipt['position']}, where no command that counts ends", (str(call),))
        return
    shown = (str(call), str(command))
    if id is not None and command.id != id:
        yield Violation(RULE, "another command stands where the receipt says", shown)
    elif receipt["event_hash"] != command.last.record.headers["ce_hash"]:
        yield Violation(RULE, "another event stands where the receipt says", shown)
    elif (receipt["stream"], receipt["version"]) not in {(event.stream, event.version) for event in command.events}:
        yield Violation(RULE, f"the receipt's {receipt['stream']}/{receipt['version']} is of another command", shown)


def _one_receipt_one_key(call: Call, told: dict[str, Call]) -> Iterator[Violation]:
    other = told.setdefault(call.answer["receipt"]["position"], call)
    if (_tenant(other), other.key) != (_tenant(call), call.key) or (not call.key and other is not call):
        yield Violation(RULE, "two commands were acknowledged with one receipt", (str(other), str(call)))


def _by_key(calls: Sequence[Call], commands: Sequence[Command], secret: bytes) -> Iterator[Violation]:
    """All calls with one key: by what was asked."""
    by_fingerprint: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_fingerprint[fingerprint(secret, call)].append(call)
    done = {event.record.headers.get("ce_fingerprint") for command in commands for event in command.events}
    for asked, same in by_fingerprint.items():
        acknowledged = [call for call in same if call.acknowledged]
        if len({_text(call.answer["receipt"]) for call in acknowledged}) > 1:
            yield Violation(RULE, "one key was answered with several receipts", tuple(map(str, acknowledged)))
        told_done = next((call for call in same if call.acknowledged or call.declined), None)
        if told_done is not None and asked not in done:
            yield Violation(RULE, "acknowledged, but under its key something else was done or nothing", (str(told_done),))
        if asked in done and all(call.refused for call in same):
            yield Violation(RULE, "refused, and done even so", (str(same[0]), *map(str, commands)))
        for call in same:
            earlier = next((one for one in acknowledged if one.end < call.begin), None)
            if call.status in _CANNOT and earlier is not None:
                yield Violation(RULE, "acknowledged, and refused when it was sent again", (str(earlier), str(call)))


def _nobody_sent(
    partitions: Mapping[str, Partition], asked: Mapping[tuple[str, str], Sequence[Call]], told: Mapping[str, Call], secret: bytes
) -> Iterator[Violation]:
    """A client's command that counts was sent by somebody, where the tenant's calls are recorded."""
    ids = {command_id(secret, tenant, key) for tenant, key in asked if key}
    keyless = {tenant for (tenant, key), calls in asked.items() if not key and any(not call.refused for call in calls)}
    recorded = {tenant for tenant, _ in asked}
    for name, partition in partitions.items():
        for command in partition.commands if name != "catalog" else ():
            tenant = command.scope.partition("/")[0]
            known = command.id in ids or command.position in told or tenant in keyless
            if command.id.startswith("client:") and tenant in recorded and not known:
                yield Violation(RULE, "a command that nobody sent", (str(command),))


def _tenant(call: Call) -> str:
    """A tenant's making belongs to itself."""
    return str(call.body["id"]) if call.path == "/v1/tenants" else call.tenant


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
