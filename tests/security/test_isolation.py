"""What is one account's is nobody else's: not to be used, seen, ended or removed under another account's name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from moneyed import Money

from interact_ledger import errors as x
from interact_ledger.gateways.protocol import CardRequest, ChargeRequest, Declined, DeclineReason, Initiator, SavedCard
from interact_ledger.testing import LedgerKit
from ledger_helpers import at_gateway, available, funded, pay, stored
from verb_calls import CALLS, Scene, annotations, verbs

NOT_FOUND = {
    "quote_id": x.QuoteNotFound,
    "card_id": x.CardNotFound,
    "transaction_id": x.TransactionNotFound,
    "refund_id": x.TransactionNotFound,
    "credit_note_id": x.TransactionNotFound,
    "saving_id": x.TransactionNotFound,
    "hold_id": x.HoldNotFound,
    "number": x.NumberNotFound,
}

NAMES_NOTHING_THAT_IS_THERE = {("record_tax_number", "number")}
"""A tax number is the account's own to have recorded."""

BELONGINGS = [
    (verb, argument)
    for verb in sorted(verbs())
    for argument in annotations(verb)
    if "account_id" in annotations(verb)
    and argument in NOT_FOUND
    and (verb, argument) not in NAMES_NOTHING_THAT_IS_THERE
]


def test_every_id_that_a_verb_takes_is_known_here():
    ids = {name for verb in verbs() for name in annotations(verb) if name.endswith("_id")}
    assert ids == {"account_id", "correlation_id", "gateway_id", *NOT_FOUND} - {"number"}
    assert len(BELONGINGS) >= 17


@pytest.fixture
def scene(kit: LedgerKit) -> Scene:
    return Scene.on(kit)


@pytest.fixture
def stranger(kit: LedgerKit, scene: Scene) -> str:
    """Another customer's account, with money, a card and a quote of its own."""
    account_id = funded(kit, "50.00")
    kit.ledger.save_card(account_id, "tok_visa", idempotency_key="stranger's")
    kit.ledger.checkout(account_id, Money("20.00", "GBP"))
    return account_id


@pytest.mark.parametrize(("verb", "argument"), BELONGINGS)
def test_what_is_anothers_is_not_found_and_stays_as_it_is(
    kit: LedgerKit, scene: Scene, stranger: str, verb: str, argument: str
):
    good = CALLS[verb](scene)
    if verb == "top_up" and argument == "card_id":
        own_quote = kit.ledger.checkout(stranger, Money("20.00", "GBP")).quote_id
        good |= {"quote_id": own_quote, "card_id": scene.card, "card_token": None}
    before = stored(kit), at_gateway(kit)
    with pytest.raises(x.NotFound) as refused:
        getattr(kit.ledger, verb)(**good | {"account_id": stranger})
    assert (type(refused.value), refused.value.field) == (NOT_FOUND[argument], argument)
    assert (stored(kit), at_gateway(kit)) == before
    if verb != "top_up":
        getattr(kit.ledger, verb)(**good)  # its owner can


def test_a_listing_shows_only_the_accounts_own(kit: LedgerKit, scene: Scene, stranger: str):
    ledger = kit.ledger
    mine, others = scene.account, stranger
    assert {card.card_id for card in ledger.cards(mine)}.isdisjoint(card.card_id for card in ledger.cards(others))
    assert ledger.numbers(others) == ()
    receipts = {account: {r.transaction_id for r in ledger.receipts(account)} for account in (mine, others)}
    assert receipts[mine].isdisjoint(receipts[others])
    assert {r.account_id for account in (mine, others) for r in ledger.receipts(account)} == {mine, others}
    notes = {account: {n.credit_note_id for n in ledger.credit_notes(account)} for account in (mine, others)}
    assert notes[mine]
    assert notes[others] == set()
    lines = {account: {line.transaction_id for line in ledger.statement(account).lines} for account in (mine, others)}
    assert lines[mine].isdisjoint(lines[others])
    for account in (mine, others):
        assert {recorded.stream_id for recorded in ledger.history(account, limit=1000)} == {account}


def test_the_same_key_on_two_accounts_names_two_operations(kit: LedgerKit, scene: Scene, stranger: str):
    before = available(kit, stranger)
    first = kit.ledger.adjust(scene.account, Money("1.00", "GBP"), "why", idempotency_key="same")
    assert kit.ledger.adjust(stranger, Money("1.00", "GBP"), "why", idempotency_key="same") == before + Money(1, "GBP")
    assert available(kit, scene.account) == first


@pytest.mark.parametrize("topic", ["invoice-issued", "credit-note-issued"])
def test_a_sellers_book_is_no_account(kit: LedgerKit, scene: Scene, topic: str):
    (book,) = {
        row["originator_id"]
        for row in kit.ledger._log.query("SELECT originator_id FROM stored_events WHERE topic=?", [topic])
    }
    for verb in sorted(verb for verb in verbs() if "account_id" in annotations(verb)):
        before = stored(kit), at_gateway(kit)
        with pytest.raises(x.NotFound):
            getattr(kit.ledger, verb)(**CALLS[verb](scene) | {"account_id": book})
        assert (stored(kit), at_gateway(kit)) == before, verb


# At the gateway ---------------------------------------------------------------------------------------------------


@pytest.fixture
def token(kit: LedgerKit) -> Callable[[str], str]:
    return lambda account: next(card.card_token for card in kit.gateway.saved_cards() if card.account_id == account)


def charge_of(kit: LedgerKit, account: str) -> ChargeRequest:
    return ChargeRequest(
        attempt_id="txn_00000000000000000000000000.1",
        transaction_id="txn_00000000000000000000000000",
        account_id=account,
        customer_id=kit.gateway.link_customer(account),
        amount=Money("20.00", "GBP"),
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=kit.clock.now() + timedelta(minutes=1),
    )


def test_a_token_of_another_customer_is_declined_and_not_forgotten(kit: LedgerKit, scene: Scene, stranger: str, token):
    captured = kit.gateway.captured()
    result = kit.gateway.charge(charge_of(kit, stranger), SavedCard(token(scene.account)))
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.METHOD_UNUSABLE
    assert kit.gateway.captured() == captured
    with pytest.raises(x.GatewayInvalidRequest):
        kit.gateway.forget(SavedCard(token(scene.account)), kit.gateway.link_customer(stranger))
    assert pay(kit, scene.account, key="mine", card_id=scene.card).status == "succeeded"


def test_customers_of_two_accounts_are_two_at_the_gateway(kit: LedgerKit, scene: Scene, stranger: str):
    assert kit.gateway.link_customer(scene.account) != kit.gateway.link_customer(stranger)
    request = CardRequest(
        attempt_id="txn_00000000000000000000000000.1",
        saving_id="txn_00000000000000000000000000",
        account_id=stranger,
        customer_id=kit.gateway.link_customer(stranger),
        send_before=kit.clock.now(),
    )
    assert type(kit.gateway.find_card(request)).__name__ == "NotFound"
