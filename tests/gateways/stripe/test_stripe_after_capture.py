"""What left a payment again at Stripe, and what became of its saved cards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moneyed import Money
from stripe_helpers import charge, paid, payment, refund_of

from interact_ledger.errors import GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import AfterCapture, DisputeStatus, Found, Indeterminate, NotFound, SavedCard
from interact_ledger.gateways.stripe.after_capture import PAGES_MAX
from servers.stripe import Fault, Outcome, Script
from servers.stripe.disputes import ANSWERED_WITHIN
from stripe_bench import StripeBench, stripe_bench

PENNY = Money("0.01", "GBP")


def left(bench: StripeBench, reference: str) -> AfterCapture:
    found = bench.gateway.find_after_capture(reference)
    assert isinstance(found, Found), found
    return found.result


# Refunds ----------------------------------------------------------------------------------------------------------


def test_every_page_of_refunds_is_read_and_told_oldest_first(bench):
    captured = paid(bench)
    bench.server.state.page_max = 2
    made = [bench.server.refund_in_dashboard(captured.reference, 1) for _ in range(4)]
    ours = bench.gateway.refund(refund_of(bench, captured, amount=PENNY))
    refunds = left(bench, captured.reference).refunds
    assert [refund.reference for refund in refunds] == [*made, ours.reference]
    assert [refund.operation_id for refund in refunds] == [None] * 4 + ["refund_of_ref_1"]
    assert len(bench.server.asked("GET", "/refunds")) == 3


def test_more_pages_than_a_payment_can_have_are_not_read_for_ever(bench):
    captured = paid(bench)
    bench.server.state.page_max = 1
    for _ in range(PAGES_MAX + 1):
        bench.server.refund_in_dashboard(captured.reference, 1)
    assert isinstance(bench.gateway.find_after_capture(captured.reference), Indeterminate)
    assert len(bench.server.asked("GET", "/refunds")) == PAGES_MAX + 1


@pytest.mark.parametrize("path", ["/v1/payment_intents/[^/]+", "/v1/refunds", "/v1/disputes"])
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE_AFTER, Fault.NONSENSE_AFTER, Fault.LIST_AFTER])
def test_whatever_could_not_be_read_leaves_all_of_it_unknown(bench, path, fault):
    captured = paid(bench)
    bench.server.refund_in_dashboard(captured.reference, 100)
    bench.server.faults.add("GET", path, fault, times=None)
    assert isinstance(bench.gateway.find_after_capture(captured.reference), Indeterminate)


def test_a_second_page_that_is_lost_leaves_the_first_unsaid(bench):
    captured = paid(bench)
    bench.server.state.page_max = 1
    for _ in range(2):
        bench.server.refund_in_dashboard(captured.reference, 1)
    first = bench.server.state.listed

    def listed(table, query, wanted, url):
        return {"object": "list"} if "starting_after" in query else first(table, query, wanted, url)

    bench.server.state.listed = listed
    assert isinstance(bench.gateway.find_after_capture(captured.reference), Indeterminate)


@pytest.mark.parametrize(
    ("status", "told"), [("canceled", []), ("requires_action", []), ("failed", [True]), ("succeeded", [False])]
)
def test_a_refund_counts_once_it_went_out_and_says_if_it_came_back(bench, status, told):
    captured = paid(bench)
    reference = bench.server.refund_in_dashboard(captured.reference, 100)
    bench.server.state.refunds[reference]["status"] = status
    assert [refund.returned for refund in left(bench, captured.reference).refunds] == told


# Disputes ---------------------------------------------------------------------------------------------------------


def test_a_dispute_tells_its_reason_its_days_and_what_it_costs(bench):
    captured = paid(bench)
    bench.clock.advance(timedelta(days=3))
    opened_at = bench.clock.now()
    bench.server.open_dispute(captured.reference, 400, reason="product_not_received")
    (dispute,) = left(bench, captured.reference).disputes
    assert (dispute.status, dispute.amount) == (DisputeStatus.OPEN, Money("4.00", "GBP"))
    assert (dispute.reason, dispute.opened_at) == ("product_not_received", opened_at)
    assert (dispute.evidence_due_by, dispute.fee) == (opened_at + ANSWERED_WITHIN, Money("20.00", "GBP"))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("needs_response", DisputeStatus.OPEN),
        ("under_review", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("warning_needs_response", None),
        ("warning_under_review", None),
        ("warning_closed", None),
    ],
)
def test_each_status_of_a_dispute_is_what_it_is_and_an_inquiry_is_none(bench, status, told):
    captured = paid(bench)
    reference = bench.server.open_dispute(captured.reference)
    bench.server.state.disputes[reference]["status"] = status
    assert [dispute.status for dispute in left(bench, captured.reference).disputes] == ([told] if told else [])


def test_a_dispute_that_was_prevented_is_lost_only_if_money_was_taken_for_it(bench):
    captured = paid(bench)
    blocked = bench.server.open_dispute(captured.reference, status="prevented")
    assert left(bench, captured.reference).disputes == ()
    resolved = bench.server.open_dispute(captured.reference)
    bench.server.state.disputes[resolved]["status"] = "prevented"
    assert [d.status for d in left(bench, captured.reference).disputes] == [DisputeStatus.LOST]
    assert blocked != resolved


def test_a_dispute_that_was_prevented_after_all_and_whose_money_is_back_is_won(bench):
    """Were it no dispute any more, what it held would be held for ever."""
    captured = paid(bench)
    reference = bench.server.open_dispute(captured.reference)
    bench.server.decide_dispute(reference, won=True)
    bench.server.state.disputes[reference]["status"] = "prevented"
    assert [d.status for d in left(bench, captured.reference).disputes] == [DisputeStatus.WON]


@pytest.mark.parametrize(
    "changes",
    [{"status": "something_new"}, {"currency": "usd"}, {"amount": "7"}, {"evidence_details": None}, {"reason": ""}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_dispute_that_makes_no_sense_is_for_a_person(bench, changes):
    captured = paid(bench)
    reference = bench.server.open_dispute(captured.reference)
    bench.server.state.disputes[reference].update(changes)
    assert isinstance(bench.gateway.find_after_capture(captured.reference), Indeterminate)


def test_a_fee_that_stripe_gave_back_is_none(bench):
    captured = paid(bench)
    reference = bench.server.open_dispute(captured.reference)
    bench.server.decide_dispute(reference, won=True)
    bench.server.state.disputes[reference]["balance_transactions"][-1]["fee"] = -2000
    assert left(bench, captured.reference).disputes[0].fee is None


# Which payment ----------------------------------------------------------------------------------------------------


def test_a_payment_that_took_no_money_is_not_found(bench):
    processing = charge(bench, "att_1", bench.server.card(Script(pay=Outcome.PROCESS)))
    declined = charge(bench, "att_2", "pm_card_chargeDeclined")
    for reference in (processing.reference, declined.reference, "pi_unknown"):
        assert bench.gateway.find_after_capture(reference) == NotFound()
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.find_after_capture("")


# Cards ------------------------------------------------------------------------------------------------------------


def kept(bench: StripeBench, attempt: str = "att_1") -> tuple[SavedCard, str]:
    result = paid(bench, attempt, save_card=True)
    assert result.saved_card is not None
    return SavedCard(result.saved_card.token), payment(bench).customer_id


def test_cards_of_another_account_are_not_taken_for_gone():
    """With another account's key nothing is known, and every card would be dropped."""
    with stripe_bench() as ours, stripe_bench() as another:
        card, customer_id = kept(ours)
        with pytest.raises(GatewayMisconfigured):
            another.gateway.find_saved_card(card, customer_id)


