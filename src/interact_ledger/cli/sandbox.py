"""The sandbox gateway, where it is in use: its test tokens, what it captured, and playing the world around it."""

from __future__ import annotations

from typing import Annotated

import typer
from moneyed import Money

from interact_ledger.cli.arguments import AccountId, Amount, moment, money
from interact_ledger.cli.documents import as_document, fields_of
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import listing, record
from interact_ledger.errors import InvalidRequest
from interact_ledger.free_text import free_text
from interact_ledger.gateways.protocol import CardResult, ChargeResult, RefundResult
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS

__all__ = ["sandbox"]

sandbox = group("Look into the sandbox gateway, and play customers, banks, card networks and the dashboard there.")

ObjectReference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="The gateway's reference of the payment, saving or refund.")
]
ChargeReference = Annotated[str, typer.Argument(metavar="CHARGE", help="The gateway's reference of the payment.")]
DisputeReference = Annotated[
    str, typer.Argument(metavar="DISPUTE", help="The gateway's reference of the dispute; disputes shows it.")
]
CardReference = Annotated[
    str, typer.Argument(metavar="CARD", help="The gateway's reference of the saved card; sandbox chargeable lists it.")
]
Decline = Annotated[bool, typer.Option("--decline", help="Let it fail.")]


@command(sandbox, "tokens")
def tokens(session: Session) -> Answer:
    """List the test tokens, and what happens to a card that each stands for."""
    _ = session.sandbox
    found = [{"token": token, "what_happens": script.description} for token, script in SANDBOX_TOKENS.items()]
    return Answer({"tokens": found}, [listing(found)])


@command(sandbox, "captured")
def captured(session: Session) -> Answer:
    """List the payments that the sandbox really captured."""
    found = session.sandbox.captured()
    columns = ("transaction_id", "reference", "amount", "refunded", "captured_at")
    return Answer({"captured": as_document(found)}, [listing(found, columns, none="Nothing was captured.")])


@command(sandbox, "chargeable")
def chargeable(session: Session) -> Answer:
    """List everything at the sandbox that could yet be charged."""
    found = session.sandbox.chargeable()
    columns = ("kind", "reference", "account_id", "status")
    return Answer({"chargeable": as_document(found)}, [listing(found, columns, none="Nothing is chargeable.")])


@command(sandbox, "authenticate")
def authenticate(session: Session, reference: ObjectReference, decline: Decline = False) -> Answer:
    """Play the customer who authenticates; run payment complete or cards complete afterwards."""
    return _state(session.sandbox.authenticate(reference, succeed=not decline))


@command(sandbox, "settle")
def settle(session: Session, reference: ObjectReference, decline: Decline = False) -> Answer:
    """Play the network that settles what is pending; run payment complete or recover afterwards."""
    return _state(session.sandbox.settle(reference, succeed=not decline))


@command(sandbox, "return-refund")
def return_refund(session: Session, reference: ObjectReference) -> Answer:
    """Play the bank that sends back what was refunded; run sandbox deliver afterwards."""
    return _state(session.sandbox.return_refund(reference))


@command(sandbox, "dispute")
def dispute(
    session: Session,
    charge: ChargeReference,
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="How much; all that is left if left out.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="WORD", help="What the bank says.")] = "fraudulent",
) -> Answer:
    """Play the cardholder's bank that disputes a payment; run sandbox deliver afterwards."""
    return _said(session.sandbox.open_dispute(charge, _of(session, charge, amount), free_text(reason, "reason")))


@command(sandbox, "decide-dispute")
def decide_dispute(
    session: Session,
    reference: DisputeReference,
    lost: Annotated[bool, typer.Option("--lost", help="The customer keeps the money; won if left out.")] = False,
) -> Answer:
    """Play the card network that decides a dispute; run sandbox deliver afterwards."""
    return _said(session.sandbox.decide_dispute(reference, won=not lost))


