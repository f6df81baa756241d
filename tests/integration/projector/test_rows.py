"""The projections' cases on Postgres, and that folding changes into batches never changes what they come to."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.postgres.batch import Batch
from infra.postgres.roles import projector_dsn
from projections.change import Insert
from projections.registry import TABLES
from tests.read_models.case import Case, changes, check, rows_in_memory, rows_in_postgres
from tests.read_models.cases import CASES
from tests.read_models.story import tell


def test_given_events_these_rows(admin_dsn: str) -> None:
    def run(case: Case) -> None:
        check(case, rows_in_postgres(projector_dsn(admin_dsn), [changes(case.given)]))

    for case in CASES:
        run(case)


def test_an_insert_names_every_column(admin_dsn: str) -> None:
    with psycopg.connect(admin_dsn) as connection:
        columns = connection.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
            " WHERE table_schema = 'ledger' GROUP BY 1"
        ).fetchall()
    of_table = {name: set(names) for name, names in columns}
    for change in changes(tell()):
        if isinstance(change, Insert):
            assert set(change.row) == of_table[change.table], change.table


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_batches_cut_anywhere_come_to_the_plain_meaning_of_the_changes(admin_dsn: str, data: st.DataObject) -> None:
    all_changes = list(changes(tell(("acme",))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(all_changes) - 1), max_size=8), label="cuts"))
    batches = [all_changes[start:end] for start, end in zip([0, *cuts], [*cuts, len(all_changes)], strict=True)]
    assert rows_in_postgres(projector_dsn(admin_dsn), batches) == rows_in_memory(all_changes)


def test_a_character_that_postgres_has_not_is_replaced(admin_dsn: str) -> None:
    row = {"tenant": "acme", "id": "a", "name": "x\0y \\u0000", "created": "2026-01-01T00:00:00Z", "version": 1}
    found = rows_in_postgres(projector_dsn(admin_dsn), [[Insert("tenants", row)]])
    assert [row["name"] for row in found["tenants"]] == ["x\N{REPLACEMENT CHARACTER}y \\u0000"]


def test_a_row_inserted_twice_in_a_batch_is_a_programmers_error() -> None:
    batch = Batch(TABLES)
    row = {"tenant": "acme", "id": "a"}
    with pytest.raises(AssertionError, match="inserted twice"):
        batch.extend([Insert("tenants", row), Insert("tenants", row)])
