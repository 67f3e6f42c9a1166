"""An independent reader of the log: it sees every commit, adds up by its own rules, and trusts no code of the library.

Its state is what a second accountant would keep: balances, open operations, cards, what was captured.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from simulation import agreements, charges
from simulation.agreements import Agreements
from simulation.charges import Charges
from simulation.violation import Violation

__all__ = ["Book", "Operation", "Seen", "Witness"]


class Seen(NamedTuple):
    """A stored event as it was first seen."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes


@dataclass(slots=True)
class Operation:
    """A top-up, a saving or a refund, as far as its events tell."""

    account_id: str
    may_keep_card: bool
    attempts: list[str] = field(default_factory=list)
    is_decided: bool = False
    cancelling: bool = False
    captured: list[str] = field(default_factory=list)
    """The references of charges that were credited or reported."""
    is_automatic: bool = False
    card_id: str | None = None
    reserved: Decimal = Decimal(0)
    """What a refund under way holds back."""

    @property
    def is_open(self) -> bool:
        return bool(self.attempts) and (self.cancelling or not self.is_decided)


@dataclass(slots=True)
class KnownCard:
    card_id: str
    is_being_removed: bool = False
    is_removed: bool = False


@dataclass(slots=True)
class Book:
    """One stream."""

    version: int = 0
    chain: str = "0" * 64
    balance: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    cards: dict[str, KnownCard] = field(default_factory=dict)
    """By the gateway's token."""
    agreements: Agreements = field(default_factory=Agreements)


SPENDS = {"spent", "number-rental-charged"}
TAKES = {*SPENDS, "funds-held", "hold-settled", "balance-adjusted"}
DECIDED = {"payment-declined", "payment-not-attempted", "card-saving-failed"}
ATTEMPTED = {"payment-attempted", "card-saving-attempted", "refund-attempted"}


