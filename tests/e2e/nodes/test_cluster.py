"""What takes all nodes: time that moves on a test clock, and how they are."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from typing import Any

import pytest

from infra.eventlog.record import CATALOG
from tests.e2e.nodes.cluster import PARTITIONS, Cluster
from tests.faults.deployment import process_environment

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


NODES_ONLY = [
    ("GET", "/v1/cluster/node"), ("POST", "/v1/cluster/partitions/0/advance"), ("POST", "/v1/cluster/transfers"),
]  # fmt: skip
CARD = {"storefront": "web", "payment_method": {"provider": "simulator", "token": "sim_ok"}}


def done(two: Cluster, node: int, path: str, body: Any) -> dict[str, Any]:
    answer = two.post(node, path, body, uuid.uuid4().hex)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("sender", [0, 1])
def test_a_test_clock_moves_for_the_customers_of_all_nodes(two: Cluster, sender: int) -> None:
    # given customers of both nodes on a test clock
    clock = f"clock-{sender}"
    done(two, sender, "/v1/test-clocks", {"id": clock, "now": "2026-01-01T00:00:00Z"})
    customers: list[str] = []
    for node in (0, 1, 0, 1):
        method = {"provider": "simulator", "token": "sim_ok"}
        external_id = two.customer_of(node, f"{clock}-{len(customers)}")
        body = {"storefront": "web", "external_id": external_id, "test_clock": clock, "payment_method": method}
        customers.append(str(done(two, sender, "/v1/customers", body)["id"]))
        done(two, sender, "/v1/subscriptions", {"customer": customers[-1], "price": "monthly"})
    # when it is advanced by three months, at either node
    moved = done(two, sender, f"/v1/test-clocks/{clock}/advance", {"now": "2026-04-02T00:00:00Z"})
    # then the answer says where all of it stands, at both nodes
    positions = dict(position.split("@") for position in moved["positions"])
    paid = [record for record in two.records("payment.captured.v1") if record.key.partition("/")[2] in customers]
    assert len(paid) == 4 * len(customers)
    assert all(int(record.attributes["sequence"]) <= int(positions[record.partition]) for record in paid)
    assert {record.partition for record in paid} | {CATALOG} <= positions.keys()
    # and both nodes have the clock's new time
    for node in (0, 1):
        assert two.request(node, "GET", f"/v1/test-clocks/{clock}").json()["now"] == "2026-04-02T00:00:00Z"


@pytest.mark.parametrize("sender", [0, 1])
def test_a_subscription_goes_to_a_customer_of_the_other_node(two: Cluster, sender: int) -> None:
    # given a customer of each node, one with a subscription
    names = [two.customer_of(node, f"move-{sender}") for node in (0, 1)]
    ada, bob = (str(done(two, sender, "/v1/customers", {**CARD, "external_id": name})["id"]) for name in names)
    sold = done(two, sender, "/v1/subscriptions", {"customer": ada, "price": "monthly"})
    # when it is transferred, at either node
    path = f"/v1/subscriptions/{sold['id']}/transfer"
    moved = two.post(sender, path, {"customer": bob}, f"move-{sender}", Prefer="wait=10")
    # then it has ended at one and begun at the other, once
    assert (moved.status_code, moved.json()["state"]) == (200, "cancelled"), moved.text
    (started,) = two.of_customer(bob, "subscription.started.v2")
    assert started.attributes["subject"] == moved.json()["transfer"]["subscription"]
    (ended,) = two.of_customer(ada, "subscription.transferred.v1")
    assert started.attributes["commandid"] == ended.attributes["commandid"]
    # and the other node says the same
    again = two.post(1 - sender, path, {"customer": bob}, f"move-{sender}")
    assert (again.status_code, again.json()["transfer"]) == (200, moved.json()["transfer"])


def test_either_node_shows_the_cluster(two: Cluster) -> None:
    admin = {"Authorization": f"Bearer {two.nodes[0].admin_key}"}
    for asked in (0, 1):
        # when
        found = two.request(asked, "GET", "/v1/cluster", **admin).json()
        # then every partition is at one node, and served there
        assert found["unowned"] == []
        assert {(node["name"], node["address"]) for node in found["nodes"]} == {
            (node.settings.node, node.settings.address) for node in two.nodes
        }
        partitions = [each for node in found["nodes"] for each in node["partitions"]]
        assert sorted(each["partition"] for each in partitions) == sorted([CATALOG, *map(str, range(PARTITIONS))])
        assert {(each["state"], each["lag"]) for each in partitions} == {("serving", 0)}
        assert all(each["term"] >= 1 for each in partitions)
        assert all(node["answers"] and not node["unready"] for node in found["nodes"])


def test_it_is_shown_to_the_admin_alone(two: Cluster) -> None:
    answer = two.request(0, "GET", "/v1/cluster")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-missing")


@pytest.mark.parametrize(("method", "path"), NODES_ONLY)
def test_what_nodes_ask_of_each_other_takes_their_key(two: Cluster, method: str, path: str) -> None:
    admin = {"Authorization": f"Bearer {two.nodes[0].admin_key}"}
    assert two.request(0, method, path, {}, **admin).status_code == 401
    assert two.request(0, method, path, {}).status_code == 401


def test_the_command_line_shows_it(two: Cluster) -> None:
    command = [sys.executable, "-m", "infra.cli", "cluster", "--url", two.nodes[1].url, "--json"]
    ended = subprocess.run(command, env=process_environment(two.nodes[1]), stdout=subprocess.PIPE, check=True)
    assert {node["address"] for node in json.loads(ended.stdout)["nodes"]} == {node.settings.address for node in two.nodes}
