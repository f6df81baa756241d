"""What a process says of itself at /metrics."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

# What the windows' time is divided into, by its name here.
STAGES = {"numbering and staging": "stage", "log": "commit", "indexes": "index"}


def window_seconds(url: str) -> dict[str, float]:
    """What the windows of a command node have taken so far, by stage, in seconds that passed."""
    text = httpx.get(f"{url}/metrics", timeout=10, trust_env=False).raise_for_status().text
    found = {
        sample.labels["stage"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("window_duration_seconds_sum")
    }
    return {name: found[stage] for name, stage in STAGES.items()}
