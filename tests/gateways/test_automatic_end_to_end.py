"""An automatic payment for which the bank wants the customer to be there, at Stripe and at Braintree over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moneyed import Money

from automatic_helpers import AGREED
from braintree_bench import opened_bench
from interact_ledger import AutoTopUpDetails, Ledger
from interact_ledger.gateways.conformance import Behaviour, Bench
from stripe_bench import stripe_bench

LOW = Money("10.00", "GBP")


@pytest.fixture(params=[stripe_bench, opened_bench], ids=["stripe", "braintree"])
def bench(request) -> Iterator[Bench]:
    with request.param() as opened:
        yield opened


@pytest.fixture
def ledger(bench) -> Iterator[Ledger]:
    with Ledger.open("sqlite://", gateways=[bench.gateway], clock=bench.clock) as opened:
        yield opened


@pytest.fixture
def account_id(bench, ledger) -> str:
    """An account that is low, whose card wants its owner and was to be charged automatically."""
    account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
    quote = ledger.checkout(account_id, LOW)
    card = bench.card(Behaviour.ASKS_WHEN_SAVED)
    paid = ledger.top_up(account_id, quote.quote_id, card_token=card, save_card=True, idempotency_key="first")
    agreed = {**AGREED, "given_at": bench.clock.now()}
    ledger.enable_auto_top_up(account_id, card_id=paid.saved_card.card_id, **agreed)
    assert [done.outcome for done in ledger.run_due()] == ["declined"]
    return account_id


def auto(ledger: Ledger, account_id: str) -> AutoTopUpDetails:
    agreed = ledger.automatic_payments(account_id).auto_top_up
    assert agreed is not None
    return agreed


def test_what_was_declined_can_be_paid_by_nobody_any_more(bench, ledger, account_id):
    declined = ledger.top_up_result(account_id, auto(ledger, account_id).transaction_id)
    assert (declined.status, declined.decline_reason) == ("declined", "authentication_required")
    assert declined.decline_advice == "customer_present"
    assert [thing.kind for thing in bench.chargeable()] == ["card"]
    bench.pay_in_browser(declined.gateway_reference, bench.card(Behaviour.SUCCEEDS))
    assert len(bench.captured()) == 1
    assert ledger.balance(account_id).total == LOW


def test_the_customer_is_told_that_the_bank_wants_them(ledger, account_id):
    told = []
    ledger.deliver_notifications("mailer", told.append)
    assert [(event.get_type(), event.get_data()["reason"]) for event in told] == [
        ("interact_ledger.auto_top_up_paused", "authentication")
    ]


def test_the_customer_pays_anew_with_that_card_and_automatic_payments_go_on(bench, ledger, account_id):
    before = auto(ledger, account_id)
    assert (before.status, before.stopped_by) == ("paused", "authentication")
    quote = ledger.checkout(account_id, LOW)
    paid = ledger.top_up(account_id, quote.quote_id, card_id=before.card_id, idempotency_key="by hand")
    assert paid.status == "succeeded"
    assert paid.transaction_id != before.transaction_id
    assert auto(ledger, account_id).status == "enabled"
    assert ledger.audit().clean
