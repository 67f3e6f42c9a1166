"""Paying in and back: methods, checkout, top-ups, refunds, and the cards that customers saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from interact_ledger.cli.arguments import (
    AccountId,
    Amount,
    CardToken,
    Key,
    Reason,
    TransactionId,
    from_terminal,
    money,
)
from interact_ledger.cli.documents import as_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import expiry, listing, record
from interact_ledger.errors import InvalidRequest
from interact_ledger.views import SavedCardDetails

__all__ = ["cards", "payment"]

payment = group("Add balance by card, and pay it back: checkout, top up, complete, cancel, refund.")
cards = group("Save, list and remove customers' cards.")

Method = Annotated[str | None, typer.Option("--method", metavar="CODE", help="The method that the customer named.")]
QuoteId = Annotated[str, typer.Argument(metavar="QUOTE", help="The id that checkout gave.")]
CardId = Annotated[str, typer.Argument(metavar="CARD", help="The card's id.")]
RefundId = Annotated[str, typer.Argument(metavar="REFUND", help="The id that refunding gave.")]
Charge = Annotated[
    str | None,
    typer.Option("--charge", metavar="REFERENCE", help="The gateway's charge, if the top-up was captured twice."),
]
SavingId = Annotated[str, typer.Argument(metavar="SAVING", help="The id that saving the card gave.")]


@command(payment, "methods")
def methods(session: Session, account_id: AccountId) -> Answer:
    """List the payment methods offered for the account's currency and country."""
    offered = session.ledger.payment_methods(account_id)
    return Answer({"methods": as_document(offered)}, [listing(offered, none="No payment method is offered.")])


@command(payment, "checkout")
def checkout(session: Session, account_id: AccountId, amount: Amount, method: Method = None) -> Answer:
    """Make the breakdown of a top-up that the customer is shown before paying."""
    recharge = money(amount, session.ledger.account(account_id).currency, "amount")
    return _shown(session.ledger.checkout(account_id, recharge, method=method))


@command(payment, "quote")
def quote(session: Session, account_id: AccountId, quote_id: QuoteId) -> Answer:
    """Show an earlier checkout's breakdown."""
    return _shown(session.records.checkout_summary(account_id, quote_id))


@command(payment, "top-up")
def top_up(
    session: Session,
    account_id: AccountId,
    quote_id: QuoteId,
    card_token: CardToken = None,
    card: Annotated[str | None, typer.Option("--card", metavar="CARD", help="A saved card's id, instead.")] = None,
    save_card: Annotated[bool, typer.Option("--save-card", help="The customer chose to save the new card.")] = False,
    key: Key = None,
) -> Answer:
    """Charge exactly what checkout showed, once.

    A decline is a result and no error: look at the status.
    If the customer must authenticate, the client secret is for the gateway's code in the customer's browser.
    Run complete afterwards.
    """
    if (card_token is None) == (card is None):
        raise InvalidRequest("pass either --card-token (a new card) or --card (a saved one)", field="--card-token")
    return _shown(
        session.ledger.top_up(
            account_id,
            quote_id,
            idempotency_key=session.key_or_new(key),
            card_token=from_terminal(card_token),
            card_id=card,
            save_card=save_card,
        )
    )


@command(payment, "top-up-elsewhere")
def top_up_elsewhere(
    session: Session,
    account_id: AccountId,
    transaction_id: TransactionId,
    gateway: Annotated[str, typer.Argument(metavar="GATEWAY", help="The other gateway's id.")],
    card_token: CardToken = None,
) -> Answer:
    """Go on with a top-up at another gateway, once it is sure that the first one charged nothing.

    The card token is of the other gateway. After anything but not_attempted nothing is sent.
    """
    token = from_terminal(card_token)
    if token is None:
        raise InvalidRequest("pass --card-token", field="--card-token")
    return _shown(session.ledger.top_up_elsewhere(account_id, transaction_id, gateway=gateway, card_token=token))