def test_the_cards_of_a_deleted_customer_are_gone(bench):
    card, customer_id = kept(bench)
    bench.server.delete_customer(customer_id)
    assert bench.gateway.find_saved_card(card, customer_id) == NotFound()
    del bench.server.state.methods[card.token]
    assert bench.gateway.find_saved_card(card, customer_id) == NotFound()


@pytest.mark.parametrize("path", ["/v1/payment_methods/[^/]+", "/v1/customers/[^/]+"])
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE_AFTER, Fault.NONSENSE_AFTER])
def test_a_card_is_not_gone_as_long_as_that_is_not_sure(bench, path, fault):
    card, customer_id = kept(bench)
    bench.server.faults.add("GET", path, fault, times=None)
    asked = card if "methods" in path else SavedCard("pm_unknown")
    assert isinstance(bench.gateway.find_saved_card(asked, customer_id), Indeterminate)


def test_an_answer_about_another_card_says_nothing_of_this_one(bench):
    (card, customer_id), (other, _) = kept(bench), kept(bench, "att_2")
    bench.server.state.methods[card.token] = bench.server.state.methods[other.token]
    assert isinstance(bench.gateway.find_saved_card(card, customer_id), Indeterminate)


def test_empty_ids_are_refused_because_they_name_collections(bench):
    _, customer_id = kept(bench)
    for card, customer in ((SavedCard(""), customer_id), (SavedCard("pm_unknown"), "")):
        with pytest.raises(GatewayInvalidRequest):
            bench.gateway.find_saved_card(card, customer)
