"""The nodes as an operator sees them, and what they ask of each other.

What nodes ask takes a key that only they have. All else that goes from node to node is a client's own request.
"""

from __future__ import annotations

import hmac
from typing import Any, Literal

import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from commands import api_body, api_headers
from commands.api_desk import Desk
from commands.api_docs import read
from commands.api_forward import is_forwarded, node_key
from domain.subscription.values import Handover
from infra.http.auth import bearer_token, unauthenticated
from infra.http.problems import Problem, invalid, not_found

PATH = "/v1/cluster"


class PartitionReport(BaseModel):
    """One partition at its owner. ``term`` and ``sequence`` are those of its last claim and event; ``waiting`` are commands that
    have no answer yet; ``lag`` is how many records of the log its index lacks. Null: not known.
    """

    partition: str = Field(examples=["7", "catalog"])
    state: Literal["serving", "taking_over", "broken", "unknown"]
    term: int | None = None
    sequence: int | None = None
    waiting: int = 0
    lag: int | None = None


class NodeReport(BaseModel):
    """One node. ``answers`` false: it was not reached, and the partitions are those that the group of owners gives it.
    ``unready`` says what keeps commands out, or why there is no report.
    """

    address: str = Field(examples=["node-1:8000"])
    name: str | None = None
    answers: bool
    unready: list[str]
    waiting_max: int | None = None
    partitions: list[PartitionReport]


class ClusterReport(BaseModel):
    """All nodes. ``unowned`` are the partitions that none of them has just now: they are about to be taken over."""

    object: Literal["cluster"] = "cluster"
    environment: str
    nodes: list[NodeReport]
    unowned: list[str]


class _Advance(BaseModel):
    """A clock's new time stands in the catalog, at this sequence or before."""

    model_config = ConfigDict(extra="forbid")

    tenant: str
    clock: str
    catalog_sequence: int


_ADVANCE = TypeAdapter(_Advance)
_HANDOVER = TypeAdapter(Handover)


def add(app: FastAPI, desk: Desk) -> None:
    """Let the app answer for the cluster."""

    @app.get(PATH, tags=["Cluster"], **read("See the nodes and their partitions", returns=ClusterReport, problems=(422, 503)))
    async def get_cluster(request: Request) -> Response:
        """With the bootstrap admin key only; `x-tn` is not needed. Of a node that does not answer in time it says so."""
        caller = await desk.caller(api_headers.read(request.scope["headers"]), "read")
        if not caller.is_admin:
            raise Problem(403, "permission-missing", "Not allowed", "Only the admin key may do this.")
        if request.query_params:
            raise invalid("query", "", "unknown_parameter", "There are no query parameters here.")
        nodes = [NodeReport.model_validate(report) for report in await desk.ledger.nodes()]
        nodes.sort(key=lambda node: node.address)
        owned = {each.partition for node in nodes for each in node.partitions}
        unowned = [name for name in desk.ledger.partitions if name not in owned]
        found = ClusterReport(environment=desk.settings.environment, nodes=nodes, unowned=unowned)
        return _json(found.model_dump())

    @app.get(f"{PATH}/node", include_in_schema=False)
    async def get_node(request: Request) -> Response:
        _nodes_only(desk, request)
        return _json(desk.ledger.report())

    @app.post(f"{PATH}/transfers", include_in_schema=False)
    async def take_over(request: Request) -> Response:
        _nodes_only(desk, request)
        handover = api_body.validated(_HANDOVER, api_body.parse(await request.body()))
        return _json({"refused": await desk.ledger.take_over(handover)})

    @app.post(f"{PATH}/partitions/{{partition}}/advance", include_in_schema=False)
    async def advance_partition(request: Request) -> Response:
        _nodes_only(desk, request)
        partition, asked = request.path_params["partition"], api_body.validated(_ADVANCE, api_body.parse(await request.body()))
        if partition not in desk.ledger.partitions:
            raise not_found("partition", partition)
        sequence = await desk.ledger.advance_partition(partition, asked.tenant, asked.clock, asked.catalog_sequence)
        return _json({"sequence": sequence})


def _nodes_only(desk: Desk, request: Request) -> None:
    """Raises a Problem for anybody else; Unavailable for the nodes of another ledger."""
    is_forwarded(request.scope, desk.mark)
    token = bearer_token(request.headers.get("authorization"))
    if not hmac.compare_digest(token.encode(), node_key(desk.settings.secret).encode()):
        raise unauthenticated("Only a node of this deployment may ask this.")


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
