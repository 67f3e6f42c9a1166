"""Spending, giving back, holding and adjusting: what takes from a balance and what returns to it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from domain_helpers import LATER, NOW, account, balance, history_of, past, request
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.domain import adjustments, holds, spending
from interact_ledger.domain import events as e
from interact_ledger.domain.operations import Request
from interact_ledger.errors import (
    AccountClosed,
    AccountSuspended,
    HoldEnded,
    HoldExceeded,
    HoldNotFound,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidAmount,
    InvalidRequest,
    NotReversible,
    TransactionNotFound,
)

TEN = balance("10.00")
SUSPENDED = e.AccountSuspended(reason="why")
CLOSED = e.AccountClosed(
    **request(9).fields, reason="w", paid_out=0, payout_reference=None, written_off=0, currency="GBP"
)
SEGMENT = Decimal("0.0325")


def line(reference: str = "m", quantity: int = 1, segments: int = 1) -> e.SpendLine:
    return e.SpendLine(reference, "message/GB", quantity, segments, SEGMENT)


def spent(*lines: e.SpendLine) -> e.Spent:
    return spending.spend(account(balance("1000.00")), request(1), lines or (line(),), "v1", NOW)


# Spending ---------------------------------------------------------------------------------------------------------


def test_a_spend_costs_exactly_its_lines_and_records_how_it_was_priced():
    event = spent(line("a", 3, 2), line("b"))
    assert event.amount == 7 * SEGMENT == sum(one.amount for one in event.lines)
    assert (event.currency, event.price_list) == ("GBP", "v1")
    assert account(TEN, event).balance == Decimal("10.00") - Decimal("0.2275")


@pytest.mark.parametrize(("amount", "covered"), [("0.0325", True), ("0.032499", False), ("0", False)])
def test_a_spend_takes_all_that_is_available_and_no_more(amount, covered):
    state = account(balance(amount)) if amount != "0" else account()
    if covered:
        assert account(balance(amount), spending.spend(state, request(1), (line(),), "v1", NOW)).available == 0
        return
    with pytest.raises(InsufficientBalance) as refused:
        spending.spend(state, request(1), (line(),), "v1", NOW)
    assert refused.value.field == "items"


def test_what_is_held_cannot_be_spent():
    (held,) = holds.hold(account(TEN), request(2), Decimal("9.99"), "r", LATER, NOW)
    with pytest.raises(InsufficientBalance):
        spending.spend(account(TEN, held), request(1), (line(),), "v1", NOW)


@pytest.mark.parametrize(("state", "error"), [(SUSPENDED, AccountSuspended), (CLOSED, AccountClosed)])
def test_an_inactive_account_neither_spends_nor_holds_nor_settles(state, error):
    (held,) = holds.hold(account(TEN), request(2), Decimal("1.00"), "r", LATER, NOW)
    inactive = account(TEN, held, state)
    with pytest.raises(error):
        spending.spend(inactive, request(1), (line(),), "v1", NOW)
    with pytest.raises(error):
        holds.hold(inactive, request(1), Decimal("1.00"), "r", LATER, NOW)
    with pytest.raises(error):
        holds.settle(inactive, request(1), "txn_2", [], (line(),), "v1", NOW)


# Giving back ------------------------------------------------------------------------------------------------------

BOUGHT = spent(line("a", 3), line("b", 1, 2), line("c", 2))


def reverse(*before: e.Event, wanted=None, number: int = 5, purchase: e.Event = BOUGHT) -> e.SpendReversed:
    events = (TEN, purchase, *before)
    (event,) = spending.reverse_spend(
        account(*events), request(number), "txn_1", history_of(*events), wanted, "undelivered"
    )
    return event


def test_all_of_a_purchase_is_given_back_at_once():
    event = reverse()
    assert event.amount == BOUGHT.amount
    assert event.lines == ((0, 3), (1, 1), (2, 2))
    assert account(TEN, BOUGHT, event).balance == Decimal("10.00")


def test_some_of_a_line_is_given_back_by_its_reference():
    event = reverse(wanted=[("a", 2), ("b", None)])
    assert event.lines == ((0, 2), (1, 1))
    assert event.amount == 2 * SEGMENT + 2 * SEGMENT


def test_what_was_given_back_before_is_left_out():
    first = reverse(wanted=[("a", 2)])
    assert reverse(first, number=6).lines == ((0, 1), (1, 1), (2, 2))
    assert reverse(first, number=6, wanted=[("a", None)]).lines == ((0, 1),)
    with pytest.raises(NotReversible, match="1 of line 'a' can be given back, not 2"):
        reverse(first, number=6, wanted=[("a", 2)])


def test_nothing_is_given_back_twice():
    with pytest.raises(NotReversible, match="everything was given back before"):
        reverse(reverse(), number=6)
    with pytest.raises(NotReversible):
        reverse(reverse(), number=6, wanted=[("a", None)])


@pytest.mark.parametrize("wanted", [[("a", 4)], [("a", 0)], [("a", -1)], [("z", 1)]])
def test_more_than_was_bought_is_not_given_back(wanted):
    with pytest.raises(NotReversible) as refused:
        reverse(wanted=wanted)
    assert refused.value.field == "lines"


def test_a_line_is_named_once():
    with pytest.raises(InvalidRequest, match="names a line twice"):
        reverse(wanted=[("a", 1), ("a", 1)])


def test_only_a_purchase_is_given_back():
    (held,) = holds.hold(account(TEN), request(1), Decimal("1.00"), "r", LATER, NOW)
    for events in ((TEN,), (TEN, held)):
        with pytest.raises(TransactionNotFound):
            spending.reverse_spend(account(*events), request(5), "txn_1", history_of(*events), None, "w")


def test_a_suspended_account_is_given_back_to_and_a_closed_one_is_not():
    assert reverse(SUSPENDED).amount == BOUGHT.amount
    with pytest.raises(AccountClosed):
        reverse(CLOSED)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 5)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 20)), max_size=12),
)
def test_however_it_is_given_back_never_more_than_was_bought_returns(lines, wishes):
    purchase = spent(*(line(str(n), quantity, segments) for n, (quantity, segments) in enumerate(lines)))
    reversals: list[e.SpendReversed] = []
    for number, (position, quantity) in enumerate(wishes, start=10):
        try:
            wanted = [(str(position), quantity)]
            reversals.append(reverse(*reversals, wanted=wanted, number=number, purchase=purchase))
        except NotReversible:
            given_back = sum(r.lines[0].quantity for r in reversals if r.lines[0].line == position)
            assert position >= len(lines) or given_back + quantity > lines[position][0]
    left = purchase.amount - sum(r.amount for r in reversals)
    assert left >= 0
    if left:
        assert reverse(*reversals, number=99, purchase=purchase).amount == left


# Holds ------------------------------------------------------------------------------------------------------------

(HELD,) = holds.hold(account(TEN), request(2), Decimal("4.00"), "campaign", LATER, NOW)


def settle(*before: e.Event, lines: tuple[e.SpendLine, ...] = (line(),), now=NOW, number: int = 3) -> e.HoldSettled:
    events = (TEN, HELD, *before)
    (event,) = holds.settle(account(*events), request(number), "txn_2", past(*events, of="txn_2"), lines, "v1", now)
    return event


def test_a_hold_moves_nothing_but_what_is_available():
    state = account(TEN, HELD)
    assert (state.balance, state.held, state.available) == (Decimal(10), Decimal(4), Decimal(6))
    with pytest.raises(InsufficientBalance):
        holds.hold(state, request(3), Decimal("6.000001"), "r", LATER, NOW)
    assert holds.hold(state, request(3), Decimal("6.00"), "r", LATER, NOW)


def test_what_is_settled_leaves_the_hold_and_the_balance_and_the_rest_stays_held():
    event = settle()
    state = account(TEN, HELD, event)
    assert (state.balance, state.held) == (Decimal("9.9675"), Decimal("3.9675"))
    assert (event.hold_id, event.price_list) == ("txn_2", "v1")


def test_a_hold_that_is_settled_whole_is_gone():
    event = settle(lines=(e.SpendLine("n", "number-month/GB/local", 1, 1, Decimal("4.00")),))
    state = account(TEN, HELD, event)
    assert (state.holds, state.held) == ({}, 0)
    with pytest.raises(HoldEnded):
        settle(event, number=4)


def test_more_than_a_hold_has_left_is_not_settled():
    with pytest.raises(HoldExceeded):
        settle(lines=(line(quantity=124),))
    first = settle(lines=(line(quantity=123),))
    with pytest.raises(HoldExceeded):
        settle(first, number=4)


def test_a_hold_is_settled_until_the_moment_it_expires():
    settle(now=LATER - timedelta(microseconds=1))
    with pytest.raises(HoldEnded, match="expired at"):
        settle(now=LATER)


def test_what_is_left_of_a_hold_is_released_or_expires_once():
    first = settle()
    events = (TEN, HELD, first)
    (released,) = holds.release(account(*events), request(4), "txn_2", [])
    assert released.amount == Decimal("3.9675")
    assert account(*events, released).held == 0
    with pytest.raises(HoldEnded):
        holds.release(account(*events, released), request(5), "txn_2", past(*events, released, of="txn_2"))
    (expired,) = holds.expire(account(*events), "txn_2", LATER)
    assert expired.amount == Decimal("3.9675")
    assert holds.expire(account(*events, expired), "txn_2", LATER) == []
    assert holds.expire(account(*events), "txn_2", LATER - timedelta(microseconds=1)) == []


def test_an_unknown_hold_is_told_from_one_that_ended():
    with pytest.raises(HoldNotFound):
        holds.release(account(TEN), request(4), "txn_2", [])
    with pytest.raises(HoldNotFound):
        holds.release(account(TEN), request(4), "txn_1", past(TEN, BOUGHT, of="txn_1"))
    with pytest.raises(AccountClosed):
        holds.release(account(TEN, HELD, CLOSED), request(4), "txn_2", [])


# Adjustments ------------------------------------------------------------------------------------------------------


def adjust(*before: e.Event, amount: str) -> e.BalanceAdjusted:
    (event,) = adjustments.adjust(account(*before), request(5), Decimal(amount), "goodwill", NOW)
    return event


def test_an_adjustment_raises_or_lowers_the_balance_and_says_why():
    assert account(TEN, adjust(TEN, amount="0.000001")).balance == Decimal("10.000001")
    lowered = adjust(TEN, amount="-10.00")
    assert (lowered.reason, account(TEN, lowered).balance) == ("goodwill", 0)


def test_an_adjustment_never_takes_what_is_held_or_not_there_and_is_never_nothing():
    with pytest.raises(InsufficientBalance):
        adjust(TEN, amount="-10.000001")
    with pytest.raises(InsufficientBalance):
        adjust(TEN, HELD, amount="-6.01")
    with pytest.raises(InvalidAmount):
        adjust(TEN, amount="0.00")
    with pytest.raises(AccountClosed):
        adjust(CLOSED, amount="1.00")
    assert adjust(SUSPENDED, amount="1.00")


# Repeats ----------------------------------------------------------------------------------------------------------


def test_a_request_is_recognised_by_its_fingerprint_alone():
    same = past(TEN, BOUGHT, of="txn_1")
    assert request(1).is_repeated(same)
    assert not request(1).is_repeated([])
    with pytest.raises(IdempotencyConflict):
        Request("txn_1", "key-1", "another").is_repeated(same)


def test_an_operation_that_no_request_started_is_a_conflict():
    quote = past(TEN, e.HoldExpired(hold_id="txn_1", amount=Decimal(1), currency="GBP"), of="txn_1")
    with pytest.raises(IdempotencyConflict):
        request(1).is_repeated(quote)
