"""What is simulated: a catalog in the command API's own shapes, and who buys of it and does what."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from commands.catalog.create_coupon import CreateCoupon
from commands.catalog.create_storefront import CreateStorefront
from commands.catalog.define_bundle import DefineBundle
from commands.catalog.define_entitlement import DefineEntitlement
from commands.catalog.publish_price import PublishPrice
from domain.errors import RuleViolated
from domain.pricing.calendar import check_timezone

SAMPLE = Path(__file__).parent / "sample.json"
CUSTOMERS_MAX = 1_000_000
_MODEL = ConfigDict(frozen=True, extra="forbid")


class PlanInvalid(Exception):
    """The plan cannot be carried out; the message is one line and says where it is wrong."""


class Catalog(BaseModel):
    """Bodies of the commands that make it, in the order in which they are sent."""

    model_config = _MODEL

    storefronts: Annotated[tuple[CreateStorefront, ...], Field(min_length=1)]
    entitlements: tuple[DefineEntitlement, ...] = ()
    bundles: Annotated[tuple[DefineBundle, ...], Field(min_length=1)]
    prices: Annotated[tuple[PublishPrice, ...], Field(min_length=1)]
    coupons: tuple[CreateCoupon, ...] = ()


class Behaviour(BaseModel):
    """How payments go: the simulated provider's ``token`` (``sim_ok``, ``sim_ok_decline_ok``), or null for no payment method.
    ``weight``: how many customers behave so, in proportion to the others.
    """

    model_config = _MODEL

    token: str | None
    weight: Annotated[int, Field(ge=1, le=CUSTOMERS_MAX, strict=True)]


class Action(BaseModel):
    """A command on a customer's subscription, with its ``body``. Of those who could, a ``share`` sends it: in the ``month``-th
    after the one they joined in; without that in each of them.
    """

    model_config = _MODEL

    command: Literal["cancel", "uncancel", "change", "pause", "resume", "renew", "apply-coupon", "remove-coupon"]
    body: dict[str, Any] = {}
    share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)
    month: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None


class Group(BaseModel):
    """Customers who buy the same: so many ``at_start``, and so many who join in ``each_month`` after. ``subscription`` is the
    body that starts one, without the customer.
    """

    model_config = _MODEL

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    storefront: str
    at_start: Annotated[int, Field(ge=0, le=CUSTOMERS_MAX, strict=True)] = 0
    each_month: Annotated[int, Field(ge=0, le=CUSTOMERS_MAX, strict=True)] = 0
    subscription: dict[str, Any]
    payments: Annotated[tuple[Behaviour, ...], Field(min_length=1)]
    actions: tuple[Action, ...] = ()


class Plan(BaseModel):
    """All that a simulation does, but for how long and by which seed. It begins at ``start``; months are those of the zone."""

    model_config = _MODEL

    start: AwareDatetime
    timezone: str = "UTC"
    catalog: Catalog
    population: Annotated[tuple[Group, ...], Field(min_length=1)]

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return check_timezone(name)
        except RuleViolated as error:
            raise ValueError(error.detail) from error

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [group.name for group in self.population]
        if len(set(names)) < len(names):
            raise ValueError("each group of the population has a name of its own")
        return self


def load_plan(path: Path) -> Plan:
    """The plan in a JSON file; raises PlanInvalid with every field at fault."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PlanInvalid(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = (f"/{'/'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False))
        raise PlanInvalid(f"{path}: {'; '.join(faults)}") from error
