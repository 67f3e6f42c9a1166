"""A customer that somebody deletes at Stripe or Braintree, over real HTTP: the account can be paid for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moneyed import Money

from braintree_bench import opened_bench
from interact_ledger import Ledger, TopUpResult
from interact_ledger.domain import events as e
from interact_ledger.errors import CardRemoved, GatewayCustomerGone
from interact_ledger.gateways.conformance import Behaviour
from interact_ledger.testing import SequentialIds
from stripe_bench import stripe_bench

CREDIT = Money("50.00", "GBP")
BENCHES = {"stripe": stripe_bench, "braintree": opened_bench}


@dataclass
class Shop:
    """A ledger with one account, at one vendor."""

    bench: Any
    ledger: Ledger
    account_id: str

    def pay(self, key: str, **card: Any) -> TopUpResult:
        quote = self.ledger.checkout(self.account_id, CREDIT)
        return self.ledger.top_up(self.account_id, quote.quote_id, idempotency_key=key, **card)

    def token(self) -> str:
        return self.bench.card(Behaviour.SUCCEEDS)

    def customer_is_deleted(self) -> None:
        (gateway_id,) = self.ledger._context.gateways
        account = self.ledger._account(self.account_id)
        self.bench.others.delete_customer(account.gateway_customers[gateway_id])

    def is_sound(self) -> bool:
        """Whether the audit finds nothing, and no customer was linked twice: Braintree's gets its own id again."""
        events = [recorded.event for recorded in self.ledger.history(self.account_id, limit=1000)]
        linked = [event.customer_id for event in events if isinstance(event, e.GatewayCustomerLinked)]
        return self.ledger.audit().findings == () and len(set(linked)) == len(linked)


@pytest.fixture(params=BENCHES)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with (
        BENCHES[request.param]() as bench,
        Ledger.open("sqlite://", gateways=[bench.gateway], clock=bench.clock, ids=SequentialIds()) as ledger,
    ):
        yield Shop(bench, ledger, ledger.open_account("customer-1", "GBP", "GB").account_id)


def test_the_same_request_pays_when_it_is_repeated(shop):
    shop.pay("first", card_token=shop.token())
    shop.customer_is_deleted()
    quote, token = shop.ledger.checkout(shop.account_id, CREDIT), shop.token()
    request = {"card_token": token, "save_card": True, "idempotency_key": "second"}
    with pytest.raises(GatewayCustomerGone):
        shop.ledger.top_up(shop.account_id, quote.quote_id, **request)
    assert len(shop.bench.captured()) == 1
    assert shop.ledger.top_up(shop.account_id, quote.quote_id, **request).status == "succeeded"
    assert len(shop.bench.captured()) == 2
    assert shop.ledger.balance(shop.account_id).total == 2 * CREDIT
    (card,) = shop.ledger.cards(shop.account_id)
    assert shop.pay("third", card_id=card.card_id).status == "succeeded"
    assert shop.is_sound()


def test_the_cards_that_it_had_are_gone(shop):
    shop.pay("first", card_token=shop.token(), save_card=True)
    (card,) = shop.ledger.cards(shop.account_id)
    shop.customer_is_deleted()
    with pytest.raises(GatewayCustomerGone):
        shop.pay("second", card_id=card.card_id)
    assert list(shop.ledger.cards(shop.account_id)) == []
    with pytest.raises(CardRemoved):
        shop.pay("third", card_id=card.card_id)
    assert shop.pay("fourth", card_token=shop.token()).status == "succeeded"
    assert len(shop.bench.captured()) == 2
    assert shop.is_sound()


def test_a_card_is_saved_when_that_is_asked_for_again(shop):
    shop.pay("first", card_token=shop.token())
    shop.customer_is_deleted()
    token = shop.token()
    with pytest.raises(GatewayCustomerGone):
        shop.ledger.save_card(shop.account_id, token, idempotency_key="save")
    assert shop.ledger.save_card(shop.account_id, token, idempotency_key="save").status == "succeeded"
    assert len(shop.bench.saved_cards()) == 1
    assert shop.is_sound()


def test_it_may_be_deleted_again(shop):
    for number in range(3):
        assert shop.pay(f"pay-{number}", card_token=shop.token()).status == "succeeded"
        shop.customer_is_deleted()
        with pytest.raises(GatewayCustomerGone):
            shop.pay(f"gone-{number}", card_token=shop.token())
    assert shop.is_sound()
