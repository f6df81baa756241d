"""Personal data as a client gives it; from here on it is sealed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Personal(BaseModel):
    """Who the customer is. Every field may be left out."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=200, examples=["Ada Lovelace"])
    email: str | None = Field(default=None, max_length=320, examples=["ada@example.com"])
    address: str | None = Field(default=None, max_length=1000, examples=["12 St James's Square, London"])
    phone: str | None = Field(default=None, max_length=64, examples=["+44 20 7946 0000"])

    def clear(self) -> dict[str, str]:
        """The fields that are given."""
        return {name: value for name, value in self if value is not None}
