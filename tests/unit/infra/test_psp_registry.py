"""The registry of payment providers is closed, and each one passes the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.psp.registry import UnknownProvider, open_gateways
from infra.psp.simulator import Simulator

CONTRACTS = Path(__file__).parents[2] / "contract" / "psp"


def test_a_sandbox_has_the_simulator(tmp_path: Path) -> None:
    with open_gateways(tmp_path / "simulator.sqlite", sandbox=True) as gateways:
        assert gateways.names == {"simulator"}
        assert isinstance(gateways["simulator"], Simulator)
    assert (tmp_path / "simulator.sqlite").exists()


def test_no_live_invoice_is_paid_by_a_simulator(tmp_path: Path) -> None:
    with open_gateways(tmp_path / "simulator.sqlite", sandbox=False) as gateways:
        assert gateways.names == set()
        with pytest.raises(UnknownProvider, match=r"'simulator' here \(known: none\)"):
            gateways["simulator"]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_provider_is_named(tmp_path: Path) -> None:
    with (
        open_gateways(tmp_path / "simulator.sqlite", sandbox=True) as gateways,
        pytest.raises(UnknownProvider, match=r"'acme'.*known: simulator"),
    ):
        gateways["acme"]


def test_every_provider_has_its_contract_test(tmp_path: Path) -> None:
    with open_gateways(tmp_path / "simulator.sqlite", sandbox=True) as gateways:
        for name in gateways.names:
            assert "GatewayContract" in (CONTRACTS / f"test_{name}.py").read_text()
