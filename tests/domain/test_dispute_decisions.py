"""What takes a charge back without our asking: what each fact takes, and in whatever order facts are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from domain_helpers import LATER, NOW, SOON, account, balance, captured, declined, past, request, requested, then
from moneyed import Money

from interact_ledger.domain import disputes, refunds, standing
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus, Standing
from interact_ledger.domain.charges import Charge, Parts, fold_charges
from interact_ledger.domain.fold import fold_refund, fold_top_up
from interact_ledger.errors import AccountNotEmpty, AccountSuspended
from interact_ledger.gateways.protocol import AfterCapture, Dispute, DisputeStatus, NotAttempted, Refunded, RefundMade

D = Decimal
PAID = then(requested(), captured())
"""A top-up of 50.00 and 10.00 tax."""
OPEN, WON, LOST = DisputeStatus


def charge_after(*events: e.Event) -> Charge:
    return fold_charges(past(*events, of="txn_1"))["pay_1"]


def state_after(*events: e.Event) -> Account:
    return account(*events)


def dispute(status: DisputeStatus = OPEN, amount: str = "60.00", reference: str = "dp_1", **more: Any) -> Dispute:
    fields = {"reason": "fraudulent", "opened_at": NOW, "evidence_due_by": LATER, **more}
    return Dispute(reference=reference, status=status, amount=Money(amount, "GBP"), **fields)


def refund_made(amount: str = "12.00", reference: str = "re_1", **more: Any) -> RefundMade:
    return RefundMade(
        reference=reference, amount=Money(amount, "GBP"), **{"refunded_at": NOW, "operation_id": None, **more}
    )


def told(given: list[e.Event], *facts: Dispute | RefundMade, hold: bool = True, **more: Any) -> list[e.Event]:
    """Return all events after the gateway said that exactly these facts left the charge."""
    after = AfterCapture(
        refunds=tuple(fact for fact in facts if isinstance(fact, RefundMade)),
        disputes=tuple(fact for fact in facts if isinstance(fact, Dispute)),
        **more,
    )
    return [*given, *disputes.record_after_capture(charge_after(*given), after, hold=hold)]


def topics(given: list[e.Event], events: list[e.Event]) -> list[str]:
    assert events[: len(given)] == given
    return [event.TOPIC for event in events[len(given) :]]


def amounts(*events: e.Event) -> tuple[Decimal, Decimal]:
    state = state_after(*events)
    return state.balance, state.held


# Disputes ---------------------------------------------------------------------------------------------------------


def test_an_open_dispute_holds_its_share_of_the_credit():
    events = told(PAID, dispute(amount="12.00"))
    opened = events[-1]
    assert isinstance(opened, e.DisputeOpened)
    assert (opened.credit, [tax.amount for tax in opened.taxes], opened.total) == (D(10), [D(2)], D(12))
    assert amounts(*events) == (D(50), D(10))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == D(48)


def test_where_disputed_funds_are_not_held_they_can_be_spent_and_not_be_refunded():
    events = told(PAID, dispute(amount="12.00"), hold=False)
    assert amounts(*events) == (D(50), D(0))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == D(48)


def test_a_dispute_that_is_won_gives_back_what_was_held_and_it_can_be_refunded_again():
    events = told(told(PAID, dispute()), dispute(WON))
    assert topics(PAID, events) == ["dispute-opened", "dispute-won"]
    assert amounts(*events) == (D(50), D(0))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == D(60)


def test_a_dispute_that_is_lost_takes_the_credit_and_says_the_fee_and_the_tax():
    events = told(told(PAID, dispute()), dispute(LOST, fee=Money("15.00", "EUR"), decided_at=LATER))
    lost = events[-1]
    assert isinstance(lost, e.DisputeLost)
    assert (lost.credit, lost.total, lost.fee_amount, lost.fee_currency) == (D(50), D(60), D(15), "EUR")
    assert amounts(*events) == (D(0), D(0))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == 0


@pytest.mark.parametrize("status", [WON, LOST])
def test_a_dispute_that_is_first_seen_decided_is_opened_and_decided_at_once(status):
    events = told(PAID, dispute(status))
    assert topics(PAID, events) == ["dispute-opened", f"dispute-{status}"]
    assert amounts(*events) == amounts(*told(told(PAID, dispute()), dispute(status)))


def test_what_is_told_again_is_no_news():
    facts = (dispute(LOST, "20.00"), dispute(reference="dp_2", amount="10.00"), refund_made())
    events = told(PAID, *facts)
    assert told(events, *facts) == events


def test_a_lost_dispute_that_is_won_after_all_gives_back_what_it_took_and_the_other_way_round():
    lost = told(PAID, dispute(LOST, "12.00"))
    won = told(lost, dispute(WON, "12.00"))
    assert amounts(*lost) == (D(40), D(0))
    assert amounts(*won) == (D(50), D(0))
    assert amounts(*told(won, dispute(LOST, "12.00"))) == (D(40), D(0))


def test_an_answer_from_before_a_decision_changes_nothing():
    lost = told(PAID, dispute(LOST, decided_at=LATER))
    assert told(lost, dispute(WON, decided_at=LATER - timedelta(seconds=1))) == lost
    assert told(lost, dispute(OPEN)) == lost
    assert told(told(PAID, dispute(WON)), dispute(OPEN)) == told(PAID, dispute(WON))


def test_what_is_missing_from_an_answer_is_not_undone():
    events = told(PAID, dispute(LOST, "20.00"), refund_made())
    assert told(events) == events


def test_another_date_for_evidence_is_recorded_once_and_its_absence_is_none():
    events = told(PAID, dispute())
    moved = told(events, dispute(evidence_due_by=LATER + timedelta(days=2)))
    assert topics(events, moved) == ["dispute-evidence-due"]
    assert told(moved, dispute(evidence_due_by=LATER + timedelta(days=2))) == moved
    assert told(moved, dispute(evidence_due_by=None)) == moved


def test_a_lost_dispute_may_take_the_balance_below_zero_and_that_suspends_until_it_is_covered():
    spent = [*PAID, balance("-30.00")]
    events = told(spent, dispute(LOST))
    state = state_after(*events)
    assert (state.balance, state.standing) == (D(-30), Standing.SUSPENDED)
    assert state_after(*events, balance("29.99")).standing is Standing.SUSPENDED
    assert state_after(*events, balance("30.00")).standing is Standing.OPEN


def test_an_account_with_an_open_dispute_is_not_closed():
    state = state_after(*told(PAID, dispute(amount="0.01"), hold=False))
    with pytest.raises(AccountNotEmpty, match="1 open disputes"):
        standing.close(state, request(9), "bye", paid_out=D(50), payout_reference=None, minor_unit=D("0.01"))


# Refunds made at the gateway --------------------------------------------------------------------------------------


def test_a_refund_made_elsewhere_takes_its_share_at_once():
    events = told(PAID, refund_made())
    made = events[-1]
    assert isinstance(made, e.RefundMadeElsewhere)
    assert (made.credit, made.total, made.claimed) == (D(10), D(12), D(12))
    assert amounts(*events) == (D(40), D(0))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == D(48)


def test_a_refund_elsewhere_that_the_bank_sends_back_gives_back_what_it_took_once():
    events = told(PAID, refund_made())
    back = told(events, refund_made(returned=True))
    assert topics(events, back) == ["refund-elsewhere-returned"]
    assert amounts(*back) == (D(50), D(0))
    assert told(back, refund_made(returned=True)) == back
    assert told(PAID, refund_made(returned=True)) == PAID


def test_a_refund_of_our_own_is_not_taken_for_one_made_elsewhere():
    asked = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), D(12), "asked", SOON)]
    assert told(asked, refund_made(operation_id="txn_2")) == asked
    refund = fold_refund(past(*asked, of="txn_2"))
    paid_back = Refunded(reference="re_1", amount=Money("12.00", "GBP"), refunded_at=NOW)
    paid = [*asked, *refunds.record_refund_result(refund, charge_after(*asked), "txn_2.1", paid_back)]
    assert told(paid, refund_made()) == paid


def test_a_refund_that_names_an_operation_we_do_not_know_was_made_elsewhere():
    assert amounts(*told(PAID, refund_made(operation_id="txn_of_somebody"))) == (D(40), D(0))


def test_a_refund_elsewhere_is_a_fact_though_one_of_ours_reserves_the_whole_charge():
    """The gateway pays back no charge twice, so ours will fail; then nothing is left of the charge."""
    asked = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), None, "asked", SOON)]
    made = told(asked, refund_made("60.00"))
    assert amounts(*made) == (D(0), D(50))
    refund = fold_refund(past(*made, of="txn_2"))
    failed = [*made, *refunds.record_refund_result(refund, charge_after(*made), "txn_2.1", NotAttempted(why="refused"))]
    assert amounts(*failed) == (D(0), D(0))
    assert charge_after(*failed).left.total == charge_after(*failed).kept.total == 0


def test_a_lost_dispute_leaves_what_a_refund_of_ours_is_about_to_take_and_takes_it_if_the_refund_fails():
    asked = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), D(24), "asked", SOON)]
    lost = told(asked, dispute(LOST))
    assert amounts(*lost) == (D(20), D(20))
    refund = fold_refund(past(*lost, of="txn_2"))

    paid_back = Refunded(reference="rfd_1", amount=Money("24.00", "GBP"), refunded_at=NOW)
    settled = [*lost, *refunds.record_refund_result(refund, charge_after(*lost), "txn_2.1", paid_back)]
    assert disputes.claim_again(charge_after(*settled)) == []
    assert amounts(*told(settled, dispute(LOST))) == (D(0), D(0))

    failed = [*lost, *refunds.record_refund_result(refund, charge_after(*lost), "txn_2.1", NotAttempted(why="refused"))]
    (rest,) = disputes.claim_again(charge_after(*failed))
    assert (rest.TOPIC, rest.total) == ("dispute-lost", D(24))
    assert amounts(*failed, rest) == (D(0), D(0))


@pytest.mark.parametrize(("amount", "mismatched"), [("24.00", False), ("23.99", True)])
def test_a_refund_that_was_made_after_all_takes_no_more_than_others_left_of_its_charge(amount, mismatched):
    asked = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), D(24), "asked", SOON)]
    refund = fold_refund(past(*asked, of="txn_2"))
    failed = [*asked, *refunds.record_refund_result(refund, charge_after(*asked), "txn_2.1", NotAttempted(why="no"))]
    lost = told(failed, dispute(LOST, amount="48.00"))
    assert amounts(*lost) == (D(10), D(0))

    paid_back = Refunded(reference="rfd_1", amount=Money(amount, "GBP"), refunded_at=NOW)
    refund = fold_refund(past(*lost, of="txn_2"))
    late = [*lost, *refunds.record_refund_result(refund, charge_after(*lost), "txn_2.1", paid_back)]
    taken = late[-1]
    assert (taken.late, taken.credit, [tax.amount for tax in taken.taxes]) == (True, D(10), [D(2)])
    assert isinstance(taken, e.RefundMismatched) or (taken.total, taken.claimed) == (D(12), D(24))
    assert isinstance(taken, e.RefundMismatched) is mismatched
    assert amounts(*late) == (D(0), D(0))
    assert charge_after(*late).left.total == charge_after(*late).kept.total == 0

    refund = fold_refund(past(*late, of="txn_2"))
    back = [*late, *refunds.record_refund_result(refund, charge_after(*late), "txn_2.1", declined())]
    assert (back[-1].TOPIC, back[-1].credit, back[-1].total) == ("refund-returned", D(10), D(12))
    assert amounts(*back) == (D(10), D(0))
    assert charge_after(*back).left == Parts(D(10), (D(2),))


def test_a_failed_settlement_leaves_what_a_refund_of_ours_is_about_to_take_and_takes_it_if_the_refund_fails():
    asked = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), D(24), "asked", SOON)]
    reversed_ = told(asked, reversed_at=LATER, reversal_code="declined")
    assert amounts(*reversed_) == (D(20), D(20))
    refund = fold_refund(past(*reversed_, of="txn_2"))
    failed = [
        *reversed_,
        *refunds.record_refund_result(refund, charge_after(*reversed_), "txn_2.1", NotAttempted(why="refused")),
    ]
    (rest,) = disputes.claim_again(charge_after(*failed))
    assert (rest.TOPIC, rest.code, rest.total) == ("payment-reversed", "declined", D(24))
    assert amounts(*failed, rest) == (D(0), D(0))


def test_a_dispute_that_is_lost_for_less_than_was_claimed_takes_that():
    events = told(told(PAID, dispute()), dispute(LOST, amount="24.00"))
    assert amounts(*events) == (D(30), D(0))
    assert (events[-1].claimed, charge_after(*events).disputes["dp_1"].claimed) == (D(24), D(24))
    assert told(events, dispute(LOST, amount="24.00")) == events
    assert disputes.claim_again(charge_after(*events)) == []


# Together never more than was captured ----------------------------------------------------------------------------


def test_a_lost_dispute_that_is_won_in_part_after_all_gives_back_that_part():
    lost = told(PAID, dispute(LOST, decided_at=NOW))
    in_part = told(lost, dispute(LOST, "24.00", decided_at=SOON))
    assert amounts(*in_part) == (D(30), D(0))
    assert told(in_part, dispute(LOST, "24.00", decided_at=SOON)) == in_part
    assert told(in_part, dispute(LOST, decided_at=NOW)) == in_part
    assert amounts(*told(in_part, dispute(WON, decided_at=LATER))) == (D(50), D(0))


def test_a_lost_dispute_that_is_won_in_part_after_all_claims_no_more_than_the_rest():
    refunding = [*PAID, *refunds.request_refund(state_after(*PAID), request(2), charge_after(*PAID), D(48), "x", SOON)]
    in_part = told(told(refunding, dispute(LOST)), dispute(LOST, "24.00"))
    assert amounts(*in_part) == (D(40), D(40))
    refund = fold_refund(past(*in_part, of="txn_2"))
    failed = [
        *in_part,
        *refunds.record_refund_result(refund, charge_after(*in_part), "txn_2.1", NotAttempted(why="refused")),
    ]
    assert amounts(*failed, *disputes.claim_again(charge_after(*failed))) == (D(30), D(0))


def test_a_refund_and_a_dispute_of_one_charge_take_no_more_than_was_captured():
    events = told(PAID, refund_made("36.00"), dispute(LOST, opened_at=LATER))
    opened, lost = events[-2:]
    assert (opened.claimed, opened.total, lost.total) == (D(60), D(24), D(24))
    assert amounts(*events) == (D(0), D(0))


def test_a_charge_that_is_refunded_while_it_is_disputed_is_lost_no_second_time():
    events = told(told(PAID, dispute()), dispute(), refund_made("60.00"))
    assert amounts(*events) == (D(0), D(50))
    assert amounts(*told(events, dispute(LOST), refund_made("60.00"))) == (D(0), D(0))


def test_a_lost_dispute_takes_the_rest_of_its_claim_when_more_becomes_left():
    lost = told(PAID, refund_made("36.00"), dispute(LOST, opened_at=LATER))
    back = told(lost, refund_made("36.00", returned=True), dispute(LOST, opened_at=LATER))
    assert topics(lost, back) == ["refund-elsewhere-returned", "dispute-lost"]
    assert amounts(*back) == (D(0), D(0))
    assert amounts(*told(back, dispute(WON, opened_at=LATER))) == (D(50), D(0))


def test_a_disputed_part_cannot_be_refunded_by_us():
    events = told(PAID, dispute(amount="48.00"))
    assert refunds.refundable(state_after(*events), charge_after(*events)) == D(12)


# A settlement that failed -----------------------------------------------------------------------------------------


def test_a_failed_settlement_takes_back_what_is_left_and_the_top_up_is_reversed():
    events = told(PAID, refund_made(), reversed_at=NOW, reversal_code="settlement_declined")
    reversal = events[-1]
    assert isinstance(reversal, e.PaymentReversed)
    assert (reversal.credit, reversal.total, reversal.code) == (D(40), D(48), "settlement_declined")
    assert amounts(*events) == (D(0), D(0))
    assert fold_top_up(past(*events, of="txn_1")).outcome is AttemptStatus.REVERSED
    assert told(events, refund_made(), reversed_at=NOW, reversal_code="settlement_declined") == events


def test_a_dispute_of_what_never_came_takes_nothing_more():
    events = told(told(PAID, dispute()), dispute(), reversed_at=NOW)
    assert amounts(*events) == (D(0), D(50))
    assert amounts(*told(events, dispute(LOST), reversed_at=NOW)) == (D(0), D(0))


def test_what_comes_back_of_a_charge_that_never_settled_is_taken_again():
    lost = told(PAID, dispute(LOST, "12.00"), refund_made("24.00"))
    events = told(lost, dispute(LOST, "12.00"), refund_made("24.00"), reversed_at=NOW)
    back = told(events, dispute(WON, "12.00"), refund_made("24.00", returned=True), reversed_at=NOW)
    assert topics(events, back) == ["dispute-won", "refund-elsewhere-returned", "payment-reversed"]
    assert amounts(*back) == (D(0), D(0))


def test_what_a_won_dispute_gives_back_another_that_was_lost_for_less_than_its_claim_takes_in_the_same_look():
    first, second = dispute(LOST, reference="dp_1"), dispute(LOST, reference="dp_2", opened_at=LATER)
    events = told(PAID, second, dispute(WON, reference="dp_1"))
    assert amounts(*events) == (D(0), D(0))
    both = told(PAID, first, second)
    assert amounts(*both) == (D(0), D(0))
    turned = told(both, second, dispute(WON, reference="dp_1"))
    assert topics(both, turned) == ["dispute-won", "dispute-lost"]
    turned = told(both, first, dispute(WON, reference="dp_2", opened_at=LATER))
    assert told(turned, first, dispute(WON, reference="dp_2", opened_at=LATER)) == turned


# Order ------------------------------------------------------------------------------------------------------------


def test_a_refund_elsewhere_stays_taken_though_a_dispute_that_was_lost_beside_it_is_won_after_all():
    lost = told(PAID, dispute(LOST), refund_made("60.00", refunded_at=LATER))
    won = told(lost, dispute(WON), refund_made("60.00", refunded_at=LATER))
    assert amounts(*lost) == amounts(*won) == (D(0), D(0))


def test_facts_are_taken_in_the_order_in_which_they_happened_not_in_which_they_are_listed():
    facts = [replace(refund_made("0.01", f"re_{n}"), refunded_at=NOW + timedelta(hours=n)) for n in range(4)]
    assert told(PAID, *facts) == told(PAID, *reversed(facts))
    references = [event.reference for event in told(PAID, *reversed(facts))[-4:]]
    assert all(a < b for a, b in pairwise(references))


def test_what_a_balance_below_zero_says():
    state = state_after(*told([*PAID, balance("-30.00")], dispute(LOST)))
    with pytest.raises(AccountSuspended, match="below zero; top up first"):
        standing.refuse_inactive(state)
    assert standing.reinstate(state, "asked") == []
    both = state_after(*told([*PAID, balance("-30.00")], dispute(LOST)), e.AccountSuspended(reason="fraud"))
    assert [event.TOPIC for event in standing.reinstate(both, "asked")] == ["account-reinstated"]
