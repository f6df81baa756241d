"""``?dry_run=true``: what a command would do, of which nothing is kept."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson

from commands import api_render
from commands.api_forward import Reply
from commands.ports import Preview, Vault
from domain.invoice.aggregate import Invoice
from infra.http.problems import invalid

PARAMETER = "dry_run"


def is_asked(query_string: bytes) -> bool:
    """Whether a command's query asks for it; raises a Problem for whatever else stands there."""
    if not query_string:
        return False
    given = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    if any(name != PARAMETER for name, _ in given):
        raise invalid("query", "", "unknown_parameter", f"Commands take no other query parameter than {PARAMETER}.")
    if given not in ([(PARAMETER, "true")], [(PARAMETER, "false")]):
        raise invalid("query", f"/{PARAMETER}", "dry_run_invalid", f"{PARAMETER} is true or false.")
    return given[0][1] == "true"


def reply(preview: Preview, vault: Vault) -> Reply:
    """The resource as it would be, the events as they would be stored, and the invoices among all that would change."""
    body = {
        "object": "preview",
        "resource": api_render.resource(preview.target, vault, preview.data_keys),
        "events": [
            {"type": event.TOPIC, "stream": event.originator_id, "data": orjson.Fragment(value)}
            for event, value in preview.events
        ],
        "invoices": [api_render.invoice(changed) for changed in preview.touched if isinstance(changed, Invoice)],
    }
    headers = {"ledger-position": preview.position}
    if preview.replayed:
        headers["idempotent-replayed"] = "true"
    if preview.quota is not None:
        headers |= api_render.rate_limits(preview.quota)
    return Reply(200, headers, orjson.dumps(body, option=orjson.OPT_UTC_Z))
