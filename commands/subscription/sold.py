"""What is to be sold, from the names by which a client asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from commands.quantity import GivenQuantity
from commands.unit import Unit
from domain.errors import RuleViolated
from domain.money import MAX_AMOUNT
from domain.pricing.models import exact
from domain.subscription.sale import BASE, Item, ItemId


class AddOn(BaseModel):
    """What is sold beside the base, under an id of the client's."""

    model_config = ConfigDict(extra="forbid")

    id: ItemId = Field(examples=["storage"])
    price: str = Field(max_length=64, examples=["storage-monthly-eur"])
    quantity: GivenQuantity = Field(default=Decimal(1), examples=["1"])


def item_of(unit: Unit, storefront: str, price: str, quantity: Decimal, at: datetime, pointer: str, id: str = BASE) -> Item:
    """A price as it is in effect at an instant; raises NotFound, or RuleViolated where it is another storefront's or comes to too
    much.
    """
    found = unit.catalog.price(unit.tenant, price, at, pointer)
    bundle = unit.catalog.bundle(unit.tenant, found.terms.bundle)
    if bundle.storefront != storefront:
        raise RuleViolated("other_storefront", f"Bundle {bundle.bundle!r} is not sold in the customer's storefront.", pointer)
    item = Item(id=id, terms=found.terms, grants=bundle.grants, quantity=quantity)
    check_amount(item, f"{pointer.rpartition('/')[0]}/quantity")
    return item


def items_of(unit: Unit, storefront: str, add_ons: Sequence[AddOn], at: datetime) -> list[Item]:
    """Add-ons; raises RuleViolated, also for an id that is not its own."""
    found = list[Item]()
    for number, each in enumerate(add_ons):
        if each.id in {BASE, *(item.id for item in found)}:
            raise RuleViolated("id_taken", f"There is an item {each.id!r} already.", f"/add_ons/{number}/id")
        found.append(item_of(unit, storefront, each.price, each.quantity, at, f"/add_ons/{number}/price", each.id))
    return found


def check_currency(items: Sequence[Item]) -> None:
    """Raises RuleViolated where an add-on is in another currency than the base."""
    if len({item.terms.amount.currency for item in items}) > 1:
        raise RuleViolated("other_currency", "All of a subscription is in one currency.", "/add_ons")


def check_amount(item: Item, pointer: str) -> None:
    """Raises RuleViolated where a period of it would come to more than an amount may be."""
    charges = (charge for charge in item.terms.every_charge if charge.meter is None)
    if any(exact(list(charge.pricing.steps(item.quantity))) > MAX_AMOUNT for charge in charges):
        raise RuleViolated("amount_too_large", "So much of it comes to more than can be billed.", pointer)
