"""Cards: saved, removed, declined, authenticated, and never seen by the ledger."""

from __future__ import annotations

from datetime import timedelta

from chapters.story import Story, pounds
from interact_ledger.errors import CardNumberRefused
from interact_ledger.gateways.conformance import Behaviour
from interact_ledger.gateways.protocol import DeclineReason
from telling import NotAsToldError

__all__ = ["authenticate", "declined", "keep_cards", "refuse_card_numbers"]


def keep_cards(story: Story) -> None:
    story.teller.chapter("Saving a card, choosing it, removing it")
    story.teller.say("One card is saved without a charge. Another is saved with a payment, as the customer chose.")
    kept = story.ledger.save_card(story.account_id, story.card(), idempotency_key="save-1").card
    paid = story.top_up("20.00", "order-2", Behaviour.ASKS_WHEN_SAVED, save_card=True)
    story.confirm(paid, status="succeeded", balance="32.2175")
    assert kept is not None
    assert paid.saved_card is not None
    show_cards(story, told=[kept.last_four, paid.saved_card.last_four])

    story.teller.say("Right on the confirmation, the customer thinks better of it and removes the card again.")
    story.ledger.remove_card(story.account_id, paid.saved_card.card_id, idempotency_key="remove-1")
    show_cards(story, told=[kept.last_four])
    story.teller.expect("how many cards the gateway keeps", len(story.bench.saved_cards()), 1)
    story.teller.say("The gateway keeps no other either: the card of the very first payment was never saved.")

    story.teller.say("A day later the customer returns and pays £10.00 with the saved card.")
    story.bench.clock.advance(timedelta(days=1))
    summary = story.ledger.checkout(story.account_id, pounds("10.00"))
    paid = story.ledger.top_up(story.account_id, summary.quote_id, card_id=kept.card_id, idempotency_key="order-3")
    story.confirm(paid, status="succeeded", balance="42.2175")


def show_cards(story: Story, *, told: list[str]) -> None:
    cards = story.ledger.cards(story.account_id)
    story.teller.facts(
        *((card.brand, f"ending {card.last_four}, {card.expiry_month}/{card.expiry_year}") for card in cards)
    )
    story.teller.expect("the saved cards", [card.last_four for card in cards], told)


def refuse_card_numbers(story: Story) -> None:
    story.teller.chapter("Card numbers are refused")
    story.teller.say("A card number where it must not be is refused, and the error does not repeat it.")
    try:
        story.ledger.save_card(story.account_id, "4242 4242 4242 4242", idempotency_key="save-2")
    except CardNumberRefused as refused:
        story.teller.facts(("A card number", f"refused ({refused.code}): {refused}"))
        story.teller.expect("the error is silent about it", "4242" in str(refused), told=False)
    else:
        raise NotAsToldError("a card number was taken for a token")


def declined(story: Story) -> None:
    story.teller.chapter("A declined card")
    result = story.top_up("30.00", "order-4", DeclineReason.INSUFFICIENT_FUNDS)
    story.confirm(result, status="declined", balance="42.2175")
    story.teller.say("The gateway's payment is cancelled, so that no old browser tab can pay it after all.")
    still_open = [thing for thing in story.bench.chargeable() if thing.kind == "payment"]
    story.teller.expect("what can still be paid at the gateway", still_open, [])


def authenticate(story: Story) -> None:
    story.teller.chapter("A card that asks for authentication")
    if story.bench.card(Behaviour.ASKS_CUSTOMER) is None:
        story.teller.say("At this gateway the customer authenticates in its own fields, before there is a token.")
        story.confirm(story.top_up("30.00", "order-5"), status="succeeded", balance="72.2175")
        return
    waiting = story.top_up("30.00", "order-5", Behaviour.ASKS_CUSTOMER)
    story.confirm(waiting, status="action_required", balance="42.2175")
    assert waiting.gateway_reference is not None
    story.teller.say("The customer authenticates in the browser; the service then completes the payment.")
    story.bench.authenticate(waiting.gateway_reference)
    done = story.ledger.complete(story.account_id, waiting.transaction_id)
    story.confirm(done, status="succeeded", balance="72.2175")
    story.teller.expect("the transaction ID", done.transaction_id, waiting.transaction_id)
