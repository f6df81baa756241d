"""Examples of Chargebee's documentation of proration: plans changed in the midst of April."""

from __future__ import annotations

from tests.e2e.billing.shop import Shop


def test_a_downgrade(shop: Shop) -> None:
    """Proration, example 1: from 60 to 30 on 21 April; the credit is used by the next invoice"""
    large, small = shop.price("60", "month"), shop.price("30", "month")
    ada = shop.account("2012-04-01")
    plan = ada.buys(large)
    ada.on("2012-04-21")
    plan.does("change", price=small)
    ada.on("2012-05-01")
    ada.is_billed("""
        recurring 2012-04-01 2012-05-01  60

        credit    2012-04-21 2012-05-01 -20
        proration 2012-04-21 2012-05-01  10
        to account 10

        recurring 2012-05-01 2012-06-01  30
        from account 10
    """)


def test_one_unit_less(shop: Shop) -> None:
    """Proration, example 2: from three units of 30 to two after ten days"""
    ada = shop.account("2013-04-01")
    plan = ada.buys(shop.price("30", "month"), quantity="3")
    ada.on("2013-04-11")
    plan.does("change", quantity="2")
    ada.on("2013-05-01")
    ada.is_billed("""
        recurring 2013-04-01 2013-05-01  90

        credit    2013-04-11 2013-05-01 -60
        proration 2013-04-11 2013-05-01  40
        to account 20

        recurring 2013-05-01 2013-06-01  60
        from account 20
    """)


def test_gold_and_silver(shop: Shop) -> None:
    """Proration and credits on plan change: 26 days are left on 5 April"""
    gold, silver = shop.price("30", "month"), shop.price("15", "month")
    ada = shop.account("2013-04-01")
    up, down = ada.buys(silver), ada.buys(gold)
    ada.is_billed("""
        recurring 2013-04-01 2013-05-01 15

        recurring 2013-04-01 2013-05-01 30
    """)
    ada.on("2013-04-05")
    up.does("change", price=gold)
    down.does("change", price=silver)
    ada.is_billed("""
        credit    2013-04-05 2013-05-01 -13
        proration 2013-04-05 2013-05-01  26

        credit    2013-04-05 2013-05-01 -26
        proration 2013-04-05 2013-05-01  13
        to account 13
    """)
