"""Kill Bill's integration tests of billing in arrears: dates and amounts are theirs, to the cent."""

from __future__ import annotations

from tests.e2e.billing.shop import Shop


class TestInArrears:
    """TestWithInArrearSubscriptions"""

    @staticmethod
    def support(shop: Shop, amount: str = "100.00") -> str:
        charge = {"id": "fee", "name": "Support", "pricing": {"model": "flat", "amount": int(amount.replace(".", ""))}}
        return shop.price(None, "month", charges=[{**charge, "due": "in_arrears"}])

    def test_cancelled_in_the_midst_of_nothing(self, shop: Shop) -> None:
        """testWithCancelation"""
        ada = shop.account("2020-01-01", billing_day=1)
        support = ada.buys(self.support(shop))
        ada.is_billed()
        ada.on("2020-03-01")
        ada.is_billed("""
            recurring 2020-01-01 2020-02-01 100

            recurring 2020-02-01 2020-03-01 100
        """)
        support.does("cancel", at="now", credit=True)
        ada.on("2020-06-01")
        ada.is_billed()

    def test_pause_and_resume(self, shop: Shop) -> None:
        """testWithPauseResume"""
        ada = shop.account("2020-01-01", billing_day=1)
        support = ada.buys(self.support(shop))
        ada.on("2020-01-15")
        support.does("pause")
        ada.is_billed("proration 2020-01-01 2020-01-15 45.16")
        ada.on("2020-01-20")
        support.does("resume")
        ada.is_billed()
        ada.on("2020-02-01")
        ada.is_billed("proration 2020-01-20 2020-02-01 38.71")
        ada.on("2020-03-01")
        ada.is_billed("recurring 2020-02-01 2020-03-01 100")

    def test_changed_and_cancelled(self, shop: Shop) -> None:
        """TestInArrearChangeCancel.testCancelAddOnAfterChangePlan"""
        first, second = self.support(shop, "900.00"), self.support(shop, "1000.00")
        ada = shop.account("2023-08-11", billing_day=11)
        support = ada.buys(first)
        ada.on("2023-08-15")
        support.does("change", price=second)
        ada.on("2023-08-20")
        support.does("cancel", at="now", credit=True)
        ada.is_billed("""
            proration 2023-08-11 2023-08-15 116.13

            proration 2023-08-15 2023-08-20 161.29
        """)

    def test_cancelled(self, shop: Shop) -> None:
        """TestInArrearChangeCancel.testCancelAddOnWithoutChange"""
        ada = shop.account("2023-08-11", billing_day=11)
        support = ada.buys(self.support(shop, "900.00"))
        ada.on("2023-08-20")
        support.does("cancel", at="now", credit=True)
        ada.is_billed("proration 2023-08-11 2023-08-20 261.29")

    def test_an_add_on_ends_with_a_change(self, shop: Shop) -> None:
        """testChangeBPToPlanWithoutAddOnWithEndOfTermPolicyAfterFirstMonth"""
        ada = shop.account("2012-04-01", billing_day=1)
        add_on = {"id": "addon", "price": self.support(shop, "900.00")}
        support = ada.buys(self.support(shop, "1000.00"), add_ons=[add_on])
        ada.on("2012-05-11")
        support.does("change", price=self.support(shop, "100.00"), add_ons=[])
        ada.is_billed("""
            recurring 2012-04-01 2012-05-01  900
            recurring 2012-04-01 2012-05-01 1000

            proration 2012-05-01 2012-05-11 290.32
            proration 2012-05-01 2012-05-11 322.58
        """)
        ada.on("2012-06-01")
        ada.is_billed("proration 2012-05-11 2012-06-01 67.74")
