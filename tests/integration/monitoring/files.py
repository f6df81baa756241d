"""What is in deploy/prometheus and deploy/grafana, and which metrics it asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "subledger.json"

_OURS = re.compile(r"\b((?:subledger|process)_\w+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
OF_PROMETHEUS = frozenset({"job", "instance", "process", "le"})


def alerts() -> list[dict[str, Any]]:
    """Every alert, as its file has it."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard, rows too."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def expressions() -> list[str]:
    """PromQL of the dashboard, an interval in the place of Grafana's variable."""
    queries = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return [expression.replace("$__rate_interval", "1m") for expression in queries]


def asked_for() -> set[tuple[str, frozenset[str]]]:
    """Metrics that alerts and dashboard name, each with the labels by which it is chosen there; Prometheus' own left out."""
    texts = [*expressions(), *(alert["expr"] for alert in alerts())]
    return {
        (name, frozenset(_LABEL.findall(selector)) - OF_PROMETHEUS) for text in texts for name, selector in _OURS.findall(text)
    }
