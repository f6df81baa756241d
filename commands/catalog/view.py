"""The catalog in memory: every item as of position ``sequence`` of the catalog topic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from domain.catalog.aggregates import ApiKey, Bundle, Clock, Entitlement, Price, Storefront, Tenant, stream
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
        self._prices: dict[str, dict[str, Price]] = {}

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
            self._prices.setdefault(item.tenant, {})[item.price] = item

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

    def clock(self, tenant: str, id: str, pointer: str = "/test_clock") -> Clock:
        return self._get(Clock, tenant, "clock", id, pointer)

    def api_key(self, tenant: str, secret_hash: str) -> ApiKey | None:
        """The key with this hash, revoked or not."""
        return self._keys.get((tenant, secret_hash))

    def clocks(self) -> Iterable[Clock]:
        """All test clocks of all tenants."""
        return [item for item in self._items.values() if isinstance(item, Clock)]

    def latest_price(self, tenant: str, id: str) -> Price | None:
        """A price's newest version."""
        return self._prices.get(tenant, {}).get(id)

    def price(self, tenant: str, id: str, pointer: str = "/price") -> Price:
        """A price's newest version, or NotFound."""
        price = self.latest_price(tenant, id)
        if price is None:
            raise NotFound("price", id, pointer)
        return price

    def price_for(self, tenant: str, bundle: str, currency: str) -> Price:
        """The one price of a bundle in a currency; raises RuleViolated where there is none, or more than one."""
        found = [
            price
            for price in self._prices.get(tenant, {}).values()
            if price.terms.bundle == bundle and price.terms.amount.currency == currency
        ]
        if not found:
            raise RuleViolated("no_price", f"Bundle {bundle!r} has no price in {currency}.", "/currency")
        if len(found) > 1:
            ids = ", ".join(sorted(price.price for price in found))
            raise RuleViolated(
                "ambiguous_price", f"Bundle {bundle!r} has several prices in {currency}: name one of {ids}.", "/price"
            )
        return found[0]
