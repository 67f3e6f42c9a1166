"""Which rows must be in the ledger's tables, as the audit understands them from the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from interact_ledger.audit.amounts import moment
from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import ANSWERED, ROWS, Read, Walk
from interact_ledger.audit.told import Signals, told
from interact_ledger.audit.topics import PAID_BACK, RETURNED, TOPICS
from interact_ledger.ids import derived_id

__all__ = ["Parts", "Shelves", "open_at_gateways"]


class Parts(NamedTuple):
    """A balance and its parts, in millionths."""

    balance: int
    held: int
    granted: int
    pending: int

    @classmethod
    def of(cls, book: Book) -> Parts:
        return cls(book.money.balance, book.money.held, book.granted, book.pending)


class Shelves:
    """All tables that follow from the log, walked through beside it."""

    def __init__(self, read: Read, report: Callable[[Finding], None]) -> None:
        self._walks = {table: Walk(table, rows, read, report) for table, rows in ROWS.items()}
        self._answered = Walk("credit_notes_due", ANSWERED, read, report)
        self._snapshots = self._walks["snapshots"]

    def check_indexes(self, entry: Entry) -> None:
        """Hold the operations' indexes against an event, of whatever stream."""
        topic = TOPICS[entry.topic]
        subjects = [entry.event[field] for field in topic.subjects]
        if topic.starts:
            self._walks["operations"].expect((entry.stream_id, entry.version, subjects.pop(0)))
        for subject in sorted(subjects):
            self._walks["operation_steps"].expect((entry.stream_id, entry.version, subject))

    def check_account(
        self, entry: Entry, book: Book, before: Parts, signals: Signals, *, about_open_payment: bool
    ) -> None:
        """Hold statements, receipts, notifications and snapshots against an event of an account.

        Args:
            entry: the event.
            book: the account with the event in it.
            before: the balance's parts without it.
            signals: what made somebody be told, without it.
            about_open_payment: whether it is about a top-up that was open before it, or is now. The ledger writes a
                line for these even if no amount moves.
        """
        after = Parts.of(book)
        lines = self._walks["statement_lines"]
        if before != after:
            lines.expect((entry.stream_id, entry.version), *_line(entry, book, before, after))
        elif about_open_payment:
            lines.allow((entry.stream_id, entry.version), *_line(entry, book, before, after))
        if entry.topic == "payment-captured":
            place = (entry.stream_id, entry.version, entry.event["operation_id"])
            self._walks["receipts"].expect(place, *_receipt(entry, book))
        if entry.topic in _AT_GATEWAYS:
            self._walks["at_gateways"].expect((entry.stream_id, entry.version), *_at_gateway(entry))
        for kind, about in sorted(told(entry, book, signals)):
            place = (entry.stream_id, entry.version, kind)
            self._walks["notifications"].expect(place, entry.recorded_at, {**about, "currency": book.currency})
        if entry.topic in PAID_BACK | RETURNED:
            self._check_answered(entry)
        if entry.topic == "dispute-opened":
            place = (entry.stream_id, entry.version, entry.event["operation_id"])
            self._walks["disputes"].expect(place, entry.event["transaction_id"])
        if self._snapshots.place is not None and self._snapshots.place <= (entry.stream_id, entry.version):
            state = (entry.chain, book.money.balance, book.money.held)
            self._snapshots.allow((entry.stream_id, entry.version), state)

    def check_present(self, book: Book) -> None:
        """Hold the tables of present states against an account whose stream was read to its end."""
        stream_id = book.stream_id
        self._walks["accounts"].expect(
            (stream_id,), book.owner, book.currency, book.country, book.standing, book.opened_at
        )
        for quote_id, quote in sorted(book.quotes.items()):
            self._walks["checkouts"].expect((stream_id, quote_id), *quote.summary)
        for (gateway, reference), operation_id in sorted(book.references.items()):
            self._walks["gateway_references"].expect((stream_id, gateway, reference), operation_id)
        for gateway, customer_id in sorted(book.customers):
            self._walks["gateway_customers"].expect((stream_id, gateway, customer_id))
        for kind, subject, due_at in sorted(_agenda(book)):
            self._walks["agenda"].expect((stream_id, kind, subject), due_at)

    def check_invoice(self, entry: Entry) -> None:
        """Hold the invoice numbers against an event of a seller's book, whose version is the number."""
        event = entry.event
        self._walks["invoices"].expect(
            (entry.stream_id, entry.version, event["transaction_id"]),
            event["gateway_reference"],
            entry.recorded_at,
            event["seller_name"],
            event["seller_address"],
            event["seller_tax_number"],
        )

    def check_credit_note(self, entry: Entry, document_id: str, cancels: str | None) -> None:
        """Hold the credit notes against an event of a seller's book of them, whose version is the number."""
        event = entry.event
        self._walks["credit_notes"].expect(
            (entry.stream_id, entry.version, document_id),
            cancels,
            entry.recorded_at,
            event["account_id"],
            event["account_version"],
            event["transaction_id"],
            event["charge_reference"],
            event["invoice_number"],
            event["refund_id"],
            event["refund_reference"],
            event["currency"],
            entry.amount("credit"),
            event["taxes"],
            entry.amount("total"),
            event["seller_name"],
            event["seller_address"],
            event["seller_tax_number"],
        )

    def finish(self) -> None:
        """Report every row that is left."""
        for walk in (*self._walks.values(), self._answered):
            walk.finish()

    def _check_answered(self, entry: Entry) -> None:
        """See that a refund, or its return, has its credit note's document or is due one, if it took anything."""
        if _took_nothing(entry):
            return  # somebody paid back what was not left of the charge
        place = (entry.stream_id, entry.version)
        self._answered.expect(place)
        self._walks["credit_notes_due"].allow(place, entry.event["operation_id"], entry.recorded_at)


