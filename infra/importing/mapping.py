"""The mapping: a TOML file that says what the columns of a CSV file mean and which catalog items its rows are sold.

Its catalog parts are the bodies that the command API takes, so what that allows is allowed here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from commands.catalog.create_storefront import CreateStorefront
from commands.catalog.define_bundle import Value
from commands.catalog.define_entitlement import DefineEntitlement
from commands.catalog.slugs import Slug
from domain.catalog.terms import Interval
from domain.errors import RuleViolated
from domain.money import Currency
from domain.pricing.calendar import check_timezone
from infra.importing.errors import ImportFailed

PERSONAL = ("name", "email", "address", "phone")
_MODEL = ConfigDict(frozen=True, extra="forbid")
Column = Annotated[str, Field(min_length=1)]


class ImportStorefront(CreateStorefront):
    """The storefront that the customers belong to; its zone is also theirs, and the one that periods are counted in."""

    id: Slug

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return check_timezone(name)
        except RuleViolated as error:
            raise ValueError(error.detail) from error


class GrantedEntitlement(DefineEntitlement):
    """An entitlement of the bundle, with the value that the bundle grants."""

    value: Value


class ImportBundle(BaseModel):
    """What every row is sold; each amount that occurs in the file becomes a price of it."""

    model_config = _MODEL

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=200)]


class PersonalColumns(BaseModel):
    """Columns of personal data; it is sealed from the first event on."""

    model_config = _MODEL

    name: Column | None = None
    email: Column | None = None
    address: Column | None = None
    phone: Column | None = None


class Columns(BaseModel):
    """``periods``: how many billing periods were begun so far, a whole number. ``compare_total``: what the old system billed."""

    model_config = _MODEL

    external_id: Column
    periods: Column
    amount: Column
    currency: Column | None = None
    compare_total: Column | None = None
    personal: PersonalColumns = PersonalColumns()

    def names(self) -> list[str]:
        """All columns that the file must have."""
        own = (self.external_id, self.periods, self.amount, self.currency, self.compare_total)
        return [name for name in (*own, *(column for _, column in self.personal)) if name is not None]


class CancelledWhen(BaseModel):
    """A row whose ``column`` holds exactly ``value`` is cancelled at the end of its history."""

    model_config = _MODEL

    column: Column
    value: str


class ImportMapping(BaseModel):
    """``name`` is part of every idempotency key: under the same name a row is imported once, whatever file it comes from."""

    model_config = _MODEL

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    currency: Currency | None = None
    test_clock: Slug | None = None
    storefront: ImportStorefront
    entitlements: tuple[GrantedEntitlement, ...] = ()
    bundle: ImportBundle
    interval: Interval = Interval(unit="month", count=1)
    columns: Columns
    cancelled: CancelledWhen | None = None

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if (self.currency is None) == (self.columns.currency is None):
            raise ValueError("give either currency, the same for all rows, or columns.currency")
        return self

    def price_id(self, amount: int, currency: str) -> str:
        """The price that is published for an amount: ``telco-usd-7035``."""
        return f"{self.name}-{currency.lower()}-{amount}"

    def names(self) -> list[str]:
        """All columns that the file must have."""
        return [*self.columns.names(), *([self.cancelled.column] if self.cancelled else [])]


def load_mapping(path: Path) -> ImportMapping:
    """The mapping in a file; raises ImportFailed with every field at fault."""
    try:
        return ImportMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportFailed(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'mapping'}: {fault['msg']}" for fault in error.errors())
        raise ImportFailed(f"{path}: {'; '.join(faults)}") from error
