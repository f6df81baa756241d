"""A history says what each event changed, by the aggregate's own fold."""

from __future__ import annotations

from typing import Any

from projections.history.view import bodies
from tests.read_models.case import changes, rows_in_memory
from tests.read_models.story import Life, tell_catalog, tell_changed_life, tell_troubled_life


def stream_rows(life: Life, prefix: str) -> list[dict[str, Any]]:
    rows = rows_in_memory(changes(tell_troubled_life(life)))["history"]
    first = next(row["stream"] for row in rows if row["stream"].startswith(prefix))
    return [row for row in rows if row["stream"] == first]


def test_an_implied_change_of_state_shows_before_and_after() -> None:
    rows = stream_rows(Life("acme", "crm-1", None), "sub_")
    by_type = {body["type"]: body["changes"] for body in bodies(rows)}
    assert by_type["subscription.started.v2"]["state"] == {"before": None, "after": "trial"}
    assert by_type["subscription.activated.v1"] == {"state": {"before": "trial", "after": "active"}}
    assert by_type["subscription.suspended.v2"]["state"] == {"before": "grace", "after": "suspended"}
    assert by_type["subscription.cancelled.v2"]["state"] == {"before": "active", "after": "cancelled"}


def test_of_what_has_several_parts_those_that_changed_show() -> None:
    rows = rows_in_memory(changes(tell_changed_life(Life("acme", "crm-3", None))))["history"]
    found = list(bodies([row for row in rows if row["stream"].startswith("sub_")]))
    changed = next(body["changes"] for body in found if body["type"] == "subscription.changed.v1")
    assert [item["quantity"] for item in changed["sold"]["after"].values()] == ["3"]
    assert changed["sold"]["before"] == {}
    assert {*changed["sale"]["before"]} == {*changed["sale"]["after"]} == {"agreements"}
    (posted,) = found[-1]["changes"]["posted"]["after"].values()  # of the last period alone
    assert [posting["amount"] for posting in posted] == [1000]


def test_who_when_and_where_stand_beside_what() -> None:
    first = next(bodies(stream_rows(Life("acme", "crm-1", None), "cus_")))
    assert first["actor"] == "key_1"
    assert first["position"].endswith("@1")
    assert first["data"]["personal"] == "masked"


def test_no_hash_of_a_key_is_shown() -> None:
    rows = rows_in_memory(changes(tell_catalog("acme")))["history"]
    issued = next(row for row in rows if row["type"] == "api_key.issued.v1")
    body = next(bodies([issued]))
    assert body["data"]["secret_hash"] == body["changes"]["secret_hash"]["after"] == "masked"
