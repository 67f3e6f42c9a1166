"""The sandbox gateway, where it is in use: its test tokens, what it captured, and playing the customer."""

from __future__ import annotations

from typing import Annotated

import typer

from interact_ledger.cli.documents import as_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import listing, record
from interact_ledger.gateways.protocol import CardResult, ChargeResult, RefundResult
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS

__all__ = ["sandbox"]

sandbox = group("Look into the sandbox gateway, and play the customer and the card networks there.")

ObjectReference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="The gateway's reference of the payment, saving or refund.")
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
    columns = ("transaction_id", "amount", "refunded", "captured_at")
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


def _state(result: ChargeResult | CardResult | RefundResult) -> Answer:
    said = {"state": type(result).__name__} | as_document(result)
    return Answer(said, [record(said)])
