"""What the processes show of themselves, once they have done something."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.running import Running
from tests.integration.monitoring.files import OF_PROMETHEUS, ROOT, asked_for

pytestmark = pytest.mark.slow

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
_ROW = re.compile(r"^\| `(subledger_\w+)` \| ([^|]*) \|", re.MULTILINE)


def scrape(url: str) -> Samples:
    """Every sample by its name and labels."""
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def families(running: Running) -> dict[str, frozenset[str] | None]:
    """The labels of every metric of the processes, by its name without a histogram's endings; None: it has no samples yet."""
    found: dict[str, frozenset[str] | None] = {}
    for url in (running.url, f"http://127.0.0.1:{running.settings.projector_port}"):
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = [frozenset(sample.labels) - OF_PROMETHEUS for sample in family.samples]
            found[name] = frozenset().union(*labels) if labels else None
    return found


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """A tenant's key; to issue it took commands."""
    return running.tenant_key("acme")


def test_commands_are_counted_by_how_they_ended(running: Running, key: str) -> None:
    # given a customer, registered twice under one key, and a command for nobody's subscription
    before = scrape(running.url)
    with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {key}"}) as client:
        front = {"id": f"web-{uuid.uuid4().hex[:8]}", "name": "Web"}
        for _ in range(2):
            assert client.post("/v1/storefronts", json=front, headers={"Idempotency-Key": front["id"]}).status_code == 201
        refused = client.post("/v1/customers", json={"storefront": "nobodys"}, headers={"Idempotency-Key": "c"})
        assert refused.status_code == 422
    # then each stands under its name and outcome, and its request under its route
    after = scrape(running.url)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("subledger_commands_total", command="create_storefront", outcome="committed", reason="") == 1
    assert more("subledger_commands_total", command="create_storefront", outcome="replayed", reason="") == 1
    assert more("subledger_commands_total", command="register_customer", outcome="refused", reason="NotFound") == 1
    requests = {"app": "commands", "route": "/v1/storefronts", "method": "POST", "status": "201"}
    assert more("subledger_http_request_duration_seconds_count", **requests) == 2
    assert more("subledger_windows_total", outcome="committed") >= 2
    assert more("subledger_events_appended_total") == 1


def test_the_projector_shows_how_far_it_is(running: Running, key: str) -> None:
    assert key
    appended = value(scrape(running.url), "subledger_partition_sequence", partition="catalog")
    assert appended > 0
    url = f"http://127.0.0.1:{running.settings.projector_port}"
    until(lambda: value(scrape(url), "subledger_projector_sequence", partition="catalog") >= appended)
    until(lambda: ("subledger_projector_lag_records", frozenset({("partition", "catalog")})) in scrape(url))
    samples = scrape(url)
    assert value(samples, "subledger_ready") == 1
    assert value(samples, "subledger_projector_batch_events_sum") > 0
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}


def test_no_label_names_anybody(running: Running, key: str) -> None:
    with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {key}"}) as client:
        for path in ("/v1/customers/cus_0123456789abcdef0123456789ab", "/v1/customers?storefront=acme", "/acme"):
            client.get(path)
    url = f"http://127.0.0.1:{running.settings.projector_port}"
    labels = {text for samples in (scrape(running.url), scrape(url)) for _, pairs in samples for _, text in pairs}
    assert [text for text in labels if "acme" in text or re.search(r"[0-9a-f]{12}", text)] == []


def test_alerts_and_dashboard_ask_for_what_there_is(running: Running, key: str) -> None:
    assert key
    until(lambda: families(running).get("subledger_projector_lag_seconds") is not None)
    found = families(running)
    asked = {(re.sub("_(bucket|sum|count)$", "", name), chosen_by) for name, chosen_by in asked_for()}
    assert {name for name, _ in asked} <= set(found)
    wrong = [(name, chosen_by) for name, chosen_by in asked if (labels := found[name]) is not None and not chosen_by <= labels]
    assert wrong == []


def test_every_metric_is_explained_with_its_labels(running: Running, key: str) -> None:
    assert key
    until(lambda: families(running).get("subledger_projector_lag_seconds") is not None)
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    explained = {name: frozenset(re.findall(r"\w+", labels)) for name, labels in _ROW.findall(page)}
    found = {name: labels for name, labels in families(running).items() if name.startswith("subledger_")}
    assert set(explained) == set(found)
    assert [(name, explained[name]) for name, labels in found.items() if labels not in (None, explained[name])] == []
