"""The closed list of payment providers, by the name that stands in a customer's payment method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from commands.ports import Gateway
from infra.psp.simulator import Simulator

SIMULATOR = "simulator"


class UnknownProvider(LookupError):
    """No provider of this name is connected in this environment."""


class Gateways:
    """The providers that are connected."""

    def __init__(self, gateways: Mapping[str, Gateway]) -> None:
        self._gateways = dict(gateways)

    @property
    def names(self) -> frozenset[str]:
        """What a payment method may name."""
        return frozenset(self._gateways)

    def __getitem__(self, provider: str) -> Gateway:
        """The provider's gateway. Raises UnknownProvider."""
        try:
            return self._gateways[provider]
        except KeyError:
            known = ", ".join(sorted(self._gateways)) or "none"
            raise UnknownProvider(f"there is no payment provider {provider!r} here (known: {known})") from None


@contextmanager
def open_gateways(simulator_book: Path, *, sandbox: bool) -> Iterator[Gateways]:
    """Connect every provider of the environment; they are closed at the end. The simulator, whose book several processes
    may share, exists in sandboxes alone: nobody's live invoice is paid by it.
    """
    with ExitStack() as stack:
        gateways: dict[str, Gateway] = {}
        if sandbox:
            simulator = Simulator(simulator_book)
            stack.callback(simulator.close)
            gateways[SIMULATOR] = simulator
        yield Gateways(gateways)
