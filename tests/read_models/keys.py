"""API keys as a client would hold them."""

from __future__ import annotations

import secrets


def new_key(environment: str, tenant: str) -> str:
    """The text of a fresh key."""
    return f"sl_{environment}_{tenant}_{secrets.token_hex(24)}"