def _took_nothing(entry: Entry) -> bool:
    if "total" in entry.event:
        return not entry.amount("total")
    return entry.event.get("taxes") is not None and not any(entry.parts)


def _line(entry: Entry, book: Book, before: Parts, after: Parts) -> tuple[Any, ...]:
    subjects = TOPICS[entry.topic].subjects
    return (
        entry.recorded_at,
        entry.topic,
        entry.event[subjects[0]] if subjects else None,
        book.currency,
        after.balance - before.balance,
        after.balance,
        after.held,
        after.granted,
        after.pending,
    )


_AT_GATEWAYS = {"payment-captured": "charge", "card-saved": "card"}


def _at_gateway(entry: Entry) -> tuple[Any, ...]:
    event = entry.event
    return event["gateway"], _AT_GATEWAYS[entry.topic], event["operation_id"], event["reference"], entry.recorded_at


def _receipt(entry: Entry, book: Book) -> tuple[Any, ...]:
    event = entry.event
    return (
        moment(event["captured_at"]),
        entry.recorded_at,
        event["currency"],
        entry.amount("credit"),
        event["taxes"],
        entry.amount("total"),
        book.money.balance,
        event["brand"],
        event["last_four"],
        event["funding"],
        event["gateway"],
        event["reference"],
    )


def open_at_gateways(book: Book) -> Iterator[tuple[str, str, str]]:
    """Yield kind, subject and due time of what a gateway has yet to decide or to confirm."""
    for operation_id, top_up in book.open_top_ups.items():
        yield "payment", operation_id, top_up.due_at
    for operation_id, saving in book.open_savings.items():
        yield "card_saving", operation_id, saving.due_at
    for card_id, removal_asked_at in book.cards.items():
        if removal_asked_at is not None:
            yield "card_removal", card_id, removal_asked_at
    for operation_id, refund in book.open_refunds.items():
        if refund.queued_until is None:
            yield "refund", operation_id, refund.send_before
        else:
            yield "queued_refund", operation_id, refund.queued_until


def _agenda(book: Book) -> Iterator[tuple[str, str, str]]:
    """Yield kind, subject and due time of all that is open."""
    yield from open_at_gateways(book)
    for hold_id, hold in book.holds.items():
        yield "hold_expiry", hold_id, hold.expires_at
    for lot_id, lot in book.lots.items():
        if lot.expires_at is not None and lot.remaining > lot.held:
            yield "credit_expiry", lot_id, lot.expires_at
    for number, rented in book.numbers.items():
        yield "number_rent", number, rented.next_due_at
    if book.standing == "open":
        yield from _automatic_payments(book)


def _automatic_payments(book: Book) -> Iterator[tuple[str, str, str]]:
    low, monthly = book.auto_top_up, book.monthly_recharge
    if low is not None and low.enabled and not low.paused and low.low_since and not book.automatic_in_flight:
        operation_id = derived_id("txn", book.stream_id, "auto top-up", str(low.started + 1))
        yield "auto_top_up", operation_id, max(low.low_since, low.cool_down_until, low.wait_until)
    if monthly is None or not monthly.enabled:
        return
    if not book.automatic_in_flight:
        month = monthly.latest_month if monthly.retry_at else monthly.next_month
        yield "monthly_recharge", month, min(monthly.next_due_at, monthly.retry_at or monthly.next_due_at)
    card_id = monthly.terms["card_id"]
    good_until = book.card_months.get(card_id, "9999-12")
    if card_id in book.cards and good_until < monthly.next_month and monthly.announced != (card_id, good_until):
        yield "card_expiry", card_id, monthly.card_checked_at
