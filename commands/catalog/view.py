"""The catalog in memory: every item as of position ``sequence`` of the catalog topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from domain.catalog.aggregates import ApiKey, Bundle, Clock, Coupon, Entitlement, Meter, Price, Storefront, Tenant, stream
from domain.errors import NotFound, RuleViolated
from domain.event import Aggregate, Event

Item = TypeVar("Item", bound=Aggregate)


class CatalogView:
    """Folds the catalog's committed events. Holds all of them: a catalog is small.

    ``providers`` names the payment providers that are connected in this environment.
    """

    def __init__(self, providers: frozenset[str]) -> None:
        self.providers = providers
        self.sequence = 0
        self._items: dict[str, Aggregate] = {}
        self._keys: dict[tuple[str, str], ApiKey] = {}
        self._prices: dict[str, dict[str, list[Price]]] = {}  # every version, the newest last

    def apply(self, event: Event, sequence: int) -> None:
        """Fold the next event."""
        assert sequence > self.sequence
        item = event.mutate(self._items.get(event.originator_id))
        assert isinstance(item, Aggregate)
        self._items[event.originator_id] = item
        self.sequence = sequence
        if isinstance(item, ApiKey):
            self._keys[item.tenant, item.secret_hash] = item
        if isinstance(item, Price):
            self._prices.setdefault(item.tenant, {}).setdefault(item.price, []).append(item)

    def _get(self, cls: type[Item], tenant: str, kind: str, id: str, pointer: str) -> Item:
        item = self._items.get(stream(tenant, kind, id))
        if not isinstance(item, cls):
            raise NotFound(kind.replace("-", "_"), id, pointer)
        return item

    def tenant(self, tenant: str) -> Tenant:
        return self._get(Tenant, tenant, "tenant", tenant, "")

    def storefront(self, tenant: str, id: str, pointer: str = "/storefront") -> Storefront:
        return self._get(Storefront, tenant, "storefront", id, pointer)

    def entitlement(self, tenant: str, id: str, pointer: str = "/entitlement") -> Entitlement:
        return self._get(Entitlement, tenant, "entitlement", id, pointer)

    def bundle(self, tenant: str, id: str, pointer: str = "/bundle") -> Bundle:
        return self._get(Bundle, tenant, "bundle", id, pointer)

    def meter(self, tenant: str, id: str, pointer: str = "/meter") -> Meter:
        return self._get(Meter, tenant, "meter", id, pointer)

    def coupon(self, tenant: str, id: str, pointer: str = "/coupon") -> Coupon:
        return self._get(Coupon, tenant, "coupon", id, pointer)

    def clock(self, tenant: str, id: str, pointer: str = "/test_clock") -> Clock:
        return self._get(Clock, tenant, "clock", id, pointer)

    def api_key(self, tenant: str, secret_hash: str) -> ApiKey | None:
        """The key with this hash, revoked or not."""
        return self._keys.get((tenant, secret_hash))

    def clocks(self) -> Iterable[Clock]:
        """All test clocks of all tenants."""
        return [item for item in self._items.values() if isinstance(item, Clock)]

    def latest_price(self, tenant: str, id: str) -> Price | None:
        """A price's newest version, in effect or not."""
        versions = self._prices.get(tenant, {}).get(id)
        return None if versions is None else versions[-1]

    def price(self, tenant: str, id: str, at: datetime, pointer: str = "/price") -> Price:
        """A price's newest version that is in effect at an instant; raises NotFound, or RuleViolated where none is."""
        versions = self._prices.get(tenant, {}).get(id)
        if versions is None:
            raise NotFound("price", id, pointer)
        found = _in_effect(versions, at)
        if found is None:
            begins = min(each.terms.effective_from for each in versions if each.terms.effective_from is not None)
            raise RuleViolated("price_not_in_effect", f"Price {id!r} is in effect from {begins.isoformat()} on.", pointer)
        return found

    def price_for(self, tenant: str, bundle: str, currency: str, channel: str | None, at: datetime) -> Price:
        """The one price of a bundle in a currency that a channel sells at an instant: its own one, or else one of no channel;
        raises RuleViolated where there is none, or more than one.
        """
        in_effect = (_in_effect(versions, at) for versions in self._prices.get(tenant, {}).values())
        of_bundle = [
            price
            for price in in_effect
            if price is not None and price.terms.bundle == bundle and price.terms.amount.currency == currency
        ]
        own = [price for price in of_bundle if channel is not None and price.terms.channel == channel]
        found = own or [price for price in of_bundle if price.terms.channel is None]
        if not found:
            raise RuleViolated("no_price", f"Bundle {bundle!r} has no price in {currency}.", "/currency")
        if len(found) > 1:
            ids = ", ".join(sorted(price.price for price in found))
            raise RuleViolated(
                "ambiguous_price", f"Bundle {bundle!r} has several prices in {currency}: name one of {ids}.", "/price"
            )
        return found[0]


def _in_effect(versions: Sequence[Price], at: datetime) -> Price | None:
    return next(
        (each for each in reversed(versions) if each.terms.effective_from is None or each.terms.effective_from <= at), None
    )
