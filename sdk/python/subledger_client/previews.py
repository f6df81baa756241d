"""What a command would do."""

from __future__ import annotations

from typing import Generic, Literal, TypedDict, TypeVar

from subledger_client import models

T = TypeVar("T")


class Preview(TypedDict, Generic[T]):
    """``resource`` is what the command would answer with, without its receipt; ``invoices`` are all that it would make or
    change.
    """

    object: Literal["preview"]
    resource: T
    events: list[models.PreviewedEvent]
    invoices: list[models.Invoice]