class Witness:
    """Reads the database over a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self.seen: list[Seen] = []
        self.accounts: dict[str, Book] = defaultdict(Book)
        self.operations: dict[str, Operation] = {}
        self.started: dict[str, str] = {}
        """The topic that started each operation."""
        self.quotes: set[str] = set()
        self.captures: dict[str, str] = {}
        """The gateway's reference of each capture that was credited or reported, with its operation."""
        self.credited: list[dict[str, Any]] = []
        self.unasked: Counter[str] = Counter()
        """What the gateway did unasked for, as the audit must report it."""
        self.paid_back: dict[str, str] = {}
        """The gateway's reference of each refund that was debited and not returned, with its operation."""
        self.late_refunds: set[str] = set()
        self.charges = Charges()
        self._debited: set[str] = set()

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()

    def look(self) -> list[dict[str, Any]]:
        """Take in what was committed since; return the new captures."""
        after = self.seen[-1].position if self.seen else 0
        before = len(self.credited)
        for row in self.rows(f"{ALL} WHERE rowid > ? ORDER BY rowid", after):
            seen = Seen(*row)
            self.seen.append(seen)
            self._take(seen)
        return self.credited[before:]

    def check_append_only(self) -> None:
        """I10: whatever was once committed is there, byte by byte."""
        if [Seen(*row) for row in self.rows(f"{ALL} ORDER BY rowid")] != self.seen:
            raise Violation("I10", "the log is not what was committed to it")

    def _take(self, seen: Seen) -> None:
        book = self.accounts[seen.stream]
        if seen.version != book.version + 1:
            raise Violation("I6", f"{seen.stream} has version {seen.version} after {book.version}")
        content = json.loads(seen.state)
        if content["previous"] != book.chain:
            raise Violation("I7", f"{seen.stream} {seen.version} is chained to another event than the one before it")
        book.version, book.chain = seen.version, _chain_value(seen)
        event = content["event"]
        if "idempotency_key" in event:
            if event["operation_id"] in self.started:
                raise Violation("I10", f"{event['operation_id']} was started twice")
            self.started[event["operation_id"]] = seen.topic
        self._add_up(book, seen.topic, event)
        self._begin(seen.stream, book, seen.topic, event)
        if seen.topic in agreements.TOPICS:
            self._agree(book, seen, content)
        if seen.topic in charges.TOPICS:
            moved = self.charges.take(seen.topic, event)
            book.balance += moved.balance
            book.held += moved.held
        operation = self.operations.get(event.get("operation_id", ""))
        if operation is not None:
            self._follow(book, operation, seen.topic, event)

    def _add_up(self, book: Book, topic: str, event: dict[str, Any]) -> None:
        amount = Decimal(event["amount"]) if "amount" in event else Decimal(0)
        available = book.balance - book.held
        if topic in SPENDS:
            book.balance -= amount
        elif topic == "hold-settled":
            book.balance -= amount
            book.held -= amount
        elif topic in {"spend-reversed", "balance-adjusted"}:
            book.balance += amount
        elif topic == "funds-held":
            book.held += amount
        elif topic in {"hold-released", "hold-expired"}:
            book.held -= amount
        elif topic == "payment-captured":
            book.balance += Decimal(event["credit"])
        elif topic == "account-closed":
            book.balance -= Decimal(event["paid_out"]) + Decimal(event["written_off"])
        # What a dispute holds may be less than nothing already; what was reserved before can be settled all the same.
        if topic in TAKES and book.balance - book.held < min(available, Decimal(0)):
            raise Violation("I5", f"{topic} took more than was available: {book.balance - book.held}")

    def _begin(self, stream: str, book: Book, topic: str, event: dict[str, Any]) -> None:
        if topic == "top-up-requested":
            if any(card.card_id == event["card_id"] and card.is_being_removed for card in book.cards.values()):
                raise Violation("rule 7", "a card is charged after its removal was asked for")
            automatic = event["initiator"] != "customer"
            self.operations[event["operation_id"]] = Operation(
                stream, event["save_card"], is_automatic=automatic, card_id=event["card_id"]
            )
        elif topic == "card-saving-requested":
            self.operations[event["operation_id"]] = Operation(stream, may_keep_card=True)
        elif topic == "refund-requested":
            self.operations[event["operation_id"]] = Operation(stream, may_keep_card=False)
        elif topic == "checkout-quoted":
            self.quotes.add(event["quote_id"])
        elif topic in {"card-removal-requested", "card-removed"}:
            for card in book.cards.values():
                if card.card_id == event["card_id"]:
                    card.is_being_removed = True
                    card.is_removed = topic == "card-removed"

    def _agree(self, book: Book, seen: Seen, content: dict[str, Any]) -> None:
        """An automatic payment is started alone, and as was agreed."""
        event = content["event"]
        started = seen.topic in agreements.STARTS
        mine = (one for one in self.operations.values() if one.is_automatic and one.account_id == seen.stream)
        if started and any(one.is_open for one in mine):
            raise Violation("automatic", f"{event['operation_id']} was started beside another")
        moment = datetime.fromisoformat(content["recorded_at"])
        book.agreements.take(seen.topic, event, moment, self.operations)

    def _follow(self, book: Book, operation: Operation, topic: str, event: dict[str, Any]) -> None:
        if topic in ATTEMPTED:
            if operation.is_open:
                raise Violation("I2", f"{event['attempt_id']} was opened beside another attempt")
            operation.attempts.append(event["attempt_id"])
            operation.is_decided = operation.cancelling = False
        elif topic in DECIDED:
            operation.is_decided = True
        elif topic in {"payment-cancel-requested", "card-saving-cancel-requested"}:
            operation.cancelling = True
        elif topic == "payment-cancelled":
            operation.is_decided, operation.cancelling = True, False
        elif topic == "card-saved":
            known = book.cards.setdefault(event["token"], KnownCard(event["card_id"]))
            known.is_removed = False
        elif topic in {"payment-captured", "capture-mismatched"}:
            self._capture(operation, topic, event)
        if topic.startswith("refund") and topic != "refund-requested":
            self._refund(book, operation, topic, event)
        if topic in {"card-saving-failed", "card-saved"} and self.started[event["operation_id"]].startswith("card"):
            operation.is_decided, operation.cancelling = True, False

    def _refund(self, book: Book, operation: Operation, topic: str, event: dict[str, Any]) -> None:
        if topic == "refund-attempted":
            operation.reserved = Decimal(event["credit"])
            book.held += operation.reserved
            if book.balance < book.held:
                raise Violation("I5", f"a refund took more than was available: {book.balance - book.held}")
        if topic in {"refunded", "refund-mismatched"}:
            if event["reference"] in self._debited:
                raise Violation("I3", f"{event['reference']} was debited twice")
            self._debited.add(event["reference"])
            self.paid_back[event["reference"]] = event["operation_id"]
            book.balance -= Decimal(event["credit"])
            self.unasked["refund_late"] += event["late"]
            self.unasked["refund_exceeds"] += event.get("claimed") not in {None, event.get("total")}
            if event["late"]:
                self.late_refunds.add(event["reference"])
        if topic == "refund-returned":
            self.unasked["refund_returned"] += 1
            book.balance += Decimal(event["credit"])
            del self.paid_back[event["reference"]]
        if (
            topic in {"refunded", "refund-mismatched", "refund-failed"}
            and operation.attempts[-1] == event["attempt_id"]
        ):
            book.held -= operation.reserved
            operation.reserved = Decimal(0)
            operation.is_decided = True

    def _capture(self, operation: Operation, topic: str, event: dict[str, Any]) -> None:
        if event["reference"] in self.captures:
            raise Violation("I3", f"{event['reference']} was credited twice")
        self.captures[event["reference"]] = event["operation_id"]
        operation.captured.append(event["reference"])
        if event["attempt_id"] == operation.attempts[-1]:
            operation.is_decided, operation.cancelling = True, False
        if topic == "payment-captured":
            self.credited.append(event)
            self.unasked["capture_late"] += event["late"]
        else:
            self.unasked["capture_mismatched"] += 1


ALL = "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"


def _chain_value(seen: Seen) -> str:
    digest = hashlib.sha256()
    for part in (seen.stream.encode(), str(seen.version).encode(), seen.topic.encode(), bytes(seen.state)):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
