"""Prometheus takes its files, each alert fires when it should, and each is explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.integration.monitoring.files import PROMETHEUS, ROOT, alerts, expressions, panels

RULE_TESTS = Path(__file__).with_name("alerts.test.yml")
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_its_configuration_and_the_alerts() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", RULE_TESTS)


def test_each_alert_is_tried_both_ways() -> None:
    tried: defaultdict[str, set[bool]] = defaultdict(set)
    for test in yaml.safe_load(RULE_TESTS.read_text("utf-8"))["tests"]:
        for case in test["alert_rule_test"]:
            tried[case["alertname"]].add(bool(case.get("exp_alerts")))
    assert tried == {alert["alert"]: {False, True} for alert in alerts()}


@needs_promtool
def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions())]
    assert rules
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)


def test_the_panels_do_not_overlap() -> None:
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels()
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(24))
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_each_alert_says_how_urgent_it_is_and_where_it_is_explained() -> None:
    explained = re.findall(r"^### (Subledger\w+)\n\n\*\*(\w+)\.\*\*", PAGE, re.MULTILINE)
    assert explained == sorted(explained, key=lambda found: [alert["alert"] for alert in alerts()].index(found[0]))
    assert dict(explained) == {alert["alert"]: alert["labels"]["severity"] for alert in alerts()}
    for alert in alerts():
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert alert["annotations"]["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_the_page_points_to_places_that_it_has() -> None:
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors


def test_what_is_scraped_are_services_of_the_compose_file() -> None:
    [job] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    targets = {target.partition(":")[0] for config in job["static_configs"] for target in config["targets"]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert targets == {"commands", "queries", "projector"} <= set(services)
    assert job["job_name"] == "subledger"
