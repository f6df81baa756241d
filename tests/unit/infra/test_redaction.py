"""Redaction: nothing secret and nobody's data passes, and what operators need does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from infra.redaction import MASK, clean_text, error_text, exception_text, is_sensitive, redact

CANARY = "Jane-Doe-canary"


def redacted(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", event))


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "Authorization", "proxy-authorization", "token", "access_token", "paymentToken", "key", "api_key",
        "apikey", "X-API-Key", "Idempotency-Key", "secret", "SUBLEDGER_SECRET", "master_key", "password", "PGPASSWORD",
        "cookie", "Set-Cookie", "personal", "name", "names", "customerName", "first_name", "firstname", "email", "e_mail",
        "emails", "phone", "phoneNumber", "mobile", "address", "addresses", "postalAddress", "street", "city", "zip", "iban",
        "body", "payload", "headers", "query_string", "dsn", "client", "client_ip", "dateOfBirth", "sealed", "wrapped_key",
        "data",
    ],
)  # fmt: skip
def test_a_name_that_may_stand_for_a_secret_or_a_person_is_sensitive(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        "event", "level", "logger", "timestamp", "request_id", "tenant", "command_id", "path", "method", "status",
        "partition", "position", "sequence", "stream", "version", "customer", "subscription", "payment", "attempt",
        "account", "topic", "hostname", "node", "term", "offset", "database", "error", "reason", "trace", "zone", "tip",
        "panel", "description",
    ],
)  # fmt: skip
def test_what_operators_need_is_not(name: str) -> None:
    assert not is_sensitive(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.data())
def test_a_canary_under_a_sensitive_name_never_shows(data: st.DataObject) -> None:
    # given a canary somewhere within the value of a sensitive name, somewhere within an event
    hide: list[Any] = [
        lambda value: [value],
        lambda value: (1, value),
        lambda value: {"plain": value},
        lambda value: {"a": 1, "b": value},
    ]
    value: Any = CANARY
    for wrap in data.draw(st.lists(st.sampled_from(hide), max_size=4)):
        value = wrap(value)
    value = data.draw(st.sampled_from([{"email": value}, ("authorization", value), [b"X-Api-Key", value], f"name={value!r}"]))
    for wrap in data.draw(st.lists(st.sampled_from(hide), max_size=12)):
        value = wrap(value)
    # then it does not show
    assert CANARY not in str(redacted(request=value))


@given(st.dictionaries(st.text(), json_values))
def test_any_event_can_be_redacted(event: dict[str, Any]) -> None:
    event.pop("exc_info", None)
    redact(None, "info", event)


def test_plain_values_stay_as_they_are() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    event = redacted(
        partition="7", sequence=48122, position="7@48122,catalog@9", at=at, ok=True, none=None, path=Path("/tmp/x"), ms=1.5
    )
    assert event == {
        "partition": "7",
        "sequence": 48122,
        "position": "7@48122,catalog@9",
        "at": "2026-01-01 00:00:00+00:00",
        "ok": True,
        "none": None,
        "path": "/tmp/x",
        "ms": 1.5,
    }


@dataclass
class Command:
    reason: str


class Body(BaseModel):
    model_config = {"extra": "forbid"}
    amount: int


def test_objects_and_bytes_show_their_type_alone() -> None:
    event = redacted(command=Command(CANARY), model=Body(amount=1), raw=CANARY.encode(), hidden=SecretStr(CANARY), kind=Command)
    assert event == {"command": "<Command>", "model": "<Body>", "raw": "<bytes>", "hidden": "<SecretStr>", "kind": "<type>"}


def test_a_bottomless_value_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert MASK in str(redacted(loop=endless))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("sent with Bearer abc.def-123 to it", f"sent with Bearer {MASK} to it"),
        ("Authorization: Basic dXNlcjpwdw==", f"Authorization: {MASK}"),
        ("the key sl_sandbox_acme_0123abcd was refused", f"the key {MASK} was refused"),
        ("bad key admin_0123456789abcdef0123", f"bad key {MASK}"),
        ("mail to jane.doe+x@example.co.uk failed", f"mail to {MASK} failed"),
        ("call +49 (0) 170 1234567 now", f"call {MASK} now"),
        ("GET /v1/customers?external_id=jane&limit=1 HTTP/1.1", f"GET /v1/customers?{MASK} HTTP/1.1"),
        ("postgresql://app:pw@db:5432/ledger", f"postgresql://{MASK}@db:5432/ledger"),
        ("host=db password='p w' dbname=x", f"host=db password={MASK}"),
        ("{'name': 'Jane Doe', 'amount': 3}", f"{{'name': {MASK}"),
        ('{"personal": {"name": "Jane"}, "n": 1}', f'{{"personal": {MASK}'),
        ("Customer(version=2, name='Jane')", f"Customer(version=2, name={MASK}"),
        ("[(b'x-api-key', b'abc')]", f"[(b'x-api-key', {MASK}"),
        (r'"{\"n\": 1, \"email\": \"jane\"}"', rf'"{{\"n\": 1, \"email\": {MASK}'),
        ("<Task pending name='Task-5' coro=<run()>>", "<Task pending name='Task-5' coro=<run()>>"),
        (f"client:{'0f' * 32}", f"client:{'0f' * 32}"),
        ("client:jane", f"client:{MASK}"),
        ("\x1b[31mred\x07", "�[31mred�"),
        ("7@48122 is behind catalog@9", "7@48122 is behind catalog@9"),
        ("at 2026-01-01T00:00:00+00:00: done", "at 2026-01-01T00:00:00+00:00: done"),
    ],
)
def test_text_is_cleaned(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_long_text_is_cut() -> None:
    assert len(clean_text("x" * 10_000)) == 4000


def test_a_validation_error_does_not_show_its_input() -> None:
    with pytest.raises(ValueError, match="amount") as caught:
        Body.model_validate({"amount": CANARY, "nick": CANARY})
    assert error_text(caught.value) == "pydantic_core._pydantic_core.ValidationError: amount int_parsing; nick extra_forbidden"


def test_neither_does_a_frameworks() -> None:
    error = RequestValidationError(
        [{"loc": ("body", "amount"), "type": "int_parsing", "msg": "no", "input": CANARY}], body=CANARY
    )
    assert error_text(error) == "fastapi.exceptions.RequestValidationError: body.amount int_parsing"


def test_a_database_error_does_not_show_its_values(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (who text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES (%s)", (CANARY,))
        with pytest.raises(psycopg.errors.UniqueViolation, match=CANARY) as duplicate:
            connection.execute("INSERT INTO people VALUES (%s)", (CANARY,))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=CANARY) as wrong:
            connection.execute("SELECT %s::int", (CANARY,))
    assert error_text(duplicate.value) == (
        'psycopg.errors.UniqueViolation: SQLSTATE 23505 duplicate key value violates unique constraint "people_pkey"'
    )
    assert error_text(wrong.value) == "psycopg.errors.InvalidTextRepresentation: SQLSTATE 22P02"


def test_a_traceback_shows_causes_and_parts_without_their_data() -> None:
    address = "jane" + "@example.org"  # put together here: source lines are shown
    try:
        try:
            raise ExceptionGroup("parts", [ValueError(f"of {address}")])
        except ExceptionGroup as group:
            raise RuntimeError(f"for {address}") from group
    except RuntimeError as error:
        text = exception_text(error)
    assert text.index("ExceptionGroup: parts") < text.index("ValueError: of") < text.index("RuntimeError: for")
    assert "test_redaction.py" in text
    assert address not in text


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert exception_text(first).count("ValueError") == 2
