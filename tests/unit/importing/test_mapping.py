from __future__ import annotations

from pathlib import Path

import pytest

from infra.importing.errors import ImportFailed
from infra.importing.mapping import Columns, ImportMapping, PersonalColumns, load_mapping

TELCO = Path(__file__).parents[3] / "docs" / "how-to" / "telco.toml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = TELCO.read_text()
    assert old in text
    path = tmp_path / "mapping.toml"
    path.write_text(text.replace(old, new))
    return path


def test_the_documented_mapping_is_one() -> None:
    mapping = load_mapping(TELCO)
    assert mapping.names() == ["customerID", "tenure", "MonthlyCharges", "TotalCharges", "Churn"]
    assert mapping.price_id(7035, "USD") == "telco-usd-7035"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('timezone = "UTC"', 'timezone = "Mars/Olympus"', "storefront.timezone"),
        ('currency = "USD"', 'currency = "XXY"', "currency"),
        ('currency = "USD"', "", "either currency"),
        ('periods = "tenure"', "", "columns.periods: Field required"),
        ('periods = "tenure"', 'periods = "tenure"\ntenure = "tenure"', "columns.tenure: Extra inputs"),
        ('kind = "flag"', 'kind = "flagg"', "entitlements.0.kind"),
        ('unit = "month"', 'unit = "fortnight"', "interval.unit"),
        ('id = "telco-plan"', 'id = "Telco Plan"', "bundle.id"),
        ('name = "telco"\n', 'name = "tel co"\n', "name: String should match"),
        ("[storefront]", "[storefront", "is not TOML"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, why: str) -> None:
    with pytest.raises(ImportFailed, match=why):
        load_mapping(changed(tmp_path, old, new))


def test_a_mapping_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="cannot be read"):
        load_mapping(tmp_path / "none.toml")


def test_the_page_shows_a_mapping_with_every_key(tmp_path: Path) -> None:
    """It shows both ways to say the currency: with either left out it is a mapping, and no key of a mapping is missing."""
    page = (TELCO.parent / "import.md").read_text()
    shown = page.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "shown.toml"
    path.write_text("".join(line for line in shown.splitlines(keepends=True) if not line.startswith('currency = "USD"')))
    mapping = load_mapping(path)
    assert set(ImportMapping.model_fields) - mapping.model_fields_set == {"currency"}
    assert mapping.columns.model_fields_set == set(Columns.model_fields)
    assert mapping.columns.personal.model_fields_set == set(PersonalColumns.model_fields)
