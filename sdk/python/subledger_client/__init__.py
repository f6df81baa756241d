"""Client of the Subledger APIs.

    with Client("https://ledger.example", key) as ledger:
        customer = ledger.send(commands.register_customer(storefront="web", external_id="u-1001"))
        for invoice in ledger.list(queries.list_invoices(customer=customer["id"])): ...

`commands` and `queries` make what is sent, `models` is what comes back, `errors` what can go wrong.
"""

from subledger_client import commands, errors, models, queries
from subledger_client.async_client import AsyncClient
from subledger_client.batch import Result
from subledger_client.client import Client
from subledger_client.previews import Preview
from subledger_client.requests import Command, Feed, Listing, Query

__all__ = [
    "AsyncClient",
    "Client",
    "Command",
    "Feed",
    "Listing",
    "Preview",
    "Query",
    "Result",
    "commands",
    "errors",
    "models",
    "queries",
]
