"""What the demo tenant sells, as bodies of the command API."""

from __future__ import annotations

from typing import Any, Final

TENANT: Final = "demo"
CLOCK: Final = "demo"
_DAY_S = 86_400

STOREFRONTS: Final[tuple[dict[str, Any], ...]] = (
    {"id": "web", "name": "Web shop", "timezone": "Europe/Berlin", "retry_after_s": [3 * _DAY_S, 5 * _DAY_S, 7 * _DAY_S]},
    {"id": "tv", "name": "Television", "timezone": "America/New_York", "retry_after_s": [1 * _DAY_S, 3 * _DAY_S]},
)

ENTITLEMENTS: Final[tuple[dict[str, Any], ...]] = (
    {"id": "hd", "kind": "flag", "name": "HD"},
    {"id": "library", "kind": "tier", "name": "Library"},
    {"id": "screens", "kind": "quota", "name": "Screens at once"},
    {"id": "sports", "kind": "content", "name": "Sports"},
)


def _bundle(storefront: str, id: str, name: str, **grants: bool | int | str) -> dict[str, Any]:
    listed = [{"entitlement": entitlement, "value": value} for entitlement, value in grants.items()]
    return {"id": id, "storefront": storefront, "name": name, "grants": listed}


BUNDLES: Final = (
    _bundle("web", "basic", "Basic", library="basic", screens=1),
    _bundle("web", "premium", "Premium", hd=True, library="premium", screens=4),
    _bundle("web", "season", "Football season", hd=True, sports="football-2025"),
    _bundle("tv", "tv-basic", "TV Basic", library="basic", screens=2),
    _bundle("tv", "tv-all", "TV Everything", hd=True, library="premium", screens=6, sports="football-2025"),
)


def _price(id: str, bundle: str, amount: int, currency: str, unit: str, **more: int) -> dict[str, Any]:
    return {
        "id": id, "bundle": bundle, "amount": {"amount": amount, "currency": currency}, "interval": {"unit": unit}, **more
    }  # fmt: skip


PRICES: Final = (
    _price("basic-monthly-eur", "basic", 799, "EUR", "month"),
    _price("basic-yearly-eur", "basic", 7900, "EUR", "year"),
    _price("premium-monthly-eur", "premium", 1299, "EUR", "month", trial_days=14),
    _price("season-monthly-eur", "season", 999, "EUR", "month", term_periods=3),
    _price("tv-basic-monthly-usd", "tv-basic", 999, "USD", "month"),
    _price("tv-all-monthly-usd", "tv-all", 1999, "USD", "month", trial_days=7),
    _price("tv-all-yearly-usd", "tv-all", 19900, "USD", "year"),
)
