"""The generated documents are those of the code, are valid, and describe what is really written."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from docs import event_schemas, generate, when
from domain.catalog.aggregates import Tenant
from domain.registry import EVENTS, encode
from infra.eventlog.kafka_message import headers_of
from infra.eventlog.number import claim_record, number
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Event, Record
from tests.unit.domain.scenario import taken

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(folder: Path, suffix: str) -> dict[str, Any]:
    """The JSON files of a folder by their names without the suffix."""
    return {path.name.removesuffix(suffix): orjson.loads(path.read_bytes()) for path in sorted(folder.glob(f"*{suffix}"))}


SCHEMAS = read(ROOT / "docs/events", ".schema.json")
GOLDEN = read(ROOT / "tests/golden", ".json")


def is_rfc3339_utc(text: object) -> bool:
    if not isinstance(text, str):  # a format is one of texts, and the type is another keyword's
        return True
    return datetime.fromisoformat(text).tzinfo == UTC and text.endswith("Z")


FORMATS = FormatChecker()
FORMATS.checks("date-time", raises=ValueError)(is_rfc3339_utc)


def faults(schema: dict[str, Any], value: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema, format_checker=FORMATS).iter_errors(value)]


class TestCheck:
    def test_the_committed_files_are_as_generated(self) -> None:
        run = subprocess.run(
            [sys.executable, "-m", "docs.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr

    @pytest.fixture
    def docs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(generate, "ROOT", tmp_path)
        monkeypatch.setattr(sys, "argv", ["generate"])
        generate.main()
        monkeypatch.setattr(sys, "argv", ["generate", "--check"])
        generate.main()  # nothing differs
        return tmp_path / "docs"

    def test_a_changed_file_is_named(self, docs: Path) -> None:
        (docs / "lifecycle.md").write_text("by hand")
        with pytest.raises(SystemExit, match=r"docs/lifecycle\.md"):
            generate.main()

    def test_a_schema_of_an_event_that_is_gone_is_named_and_then_removed(
        self, docs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = docs / "events/subscription.vanished.v1.schema.json"
        gone.write_text("{}")
        with pytest.raises(SystemExit, match=r"subscription\.vanished\.v1"):
            generate.main()
        monkeypatch.setattr(sys, "argv", ["generate"])
        generate.main()
        assert not gone.exists()

    def test_an_event_without_a_sentence_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(when.WHEN, "tenant.created.v1")
        with pytest.raises(SystemExit, match=r"tenant\.created\.v1"):
            event_schemas.overview()


class TestSchemas:
    @pytest.mark.parametrize("name", SCHEMAS)
    def test_it_is_a_schema_with_a_name_and_words(self, name: str) -> None:
        schema = SCHEMAS[name]
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:subledger:event:{name}"
        assert schema["title"]
        assert schema["description"]

    @pytest.mark.parametrize("name", EVENTS)
    def test_the_literal_payload_fits(self, name: str) -> None:
        assert faults(SCHEMAS[name], GOLDEN[name]["value"]) == []

    @pytest.mark.parametrize("name", EVENTS)
    def test_a_field_more_or_less_does_not(self, name: str) -> None:
        value = GOLDEN[name]["value"]
        assert faults(SCHEMAS[name], value | {"surprise": 1})
        for field in value:
            assert faults(SCHEMAS[name], {key: kept for key, kept in value.items() if key != field})


class TestAsyncApi:
    document = yaml.safe_load((ROOT / "docs/events/asyncapi.yaml").read_text("utf-8"))

    def headers_fit(self, record: Record, schema: str) -> list[str]:
        headers = dict(headers_of(record))
        closed = self.document["components"]["schemas"][schema] | {"additionalProperties": False}
        return faults(closed, headers)

    def test_an_events_headers_are_those_described(self) -> None:
        [event] = taken(Tenant.create("acme", "Acme", NOW))
        append = Append(
            "catalog", "acme", "acme", "client:x", (Event(event.originator_id, 1, event.TOPIC, encode(event)),),
            fingerprint="f", storefront="web", actor="key_1", reason="why", catalog_sequence=3, traceparent="00-0-0-00",
        )  # fmt: skip
        [numbered], _ = number([append], ReaderState(term=1), NOW, "sandbox")
        [record] = numbered.records
        assert self.headers_fit(record, "eventHeaders") == []
        described = self.document["components"]["schemas"]["eventHeaders"]["properties"]
        assert {name for name, _ in headers_of(record)} == set(described)

    def test_a_claims_headers_and_value_are_those_described(self) -> None:
        record = claim_record("7", 3, NOW, "sandbox", "127.0.0.1:8000", ["sandbox.ledger.a.0"])
        assert self.headers_fit(record, "claimHeaders") == []
        assert faults(SCHEMAS["ledger.partition_claimed.v1"], orjson.loads(record.value)) == []

    def test_every_event_is_in_one_topic(self) -> None:
        channels = self.document["channels"]
        listed = [name for channel in ("events", "catalog") for name in channels[channel]["messages"]]
        assert sorted(name for name in listed if name in EVENTS) == sorted(EVENTS)
        assert [channels[name]["address"] for name in channels] == [
            "{environment}.ledger.events",
            "{environment}.ledger.catalog",
            "{environment}.ledger.keys",
        ]


def test_links_in_the_generated_pages_lead_somewhere() -> None:
    for page in (ROOT / "docs/events/README.md", ROOT / "docs/lifecycle.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