@command(sandbox, "move-evidence-date")
def move_evidence_date(
    session: Session,
    reference: DisputeReference,
    until: Annotated[str, typer.Argument(metavar="MOMENT", help="The new date, ISO 8601; UTC.")],
) -> Answer:
    """Play the bank that takes evidence until another date; run sandbox deliver afterwards."""
    evidence_due_by = moment(until, "until")
    assert evidence_due_by is not None, "the argument is required"
    return _said(session.sandbox.move_evidence_date(reference, evidence_due_by))


@command(sandbox, "refund")
def refund(
    session: Session,
    charge: ChargeReference,
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="How much; all that is left if left out.")
    ] = None,
) -> Answer:
    """Play a person who pays back in the gateway's dashboard; run sandbox deliver afterwards."""
    return _state(session.sandbox.refund_in_dashboard(charge, _of(session, charge, amount)))


@command(sandbox, "pay")
def pay(session: Session, account_id: AccountId, amount: Amount) -> Answer:
    """Play a person who charges a customer in the gateway's dashboard; run sandbox deliver afterwards."""
    currency = session.ledger.account(account_id).currency
    customer_id = session.sandbox.link_customer(account_id)
    return _state(session.sandbox.pay_in_dashboard(customer_id, money(amount, currency, "amount")))


@command(sandbox, "reverse")
def reverse(session: Session, charge: ChargeReference) -> Answer:
    """Play the network that declines to settle what was captured; run sandbox deliver afterwards."""
    return _state(session.sandbox.reverse_settlement(charge))


@command(sandbox, "detach-card")
def detach_card(session: Session, card: CardReference) -> Answer:
    """Play a person who takes a saved card off its customer; run sandbox deliver afterwards."""
    session.sandbox.detach_card(_card_token(session, card))
    return _said({"reference": card, "state": "detached"})


@command(sandbox, "renew-card")
def renew_card(
    session: Session,
    card: CardReference,
    last_four: Annotated[str | None, typer.Option(metavar="DIGITS", help="The new number's last four.")] = None,
    expiry_year: Annotated[int | None, typer.Option(metavar="YEAR", help="Until when it is valid now.")] = None,
) -> Answer:
    """Play the card network that renews a saved card; run sandbox deliver afterwards."""
    token = _card_token(session, card)
    renewed = session.sandbox.update_card(token, last_four=last_four, expiry_year=expiry_year)
    return _said(renewed.details)


@command(sandbox, "deliver")
def deliver(session: Session) -> Answer:
    """Deliver the webhooks that the sandbox has due, and acknowledge those that the ledger acted on."""
    received = []
    for delivery in session.sandbox.notices_due():
        found = session.ledger.receive(session.sandbox.gateway_id, delivery.body, delivery.headers)
        received.extend(found)
        if all(notice.is_acknowledged for notice in found):
            session.sandbox.acknowledge(delivery.notice_id)
    columns = ("subject", "reference", "outcome", "operation_id")
    return Answer({"notices": as_document(received)}, [listing(received, columns, none="No webhook is due.")])


def _of(session: Session, charge: str, amount: str | None) -> Money | None:
    """Read an amount in the currency of a charge, unless it names its own."""
    if amount is None:
        return None
    paid = next((captured for captured in session.sandbox.captured() if captured.reference == charge), None)
    if paid is None:
        raise InvalidRequest("names no captured payment", field="charge")
    return money(amount, paid.amount.currency.code, "--amount")


def _card_token(session: Session, reference: str) -> str:
    """Find the token of a saved card, which no operator need see."""
    for kept in session.sandbox.saved_cards():
        if kept.reference == reference:
            return kept.card_token
    raise InvalidRequest("is no saved card at the sandbox", field="card")


def _said(result: object) -> Answer:
    return Answer(as_document(result), [record(result)])


def _state(result: ChargeResult | CardResult | RefundResult) -> Answer:
    said = {"state": type(result).__name__} | (fields_of(result) or {})
    return Answer(as_document(said), [record(said)])
