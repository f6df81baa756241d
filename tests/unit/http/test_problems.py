"""What a validation error becomes."""

from __future__ import annotations

from infra.http.problems import field_error


def test_a_rule_of_ours_is_told_in_its_own_words() -> None:
    error = field_error({"loc": ("query", "type", 0), "type": "value_error", "msg": "Value error, No event has the type 'x'."})
    assert (error.location, error.pointer, error.detail) == ("query", "/type/0", "No event has the type 'x'.")
