"""A customer that was deleted at the gateway is replaced, and not while anything is open there."""

from __future__ import annotations

import pytest

from interact_ledger.domain import events as e
from interact_ledger.errors import GatewayCustomerGone
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import LedgerKit
from ledger_helpers import events_of, gbp, pay, saved, topics


def customers(kit: LedgerKit, account_id: str) -> list[str]:
    return [event.customer_id for event in events_of(kit, account_id, e.GatewayCustomerLinked)]


def delete(kit: LedgerKit, account_id: str) -> None:
    kit.gateway.delete_customer(customers(kit, account_id)[-1])


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    account_id = kit.account().account_id
    pay(kit, account_id, "first")
    return account_id


def test_another_customer_is_linked_once(kit, account_id):
    delete(kit, account_id)
    for key in ("second", "third"):
        if key == "second":
            with pytest.raises(GatewayCustomerGone):
                pay(kit, account_id, key)
        else:
            assert pay(kit, account_id, key).status == "succeeded"
    old, new = customers(kit, account_id)
    assert old != new
    assert kit.ledger.audit().findings == ()


def test_what_is_open_is_looked_up_under_the_customer_that_it_was_sent_for(kit, account_id):
    pending = pay(kit, account_id, "pending", card_token="tok_pending")
    delete(kit, account_id)
    for key in ("second", "third"):
        with pytest.raises(GatewayCustomerGone):
            pay(kit, account_id, key)
    assert len(customers(kit, account_id)) == 1
    kit.gateway.settle(pending.gateway_reference)
    assert kit.ledger.complete(account_id, pending.transaction_id).status == "succeeded"
    with pytest.raises(GatewayCustomerGone):
        pay(kit, account_id, "fourth")
    assert pay(kit, account_id, "fifth").status == "succeeded"


def test_an_open_saving_is_in_the_way_too(kit, account_id):
    kit.ledger.save_card(account_id, "tok_pending", idempotency_key="pending")
    delete(kit, account_id)
    with pytest.raises(GatewayCustomerGone):
        pay(kit, account_id, "second")
    assert len(customers(kit, account_id)) == 1


def test_a_try_that_may_have_arrived_stays_unknown(kit, account_id):
    kit.gateway.fail_next("begin", Fault.BEFORE)
    assert pay(kit, account_id, "second").status == "unknown"
    delete(kit, account_id)
    with pytest.raises(GatewayCustomerGone):
        pay_again(kit, account_id)
    assert len(customers(kit, account_id)) == 1
    assert topics(kit, account_id)[-1] == "payment-retried"


def pay_again(kit: LedgerKit, account_id: str) -> None:
    (first,) = [event for event in events_of(kit, account_id, e.TopUpRequested) if event.idempotency_key == "second"]
    kit.ledger.top_up(account_id, first.quote_id, card_token="tok_visa", idempotency_key="second")


def test_a_gateway_that_cannot_be_asked_leaves_it_to_the_next_payment(kit, account_id):
    delete(kit, account_id)
    kit.gateway.fail_next("link_customer", Fault.BEFORE)
    with pytest.raises(GatewayCustomerGone):
        pay(kit, account_id, "second")
    assert len(customers(kit, account_id)) == 1
    with pytest.raises(GatewayCustomerGone):
        pay(kit, account_id, "third")
    assert len(customers(kit, account_id)) == 2


def test_automatic_payments_stop_with_the_card(kit, account_id):
    card_id = saved(kit, account_id)
    kit.ledger.enable_auto_top_up(
        account_id,
        threshold=gbp("60.00"),
        amount=gbp("20.00"),
        card_id=card_id,
        max_per_month=3,
        ceiling=gbp("60.00"),
        consent_text="yes",
        given_by="customer-1",
        given_at=kit.clock.now(),
    )
    delete(kit, account_id)
    (done,) = kit.ledger.run_due()
    assert done.outcome.startswith("gateway_customer_gone")
    assert {"card-detached", "auto-top-up-paused", "gateway-customer-linked"} <= set(topics(kit, account_id))
    assert kit.ledger.run_due() == []
    assert len(kit.gateway.captured()) == 1
    assert kit.ledger.audit().findings == ()
