"""An estimate says the cost, the shortfall against the balance and the top-up to make (product rule 4)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from interact_ledger.domain.events import SpendLine
from interact_ledger.pricing.estimator import estimate

TEN = Decimal("10.00")

lines = st.lists(
    st.sampled_from(["GB", "FR", "US"]).flatmap(
        lambda to: st.builds(
            SpendLine,
            reference=st.just("m"),
            item=st.just(f"message/{to}"),
            quantity=st.integers(1, 1000),
            segments=st.integers(1, 10),
            unit_price=st.just({"GB": Decimal("0.0325"), "FR": Decimal("0.0475"), "US": Decimal("0.000001")}[to]),
        )
    ),
    min_size=1,
    max_size=20,
)
balances = st.decimals(min_value=-100, max_value=10_000, places=6)


def message(quantity, segments=1, to="GB", price="0.0325"):
    return SpendLine("m", f"message/{to}", quantity, segments, Decimal(price))


def gbp(amount):
    return Money(amount, "GBP")


def test_a_campaign_that_the_balance_covers_needs_no_top_up():
    estimated = estimate([message(1000)], Decimal("32.50"), "GBP", TEN)
    assert estimated.cost == gbp("32.50")
    assert estimated.available == gbp("32.50")
    assert estimated.shortfall == gbp(0)
    assert estimated.top_up == gbp(0)


def test_a_small_shortfall_is_topped_up_with_the_minimum():
    estimated = estimate([message(1000)], Decimal("32.499999"), "GBP", TEN)
    assert estimated.shortfall == gbp("0.000001")
    assert estimated.top_up == gbp("10.00")


def test_a_shortfall_is_rounded_up_to_what_a_card_can_pay():
    estimated = estimate([message(1001)], Decimal("0"), "GBP", TEN)
    assert estimated.shortfall == gbp("32.5325")
    assert estimated.top_up == gbp("32.54")


def test_the_minor_unit_is_the_currency_s_own():
    def top_up(currency):
        return estimate([message(1, price="20.0001")], Decimal(0), currency, Decimal(3)).top_up

    assert top_up("JPY") == Money("21", "JPY")
    assert top_up("KWD") == Money("20.001", "KWD")


def test_what_a_negative_balance_owes_is_topped_up_too():
    assert estimate([message(1000)], Decimal("-5.001"), "GBP", TEN).top_up == gbp("37.51")


def test_where_taxes_are_included_the_top_up_is_what_brings_enough_credit():
    def with_tax(credit):
        return credit * Decimal("1.10")

    assert estimate([message(1000)], Decimal(0), "GBP", TEN, with_tax).top_up == gbp("35.75")


def test_messages_and_segments_are_counted_and_numbers_are_not():
    number = [
        SpendLine("n", "number-setup/GB/local", 1, 1, Decimal(1)),
        SpendLine("n/month", "number-month/GB/local", 1, 1, Decimal("1.20")),
    ]
    estimated = estimate([message(100, 2), *number, message(50, 3), message(1, 1, "FR")], Decimal(0), "GBP", TEN)
    assert (estimated.messages, estimated.segments) == (151, 351)
    assert [(i.item, i.quantity, i.segments, i.unit_price, i.cost) for i in estimated.items] == [
        ("message/GB", 150, 350, gbp("0.0325"), gbp("11.375")),
        ("number-setup/GB/local", 1, 0, gbp(1), gbp(1)),
        ("number-month/GB/local", 1, 0, gbp("1.20"), gbp("1.20")),
        ("message/FR", 1, 1, gbp("0.0325"), gbp("0.0325")),
    ]


@given(lines, balances)
def test_the_items_add_up_to_the_cost(bought, available):
    estimated = estimate(bought, available, "GBP", TEN)
    assert sum((item.cost for item in estimated.items), gbp(0)) == estimated.cost
    assert sum(item.segments for item in estimated.items) == estimated.segments
    assert estimated.cost == gbp(sum(line.amount for line in bought))


@given(lines, balances)
def test_the_top_up_suffices_and_is_the_least_that_may_be_made(bought, available):
    estimated = estimate(bought, available, "GBP", TEN)
    top_up = estimated.top_up.amount
    assert estimated.shortfall == max(estimated.cost - estimated.available, gbp(0))
    assert (top_up == 0) == (not estimated.shortfall)
    assert top_up == round(top_up, 2)
    assert available + top_up >= estimated.cost.amount
    if top_up:
        assert top_up >= TEN
        assert top_up == TEN or available + top_up - Decimal("0.01") < estimated.cost.amount


@given(lines, balances, st.decimals(min_value=0, max_value=100, places=6))
def test_more_balance_never_needs_a_larger_top_up(bought, available, more):
    before = estimate(bought, available, "GBP", TEN)
    after = estimate(bought, available + more, "GBP", TEN)
    assert after.top_up <= before.top_up
    assert after.shortfall <= before.shortfall
