"""What is sold, and where."""

from __future__ import annotations

from projections.catalog import view
from queries.lists import Listing, find
from queries.ports import Row, Snapshot

_BY_CREATION = (("created", "timestamptz"), ("id", "text"))

TENANTS = Listing("tenants", view.TENANT_COLUMNS, _BY_CREATION)
STOREFRONTS = Listing("storefronts", view.STOREFRONT_COLUMNS, _BY_CREATION)
ENTITLEMENTS = Listing("entitlements", view.ENTITLEMENT_COLUMNS, _BY_CREATION)
BUNDLES = Listing("bundles", view.BUNDLE_COLUMNS, _BY_CREATION)
METERS = Listing("meters", view.METER_COLUMNS, _BY_CREATION)
COUPONS = Listing("coupons", view.COUPON_COLUMNS, _BY_CREATION, view.coupon)
PRICES = Listing(
    "prices", view.PRICE_COLUMNS, (("created", "timestamptz"), ("id", "text"), ("price_version", "integer")), view.price
)


async def find_price(snapshot: Snapshot, id: str, version: int | None) -> Row | None:
    """A price in one version; in its newest where none is asked for."""
    if version is None:
        row = await snapshot.one(
            f"SELECT {PRICES.columns} FROM ledger.prices WHERE id = %(id)s ORDER BY price_version DESC LIMIT 1", id=id
        )
        return None if row is None else view.price(row)
    return await find(snapshot, PRICES, id=id, price_version=version)
