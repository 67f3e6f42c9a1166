"""The commands that are killed, and what stands before them, each made ready by a function of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from moneyed import Money

from interact_ledger import Message, Number
from interact_ledger.domain.events import CardSaved
from interact_ledger.errors import NumberNotFound
from interact_ledger.gateways.protocol import Refunded
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.ids import operation_id
from interact_ledger.processes import refunds, top_up
from interact_ledger.testing import LedgerKit, SequentialIds

Call = Callable[[], Any]
Ready = Callable[[LedgerKit], Call]
Step = Callable[[LedgerKit], object]

BEFORE = Money("7.000001", "GBP")
"""On the account before anything is paid, so that a lost balance shows."""
CREDIT = Money("50", "GBP")
_ids = SequentialIds()
QUOTE_ID, OTHER_QUOTE_ID = _ids.new("quote"), _ids.new("quote")
WAITING = "tok_authentication_required"
NUMBER = Number("n", "+442071234567", "GB")
CAMPAIGN = [Message(f"m-{line}", "GB", segments=1 + line % 3) for line in range(60)]
"""120 segments in all."""


def account_id(kit: LedgerKit) -> str:
    return kit.ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open").account_id


def fund(kit: LedgerKit) -> None:
    kit.ledger.adjust(account_id(kit), BEFORE, "carried over", idempotency_key="before")


def quote(kit: LedgerKit) -> None:
    assert kit.ledger.checkout(account_id(kit), CREDIT).quote_id in {QUOTE_ID, OTHER_QUOTE_ID}


def done(ready: Ready) -> Step:
    """Do a command before the one that is killed."""
    return lambda kit: ready(kit)()


def fails(verb: str, fault: Fault) -> Step:
    """Let the gateway's next call fail."""
    return lambda kit: kit.gateway.fail_next(verb, fault)


# Top-ups ----------------------------------------------------------------------------------------------------------


def pay(kit: LedgerKit, token: str = "tok_visa", *, save_card: bool = True, quote_id: str = QUOTE_ID) -> Call:
    key = {"idempotency_key": "pay" if quote_id == QUOTE_ID else "pay again"}
    return partial(kit.ledger.top_up, account_id(kit), quote_id, card_token=token, save_card=save_card, **key)


def pay_with_saved_card(kit: LedgerKit) -> Call:
    return partial(kit.ledger.top_up, account_id(kit), QUOTE_ID, card_id=_card_id(kit), idempotency_key="pay")


def complete(kit: LedgerKit) -> Call:
    return partial(kit.ledger.complete, account_id(kit), _payment(kit))


def cancel(kit: LedgerKit) -> Call:
    return partial(kit.ledger.cancel, account_id(kit), _payment(kit))


def authenticate(kit: LedgerKit) -> None:
    kit.gateway.authenticate(_payment_reference(kit))


def settle_at_network(kit: LedgerKit) -> None:
    kit.gateway.settle(_payment_reference(kit))


def pay_twice_without_invoices(kit: LedgerKit) -> None:
    """Capture two payments as a process does that is killed before it takes their numbers."""
    for quote_id in (QUOTE_ID, OTHER_QUOTE_ID):
        quote(kit)
        kit.gateway.fail_next("charge", Fault.AFTER)
        unknown = pay(kit, quote_id=quote_id)()
        assert unknown.status == "unknown"
        top_up.settle(kit.ledger._context, account_id(kit), unknown.transaction_id)


def refund(kit: LedgerKit) -> Call:
    """Pay £12.00 back, of which £10.00 were credited."""
    gross = Money("12", "GBP")
    return partial(kit.ledger.refund, account_id(kit), _payment(kit), gross, "asked for", idempotency_key="refund")


def refund_in_the_dashboard(kit: LedgerKit) -> None:
    """Have somebody pay £12.00 back at the gateway, as `refund` would."""
    hear_everything(kit)
    kit.gateway.refund_in_dashboard(_payment_reference(kit), Money("12", "GBP"))


def open_dispute(kit: LedgerKit) -> None:
    """Have £12.00 wanted back by the cardholder's bank."""
    hear_everything(kit)
    kit.gateway.open_dispute(_payment_reference(kit), Money("12", "GBP"))


def lose_dispute(kit: LedgerKit) -> None:
    hear_everything(kit)
    [dispute] = kit.ledger.disputes(account_id(kit))
    kit.gateway.decide_dispute(dispute.gateway_reference, won=False)


def hear_everything(kit: LedgerKit) -> None:
    """Take the notices that are due, so that only later ones come again."""
    assert receive(kit)()
    for delivery in kit.gateway.notices_due():
        kit.gateway.acknowledge(delivery.notice_id)


def refund_without_credit_note(kit: LedgerKit) -> None:
    """Pay back as a process does that is killed before it gives the credit note its number."""
    kit.gateway.fail_next("refund", Fault.AFTER)
    unknown = refund(kit)()
    assert unknown.status == "unknown"
    refunds.settle_refund(kit.ledger._context, account_id(kit), unknown.refund_id)


def refund_elsewhere_and_return_it(kit: LedgerKit) -> None:
    """Pay £12.00 back in the dashboard, tell the ledger of it, and have the customer's bank send it back."""
    made = kit.gateway.refund_in_dashboard(_payment_reference(kit), Money("12", "GBP"))
    assert isinstance(made, Refunded)
    assert receive(kit)()
    kit.gateway.return_refund(made.reference)


def receive(kit: LedgerKit) -> Call:
    """Take all the webhooks that the gateway sends, which come again as long as it is not told."""
    deliveries = kit.gateway.notices_due()
    assert deliveries

    def call() -> bool:
        answers = [kit.ledger.receive("sandbox", delivery.body, delivery.headers) for delivery in deliveries]
        return all(notice.is_acknowledged for received in answers for notice in received)

    return call


