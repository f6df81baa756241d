"""Readers that know nothing of this project see the CloudEvents headers."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from infra.eventlog.topics import Names
from tests.integration.kafka.support import Node, append


def test_kcat_shows_the_headers(kafka_bootstrap: str, node: Node) -> None:
    kcat = shutil.which("kcat")
    if kcat is None:
        pytest.skip("kcat is not installed (Debian: apt install kcat)")
    # given a committed event
    (record,) = node.write(append("0", "a"))
    # when kcat reads its partition
    where = ["-b", kafka_bootstrap, "-t", Names(node.log.environment).events, "-p", "0", "-o", "beginning"]
    read = subprocess.run(
        [kcat, "-C", "-e", "-q", *where, "-X", "isolation.level=read_committed", "-f", "%k|%h|%s\n"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    # then it shows claim and event with key, headers and value
    claim, event = read.stdout.splitlines()
    assert "ce_type=ledger.partition_claimed.v1" in claim
    key, headers, value = event.split("|")
    shown = dict(header.split("=", 1) for header in headers.split(","))
    assert key == "acme/cus_1"
    assert value.encode() == record.value
    assert shown == {f"ce_{name}": text for name, text in record.attributes.items()} | {
        "ce_specversion": "1.0",
        "content-type": "application/json",
        "ce_previoushash": record.previous_hash,
        "ce_hash": record.hash,
    }
