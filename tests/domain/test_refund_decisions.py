"""Refunds: what may be paid back, how it splits, and every answer of a gateway in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from domain_helpers import LATER, NOW, SOON, account, captured, declined, past, request, requested, then
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain import refunds
from interact_ledger.domain.account import AttemptStatus, Refund
from interact_ledger.domain.charges import Charge, Parts, fold_charges
from interact_ledger.domain.fold import fold_refund
from interact_ledger.errors import AccountClosed, InvalidRequest, NotRefundable, TransactionNotFound
from interact_ledger.gateways.protocol import NotAttempted, Pending, Refunded, Unknown
from interact_ledger.money import minor_unit

D = Decimal
PAID = then(requested(), captured())
"""A top-up of 50.00 and 10.00 tax."""
PENDING = Pending(reference="rfd_1")
NOBODY = NotAttempted(why="refused")
UNKNOWN = Unknown(why="time-out")


def charges_after(*events: e.Event) -> dict[str, Charge]:
    return fold_charges(past(*events, of="txn_1"))


def refund_after(*events: e.Event, number: int = 2) -> Refund:
    refund = fold_refund(past(*events, of=f"txn_{number}"))
    assert refund is not None
    return refund


def asked(given: list[e.Event], amount: str | None = "12.00", number: int = 2) -> list[e.Event]:
    charge = refunds.charge_to_refund(charges_after(*given), None)
    total = None if amount is None else D(amount)
    return [*given, *refunds.request_refund(account(*given), request(number), charge, total, "asked", SOON)]


def paid_back(amount: str = "12.00", reference: str = "rfd_1") -> Refunded:
    return Refunded(reference=reference, amount=Money(amount, "GBP"), refunded_at=NOW)


def heard(given: list[e.Event], *results: Any, attempt: str = "txn_2.1", number: int = 2) -> list[e.Event]:
    events = list(given)
    for result in results:
        charge = charges_after(*events)["pay_1"]
        events += refunds.record_refund_result(refund_after(*events, number=number), charge, attempt, result)
    return events


def balances(*events: e.Event) -> tuple[Decimal, Decimal]:
    state = account(*events)
    return state.balance, state.held


# What may be paid back --------------------------------------------------------------------------------------------


def test_a_refund_reserves_its_share_of_the_credit_and_names_its_share_of_the_tax():
    events = asked(PAID)
    attempted = events[-1]
    assert (attempted.credit, [tax.amount for tax in attempted.taxes], attempted.total) == (D(10), [D(2)], D(12))
    assert balances(*events) == (D(50), D(10))


def test_no_amount_means_all_that_is_left():
    first = heard(asked(PAID, "59.99"), paid_back("59.99"))
    assert asked(first, None, 3)[-1].total == D("0.01")


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "60.01"])
def test_nothing_and_more_than_is_left_are_refused_with_what_is_left(amount):
    with pytest.raises(NotRefundable, match=r"60\.00 GBP can be paid back now") as refused:
        asked(PAID, amount)
    assert refused.value.field == "amount"


def test_what_was_spent_is_not_paid_back():
    spent = e.Spent(**request(7).fields, amount=D("30.0001"), currency="GBP", price_list="1", lines=())
    events = [*PAID, spent]
    assert refunds.refundable(account(*events), charges_after(*events)["pay_1"]) == D("23.99")
    with pytest.raises(NotRefundable, match=r"covers 19\.9999 without tax"):
        asked(events, "24.00")


def test_what_is_being_refunded_is_neither_left_nor_spent_twice():
    events = asked(PAID, "30.00")
    assert charges_after(*events)["pay_1"].left.total == D(30)
    with pytest.raises(NotRefundable):
        asked(events, "30.01", 3)


def test_a_closed_account_takes_no_refund():
    closed = e.AccountClosed(
        **request(9).fields, reason="w", paid_out=D(50), payout_reference=None, written_off=0, currency="GBP"
    )
    with pytest.raises(AccountClosed):
        asked([*PAID, closed], "0.01")


def test_a_charge_must_be_there_and_of_several_one_is_named():
    with pytest.raises(TransactionNotFound):
        refunds.charge_to_refund({}, None)
    two = charges_after(*then(requested(), captured(), captured(reference="pay_2")))
    with pytest.raises(InvalidRequest, match="pay_1, pay_2") as refused:
        refunds.charge_to_refund(two, None)
    assert refused.value.field == "charge"
    assert refunds.charge_to_refund(two, "pay_2").captured.reference == "pay_2"
    with pytest.raises(TransactionNotFound):
        refunds.charge_to_refund(two, "pay_3")


# How it splits ----------------------------------------------------------------------------------------------------


@given(
    currency=st.sampled_from(["GBP", "JPY", "KWD"]),
    credit=st.integers(0, 100_000),
    taxes=st.lists(st.integers(0, 30_000), max_size=3),
    cuts=st.lists(st.integers(1, 100_000), max_size=6),
)
def test_however_it_is_cut_the_parts_come_to_the_whole_and_none_is_passed(currency, credit, taxes, cuts):
    unit = minor_unit(currency)
    lines = tuple(e.TaxLine(name=f"T{n}", rate=D(1), amount=tax * unit) for n, tax in enumerate(taxes))
    total = (credit + sum(taxes)) * unit
    event = captured_event(currency, credit * unit, lines, total)
    left = Parts.of(event)
    given_back = []
    for cut in [*cuts, None]:
        amount = left.total if cut is None else min(cut * unit, left.total)
        parts = left.at_most(amount, currency)
        assert parts.credit + sum(parts.taxes) == amount
        assert 0 <= parts.credit <= left.credit
        assert all(0 <= part <= rest for part, rest in zip(parts.taxes, left.taxes, strict=True))
        left = left.minus(parts)
        given_back.append(amount)
    assert left.total == left.credit == 0
    assert sum(given_back) == total


@given(
    credit=st.integers(1, 9_000),
    tax=st.integers(0, 3_000),
    available=st.decimals(-10, 120, places=6),
)
def test_what_is_refundable_is_exactly_the_most_that_is_accepted(credit, tax, available):
    unit = D("0.01")
    line = e.TaxLine(name="VAT", rate=D(20), amount=tax * unit)
    event = captured_event("GBP", credit * unit, (line,), (credit + tax) * unit)
    adjusted = e.BalanceAdjusted(**request(99).fields, amount=available, currency="GBP", reason="start")
    charge = Charge(captured=event, left=Parts.of(event), under_way=Parts.of(event).nothing)
    state = account(adjusted)
    most = refunds.refundable(state, charge)
    for amount in (most, most + unit):
        try:
            refunds.request_refund(state, request(2), charge, amount, "asked", SOON)
        except NotRefundable:
            assert amount > most or amount == 0
        else:
            assert 0 < amount <= most
            assert charge.left.at_most(amount, "GBP").credit <= available


def captured_event(currency: str, credit: Decimal, taxes: tuple[e.TaxLine, ...], total: Decimal) -> e.PaymentCaptured:
    return e.PaymentCaptured(
        operation_id="txn_1",
        attempt_id="txn_1.1",
        gateway="sandbox",
        reference="pay_1",
        credit=credit,
        taxes=taxes,
        total=total,
        currency=currency,
        captured_at=NOW,
        brand="visa",
        last_four="4242",
        funding="credit",
        late=False,
    )


# What the gateway says --------------------------------------------------------------------------------------------


def test_a_refund_that_is_confirmed_lowers_the_balance_and_reserves_nothing():
    assert balances(*heard(asked(PAID), paid_back())) == (D(40), D(0))


def test_a_refund_that_fails_gives_the_reservation_back_and_can_be_asked_for_anew():
    events = heard(asked(PAID), PENDING, declined())
    assert balances(*events) == (D(50), D(0))
    assert refund_after(*events).status is AttemptStatus.DECLINED
    assert asked(events, None, 3)[-1].total == D(60)


def test_a_confirmed_refund_that_fails_after_all_comes_back():
    events = heard(asked(PAID), paid_back(), declined())
    assert balances(*events) == (D(50), D(0))
    assert [type(event) for event in events[-2:]] == [e.Refunded, e.RefundReturned]
    assert charges_after(*events)["pay_1"].left.total == D(60)
    assert heard(events, declined(), declined()) == events


def test_an_answer_from_before_the_banks_return_is_stale_and_debits_nothing():
    """One process learns that the refund came back before another records that it had gone out."""
    returned = replace(declined(), reference="rfd_1")
    events = heard(asked(PAID), UNKNOWN, returned)
    assert balances(*events) == (D(50), D(0))
    assert heard(events, paid_back(reference="rfd_1")) == events


def test_another_amount_than_asked_for_is_debited_as_asked_and_reported():
    events = heard(asked(PAID), paid_back("11.99"))
    assert isinstance(events[-1], e.RefundMismatched)
    assert balances(*events) == (D(40), D(0))
    assert refund_after(*events).status is AttemptStatus.MISMATCHED


@pytest.mark.parametrize("result", [paid_back(), PENDING, UNKNOWN, declined(), NOBODY])
def test_hearing_the_same_again_changes_nothing(result):
    events = heard(asked(PAID), result)
    assert heard(events, result) == events


@pytest.mark.parametrize("known", [PENDING, UNKNOWN])
def test_no_try_of_several_that_reached_nobody_is_proof(known):
    events = [*heard(asked(PAID), UNKNOWN)]
    events += refunds.send_refund_again(refund_after(*events), NOW)
    assert isinstance(events[-1], e.RefundRetried)
    assert heard(events, NOBODY) == events
    assert balances(*heard(events, known)) == (D(50), D(10))


def test_a_late_confirmation_of_an_attempt_given_up_is_debited_and_marked():
    events = heard(asked(PAID), NOBODY)
    assert balances(*events) == (D(50), D(0))
    charge = charges_after(*events)["pay_1"]
    events += refunds.attempt_refund_again(account(*events), refund_after(*events), charge, LATER)
    late = heard(events, paid_back())
    assert late[-1].late
    assert balances(*late) == (D(40), D(10))
    assert balances(*heard(late, paid_back(reference="rfd_2"), attempt="txn_2.2")) == (D(30), D(0))
    assert charges_after(*late)["pay_1"].left.total == D(36)


def test_a_late_refund_takes_a_part_of_which_less_is_left_from_the_others_and_says_so():
    events = heard(asked(PAID, "0.03"), NOBODY)
    asked_for = events[-2]
    charge = charges_after(*events)["pay_1"]
    left = Parts(D("0.00"), (D("10.00"),))
    (paid,) = refunds.record_refund_result(
        refund_after(*events), replace(charge, left=left), "txn_2.1", paid_back("0.03")
    )
    assert (paid.credit, paid.total, paid.claimed) == (D("0.00"), D("0.03"), D("0.03"))
    assert paid.credit != asked_for.credit


def test_a_late_refund_of_an_earlier_attempt_may_return_and_leaves_the_latest_as_it_is():
    events = heard(asked(PAID), NOBODY)
    events += heard(asked(PAID, "30.00", 3), paid_back("30.00", "rfd_3"), number=3, attempt="txn_3.1")[len(PAID) :]
    charge = charges_after(*events)["pay_1"]
    events += refunds.attempt_refund_again(account(*events), refund_after(*events), charge, LATER)
    late = heard(events, paid_back())
    assert (late[-1].credit, late[-1].late) == (D(10), True)
    returned = heard(late, declined())
    assert isinstance(returned[-1], e.RefundReturned)
    assert balances(*returned) == (D(25), D(10))
    assert refund_after(*returned).status is AttemptStatus.REQUESTED
    assert heard(returned, declined(), paid_back()) == returned
    assert charges_after(*returned)["pay_1"].left.total == D(18)


def test_the_next_attempt_follows_only_on_one_that_reached_nobody():
    for result in (PENDING, UNKNOWN, declined(), paid_back()):
        events = heard(asked(PAID), result)
        charge = charges_after(*events)["pay_1"]
        assert refunds.attempt_refund_again(account(*events), refund_after(*events), charge, LATER) == []


def test_absence_counts_only_for_the_latest_attempt_and_while_it_is_open():
    events = asked(PAID)
    assert refunds.record_refund_absence(refund_after(*events), "txn_2.7") == []
    absent = refunds.record_refund_absence(refund_after(*events), "txn_2.1")
    assert [type(event) for event in absent] == [e.RefundFailed]
    done = heard(events, paid_back())
    assert refunds.record_refund_absence(refund_after(*done), "txn_2.1") == []


def test_an_attempt_is_sent_again_only_while_it_is_undecided_and_in_time():
    events = heard(asked(PAID), UNKNOWN)
    assert refunds.send_refund_again(refund_after(*events), SOON) == []
    assert refunds.send_refund_again(refund_after(*heard(events, paid_back())), NOW) == []
    assert refunds.send_refund_again(refund_after(*events), SOON - timedelta(microseconds=1)) != []