@command(payment, "complete")
def complete(session: Session, account_id: AccountId, transaction_id: TransactionId) -> Answer:
    """Go on with a top-up after the customer authenticated, or learn from the gateway what became of it."""
    return _shown(session.ledger.complete(account_id, transaction_id))


@command(payment, "cancel")
def cancel(session: Session, account_id: AccountId, transaction_id: TransactionId) -> Answer:
    """Call a top-up off; one that was paid meanwhile is credited."""
    return _shown(session.ledger.cancel(account_id, transaction_id))


@command(payment, "show")
def show(session: Session, account_id: AccountId, transaction_id: TransactionId) -> Answer:
    """Show where a top-up stands as far as the ledger knows, without asking the gateway."""
    return _shown(session.records.top_up_result(account_id, transaction_id))


@command(payment, "refundable")
def refundable(session: Session, account_id: AccountId, transaction_id: TransactionId, charge: Charge = None) -> Answer:
    """Show the most that can be paid back of a top-up now."""
    most = session.records.refundable(account_id, transaction_id, charge=charge)
    return _shown({"refundable": most})


@command(payment, "refund")
def refund(
    session: Session,
    account_id: AccountId,
    transaction_id: TransactionId,
    reason: Reason,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="AMOUNT", help="How much, tax included; all that is left if not.")
    ] = None,
    charge: Charge = None,
    key: Key = None,
) -> Answer:
    """Pay a top-up back to the card that paid it, in full or in part.

    If its status is unknown or pending, recover learns what became of it.
    """
    currency = session.ledger.account(account_id).currency
    gross = None if amount is None else money(amount, currency, "--amount")
    return _shown(
        session.ledger.refund(
            account_id, transaction_id, gross, reason, idempotency_key=session.key_or_new(key), charge=charge
        )
    )


@command(payment, "show-refund")
def show_refund(session: Session, account_id: AccountId, refund_id: RefundId) -> Answer:
    """Show where a refund stands as far as the ledger knows, without asking the gateway."""
    return _shown(session.records.refund_result(account_id, refund_id))


@command(cards, "list")
def list_cards(session: Session, account_id: AccountId) -> Answer:
    """List the saved cards that can be charged."""
    return _cards(session.records.cards(account_id))


@command(cards, "save")
def save_card(
    session: Session, account_id: AccountId, card_token: CardToken = None, method: Method = None, key: Key = None
) -> Answer:
    """Save a card without charging it."""
    token = from_terminal(card_token)
    if token is None:
        raise InvalidRequest("pass --card-token", field="--card-token")
    return _shown(session.ledger.save_card(account_id, token, idempotency_key=session.key_or_new(key), method=method))


@command(cards, "complete")
def complete_saving(session: Session, account_id: AccountId, saving_id: SavingId) -> Answer:
    """Go on with the saving of a card after the customer authenticated."""
    return _shown(session.ledger.complete_saving(account_id, saving_id))


@command(cards, "cancel")
def cancel_saving(session: Session, account_id: AccountId, saving_id: SavingId) -> Answer:
    """Call the saving of a card off."""
    return _shown(session.ledger.cancel_saving(account_id, saving_id))


@command(cards, "default")
def choose_default_card(session: Session, account_id: AccountId, card_id: CardId) -> Answer:
    """Make a saved card the one that is offered first."""
    return _cards(session.ledger.choose_default_card(account_id, card_id))


@command(cards, "remove")
def remove_card(session: Session, account_id: AccountId, card_id: CardId, key: Key = None) -> Answer:
    """Remove a saved card and have its gateway forget it; lists the cards that are left."""
    return _cards(session.ledger.remove_card(account_id, card_id, idempotency_key=session.key_or_new(key)))


def _shown(result: object) -> Answer:
    return Answer(as_document(result), [record(result)])


def _cards(saved: Sequence[SavedCardDetails]) -> Answer:
    rows = [
        {
            "card_id": card.card_id,
            "brand": card.brand,
            "last_four": card.last_four,
            "expires": expiry(card),
            "funding": card.funding,
            "default": card.is_default,
        }
        for card in saved
    ]
    return Answer({"cards": as_document(saved)}, [listing(rows, none="No saved cards.")])
