"""How the catalog's items are named: by their makers, in a form that is safe in a URL and a stream's name, or by us."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from commands.unit import Unit
from domain.ids import keyed_hash

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", max_length=63)]
# No underscore: an API key's text names its tenant between underscores.
TenantSlug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", max_length=32)]


def slug_or_new(unit: Unit, given: str | None, prefix: str) -> str:
    """The given name, or one made of the command's id: the same command makes the same name."""
    return given or f"{prefix}_{keyed_hash(unit.secret, unit.tenant, unit.command_id, prefix)[:20]}"