def _payment(kit: LedgerKit) -> str:
    return operation_id(account_id(kit), "pay")


def _payment_reference(kit: LedgerKit) -> str:
    reference = kit.ledger.top_up_result(account_id(kit), _payment(kit)).gateway_reference
    assert reference is not None
    return reference


# Cards ------------------------------------------------------------------------------------------------------------


def save(kit: LedgerKit, token: str = "tok_visa", key: str = "save") -> Call:
    return partial(kit.ledger.save_card, account_id(kit), token, idempotency_key=key)


def complete_saving(kit: LedgerKit) -> Call:
    return partial(kit.ledger.complete_saving, account_id(kit), operation_id(account_id(kit), "save"))


def cancel_saving(kit: LedgerKit) -> Call:
    return partial(kit.ledger.cancel_saving, account_id(kit), operation_id(account_id(kit), "save"))


def authenticate_saving(kit: LedgerKit) -> None:
    kit.gateway.authenticate(save(kit, WAITING)().gateway_reference)


def choose_default(kit: LedgerKit) -> Call:
    return partial(kit.ledger.choose_default_card, account_id(kit), _card_id(kit))


def remove(kit: LedgerKit) -> Call:
    return partial(kit.ledger.remove_card, account_id(kit), _card_id(kit), idempotency_key="remove")


def _card_id(kit: LedgerKit) -> str:
    """Return the card that was saved last."""
    events = (recorded.event for recorded in kit.ledger.history(account_id(kit), limit=1000))
    return [event.card_id for event in events if isinstance(event, CardSaved)][-1]


# Spending ---------------------------------------------------------------------------------------------------------


def spend(kit: LedgerKit, *, top_up_at_once: bool = False) -> Call:
    three = Message("m", "GB", segments=1, quantity=3)
    how = {"idempotency_key": "spend", "top_up_at_once": top_up_at_once}
    return partial(kit.ledger.spend, account_id(kit), three, **how)


def spend_many(kit: LedgerKit) -> Call:
    return partial(kit.ledger.spend_many, account_id(kit), CAMPAIGN, idempotency_key="campaign")


def reverse(kit: LedgerKit) -> Call:
    bought = operation_id(account_id(kit), "spend")
    two = {"lines": [("m", 2)], "idempotency_key": "reverse"}
    return partial(kit.ledger.reverse_spend, account_id(kit), bought, "undelivered", **two)


def hold(kit: LedgerKit) -> Call:
    return partial(kit.ledger.hold, account_id(kit), Money("2", "GBP"), "a campaign", idempotency_key="hold")


def settle(kit: LedgerKit) -> Call:
    held = operation_id(account_id(kit), "hold")
    ten = [Message("m", "GB", segments=1, quantity=10)]
    return partial(kit.ledger.settle, account_id(kit), held, ten, idempotency_key="settle")


def release(kit: LedgerKit) -> Call:
    held = operation_id(account_id(kit), "hold")
    return partial(kit.ledger.release, account_id(kit), held, idempotency_key="release")


def adjust(kit: LedgerKit, amount: str) -> Call:
    return partial(kit.ledger.adjust, account_id(kit), Money(amount, "GBP"), "by hand", idempotency_key="adjust")


def grant_credit(kit: LedgerKit) -> Call:
    three, how = Money("3", "GBP"), {"idempotency_key": "grant", "priority": 10}
    return partial(kit.ledger.grant_credit, account_id(kit), three, "welcome", **how)


def rent_number(kit: LedgerKit) -> Call:
    return partial(kit.ledger.spend, account_id(kit), NUMBER, idempotency_key="number")


def release_number(kit: LedgerKit) -> Call:
    account = account_id(kit)

    def call() -> object:
        with suppress(NumberNotFound):  # it has no key, and a repeat finds the number gone
            kit.ledger.release_number(account, NUMBER.number)
        return kit.ledger.numbers(account)

    return call


def close_account(kit: LedgerKit) -> Call:
    paid_out = {"paid_out": Money("7", "GBP"), "payout_reference": "payout-1"}
    return partial(kit.ledger.close_account, account_id(kit), "moved away", idempotency_key="close", **paid_out)


# Automatic payments -----------------------------------------------------------------------------------------------


def agree_to_auto_top_up(kit: LedgerKit, threshold: str) -> None:
    terms = {"threshold": Money(threshold, "GBP"), "max_per_month": 1}
    kit.ledger.enable_auto_top_up(account_id(kit), **terms, **_consent(kit))


def agree_to_monthly_recharge(kit: LedgerKit) -> None:
    kit.ledger.enable_monthly_recharge(account_id(kit), day=1, **_consent(kit))


def _consent(kit: LedgerKit) -> dict[str, Any]:
    return {
        "amount": CREDIT,
        "card_id": _card_id(kit),
        "ceiling": CREDIT * 2,
        "consent_text": "Charge my card.",
        "given_by": "customer",
        "given_at": kit.clock.now(),
    }


def and_on(ready: Ready, waits: timedelta) -> Ready:
    """Let a command be followed by what the schedule does until an automatic payment is through, and come again."""

    def scheduled(kit: LedgerKit) -> Call:
        command = ready(kit)

        def call() -> object:
            command()
            kit.clock.advance(waits)
            kit.ledger.recover()
            kit.clock.advance(waits)
            kit.ledger.run_due()
            return command()

        return call

    return scheduled


# What operators and schedulers run --------------------------------------------------------------------------------


def recover(kit: LedgerKit) -> Call:
    return kit.ledger.recover


def run_due(kit: LedgerKit) -> Call:
    def call() -> None:
        kit.ledger.run_due()

    return call
