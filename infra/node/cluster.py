"""What the nodes ask of each other, beside the requests that they send on: to advance a test clock, and how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson

from commands.api_forward import Reply, Request, node_key
from commands.ports import NotServed, Unavailable
from domain.catalog.aggregates import Clock
from domain.subscription.values import Handover
from infra.node.owners import Owners
from infra.node.peers import Peers

TRANSFER_LIMIT_S = 30.0
# As long as a client waits for the advance of a test clock.
ADVANCE_LIMIT_S = 300.0
REPORT_LIMIT_S = 2.0


class Cluster:
    """Speaks to the others with the key that all nodes of a deployment have."""

    def __init__(self, address: str, owners: Owners, peers: Peers, secret: bytes) -> None:
        self._address = address
        self._owners = owners
        self._peers = peers
        self._headers = [("authorization", f"Bearer {node_key(secret)}"), ("content-type", "application/json")]

    async def advance(self, partition: str, clock: Clock, catalog_sequence: int, here: Callable[[], Awaitable[int]]) -> int:
        """Have a partition's owner, which ``here`` is where it is this node, advance it to a clock's time; gives its last
        sequence. Raises Unavailable.
        """

        async def answered_here() -> Reply:
            return Reply(200, {}, orjson.dumps({"sequence": await here()}))

        body = orjson.dumps({"tenant": clock.tenant, "clock": clock.clock, "catalog_sequence": catalog_sequence})
        request = Request("POST", f"/v1/cluster/partitions/{partition}/advance", self._headers, body, ADVANCE_LIMIT_S)
        try:
            reply = await self._peers.forward(partition, request, answered_here)
        except NotServed as lost:  # no reason to send the whole command elsewhere
            raise Unavailable(lost.code, lost.detail) from lost
        found = orjson.loads(reply.body)
        if reply.status != 200:
            raise Unavailable("partition_not_served", f"Partition {partition} was not advanced: {found.get('detail')}")
        return int(found["sequence"])

    async def take_over(self, partition: str, handover: Handover, here: Callable[[], Awaitable[str | None]]) -> str | None:
        """Have a partition's owner, which ``here`` is where it is this node, go on with a subscription for one of its customers;
        gives the code of the refusal, if that is refused. Raises Unavailable.
        """

        async def answered_here() -> Reply:
            return Reply(200, {}, orjson.dumps({"refused": await here()}))

        body = handover.model_dump_json().encode()
        request = Request("POST", "/v1/cluster/transfers", self._headers, body, TRANSFER_LIMIT_S)
        reply = await self._peers.forward(partition, request, answered_here)
        found = orjson.loads(reply.body)
        if reply.status != 200:
            raise Unavailable("partition_not_served", f"Partition {partition} did not answer: {found.get('detail')}")
        refused: str | None = found["refused"]
        return refused

    async def reports(self, own: dict[str, Any]) -> list[dict[str, Any]]:
        """How each node is, this one's ``own`` report among them; of one that does not answer, what the group of owners says."""
        await self._owners.refresh(self._owners.version)
        others = {name: partitions for name, partitions in self._owners.all().items() if name != self._address}
        return [own, *await asyncio.gather(*(self._report(name, partitions) for name, partitions in others.items()))]

    async def _report(self, address: str, partitions: frozenset[str]) -> dict[str, Any]:
        try:
            reply = await self._peers.send(address, Request("GET", "/v1/cluster/node", self._headers, b"", REPORT_LIMIT_S))
            if reply.status == 200:
                found: dict[str, Any] = orjson.loads(reply.body)
                return found
            silence = f"it answered with {reply.status}"
        except aiohttp.ClientConnectorError as error:  # its own text speaks of TLS, which there is none of
            silence = f"no connection: {error.strerror}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            silence = str(error) or type(error).__name__
        unknown = [{"partition": name, "state": "unknown"} for name in partitions]
        return {"address": address, "answers": False, "unready": [f"no report: {silence}"], "partitions": unknown}
