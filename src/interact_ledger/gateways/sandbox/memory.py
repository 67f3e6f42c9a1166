"""What the sandbox remembers, in an SQLite file of its own: it outlives our process, as a real gateway does.

Payments, savings and refunds are one table, `intents`, with a status. Every change runs in one transaction that
takes the write lock first, so several threads and processes may share a file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from moneyed import Money

from interact_ledger.clock import iso
from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.protocol import CardDetails, Dispute, DisputeStatus, Notice, NoticeSubject
from interact_ledger.gateways.sandbox.tokens import SANDBOX_TOKENS, Status

__all__ = ["Intent", "KeptCard", "Kind", "Memory"]

_BUSY_TIMEOUT_SECONDS = 60
_OPEN = (Status.CREATED, Status.ACTION_REQUIRED, Status.PENDING)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS intents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL, reference TEXT NOT NULL UNIQUE, attempt_id TEXT NOT NULL, account_id TEXT NOT NULL,
        operation_id TEXT NOT NULL, customer_id TEXT, fingerprint TEXT, source_fingerprint TEXT,
        amount TEXT, currency TEXT,
        token TEXT, card_token TEXT, save_card INTEGER NOT NULL, off_session INTEGER NOT NULL,
        charge_reference TEXT, status TEXT NOT NULL, code TEXT, moved_at TEXT NOT NULL, reversed_at TEXT,
        UNIQUE (kind, attempt_id)
    )""",
    """CREATE TABLE IF NOT EXISTS cards (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        card_token TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, attempt_id TEXT NOT NULL, account_id TEXT NOT NULL,
        customer_id TEXT NOT NULL, token TEXT NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0,
        last_four TEXT, expiry_month INTEGER, expiry_year INTEGER
    )""",
    """CREATE TABLE IF NOT EXISTS disputes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT NOT NULL UNIQUE, charge_reference TEXT NOT NULL, status TEXT NOT NULL, amount TEXT NOT NULL,
        currency TEXT NOT NULL, reason TEXT NOT NULL, opened_at TEXT NOT NULL, evidence_due_by TEXT, fee TEXT,
        decided_at TEXT
    )""",
    """CREATE TABLE IF NOT EXISTS notices (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        notice_id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, reference TEXT NOT NULL, operation_id TEXT,
        occurred_at TEXT NOT NULL, charge_reference TEXT, customer_id TEXT,
        copies INTEGER NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE TABLE IF NOT EXISTS deleted_customers (customer_id TEXT PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS tries (
        kind TEXT NOT NULL, attempt_id TEXT NOT NULL, verb TEXT NOT NULL, PRIMARY KEY (kind, attempt_id, verb)
    )""",
)


class Kind(StrEnum):
    """What an intent is to do."""

    PAYMENT = "payment"
    SAVING = "saving"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A payment, a saving or a refund at the sandbox."""

    kind: Kind
    reference: str
    attempt_id: str
    account_id: str
    operation_id: str
    """The ledger's id of the top-up, the saving or the refund."""
    customer_id: str | None = None
    fingerprint: str | None = None
    """Of the request, to tell a repeat from another request; None if it was only ever cancelled."""
    source_fingerprint: str | None = None
    """The same of the card; None until it is confirmed with one."""
    amount: Money | None = None
    """What was asked for, gross, in the currency's major unit; None for a saving."""
    token: str | None = field(default=None, repr=False)
    """The well-known token whose script is followed."""
    card_token: str | None = field(default=None, repr=False)
    """The saved card that pays, None if the card is new."""
    save_card: bool = False
    off_session: bool = False
    charge_reference: str | None = None
    """What a refund pays back."""
    status: Status = Status.CREATED
    code: str | None = None
    """Why it was declined."""
    moved_at: datetime
    """When it came into its status, UTC."""
    reversed_at: datetime | None = None
    """When the settlement of what was captured failed."""

    @property
    def keeps_card(self) -> bool:
        """Whether success leaves a saved card behind."""
        return self.kind is Kind.SAVING or (self.save_card and self.card_token is None)

    @property
    def can_yet_succeed(self) -> bool:
        """Whether anything may still be charged or saved: a declined payment can be paid, a declined saving is over."""
        return self.status in _OPEN or (self.status is Status.DECLINED and self.kind is Kind.PAYMENT)

    def agrees_with(self, other: Intent) -> bool:
        """Say whether both are of the same request, as far as either knows."""
        fingerprints = ((self.fingerprint, other.fingerprint), (self.source_fingerprint, other.source_fingerprint))
        return all(ours == theirs or None in (ours, theirs) for ours, theirs in fingerprints)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCard:
    """A card that the sandbox saved for a customer."""

    card_token: str = field(repr=False)
    reference: str
    attempt_id: str
    account_id: str
    customer_id: str
    token: str = field(repr=False)
    """The well-known token that was saved."""
    forgotten: bool = False
    last_four: str | None = None
    """What the network changed since: number and expiry, None for what stayed."""
    expiry_month: int | None = None
    expiry_year: int | None = None

    @property
    def details(self) -> CardDetails:
        """What may be shown of the card."""
        card = SANDBOX_TOKENS[self.token].card
        return replace(
            card,
            last_four=self.last_four or card.last_four,
            expiry_month=self.expiry_month or card.expiry_month,
            expiry_year=self.expiry_year or card.expiry_year,
        )


class Memory:
    """The sandbox's tables. Each method runs alone or, between others, inside `transaction`."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the file; `:memory:` keeps everything in this process.

        Raises:
            GatewayMisconfigured: if the file cannot be opened or is no database.
        """
        self._lock = threading.RLock()
        self._connection = self._opened(str(path))

    def _opened(self, path: str) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise GatewayMisconfigured(f"cannot be opened: {error}", field="path") from error
        connection.row_factory = sqlite3.Row
        try:
            self._create_tables(connection)
        except sqlite3.Error as error:
            connection.close()
            raise GatewayMisconfigured(f"cannot be used: {error}", field="path") from error
        return connection

    @staticmethod
    def _create_tables(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        # The write lock comes first: of several processes that start at once, one creates and the others wait.
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            connection.execute(table)
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; what was answered stays in it."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside at once, or nothing if it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def _rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    # Intents

    def add_intent(self, intent: Intent) -> None:
        """Remember a new intent."""
        self._rows(
            """INSERT INTO intents (kind, reference, attempt_id, account_id, operation_id, customer_id, fingerprint,
               source_fingerprint, amount, currency, token, card_token, save_card, off_session, charge_reference,
               status, code, moved_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            *(intent.kind, intent.reference, intent.attempt_id, intent.account_id, intent.operation_id),
            *(intent.customer_id, intent.fingerprint, intent.source_fingerprint),
            *((None, None) if intent.amount is None else (str(intent.amount.amount), intent.amount.currency.code)),
            *(intent.token, intent.card_token, intent.save_card, intent.off_session, intent.charge_reference),
            *(intent.status, intent.code, iso(intent.moved_at)),
        )

    def update_intent(self, intent: Intent) -> None:
        """Remember where an intent moved to, and with which card."""
        self._rows(
            "UPDATE intents SET source_fingerprint = ?, token = ?, card_token = ?, status = ?, code = ?, moved_at = ?, "
            "reversed_at = ? WHERE reference = ?",
            *(intent.source_fingerprint, intent.token, intent.card_token),
            *(intent.status, intent.code, iso(intent.moved_at)),
            *(iso(intent.reversed_at) if intent.reversed_at else None, intent.reference),
        )

    def intent(self, kind: Kind, attempt_id: str, reference: str | None = None) -> Intent | None:
        """Find an intent by our attempt or else by its reference."""
        rows = self._rows("SELECT * FROM intents WHERE kind = ? AND attempt_id = ?", kind, attempt_id)
        rows = rows or self._rows("SELECT * FROM intents WHERE kind = ? AND reference = ?", kind, reference)
        return _intent(rows[0]) if rows else None

    def intent_at(self, reference: str) -> Intent | None:
        """Find an intent of any kind by its reference."""
        rows = self._rows("SELECT * FROM intents WHERE reference = ?", reference)
        return _intent(rows[0]) if rows else None

    def intents(self) -> list[Intent]:
        """Return all intents, oldest first."""
        return [_intent(row) for row in self._rows("SELECT * FROM intents ORDER BY number")]

    def refunded(self, charge_reference: str, *, or_pending: bool = False) -> Decimal:
        """Return what of a captured payment has been paid back, or also what may yet be, in its currency."""
        rows = self._rows(
            "SELECT amount FROM intents WHERE charge_reference = ? AND status IN (?, ?)",
            charge_reference,
            Status.SUCCEEDED,
            Status.PENDING if or_pending else Status.SUCCEEDED,
        )
        return sum((Decimal(row["amount"]) for row in rows), Decimal(0))

    def refunds(self, charge_reference: str) -> list[Intent]:
        """Return the refunds of a payment, whatever became of them, oldest first."""
        rows = self._rows("SELECT * FROM intents WHERE charge_reference = ? ORDER BY number", charge_reference)
        return [_intent(row) for row in rows]

    # Disputes

    def put_dispute(self, charge_reference: str, dispute: Dispute) -> None:
        """Remember a dispute of a payment as it is now."""
        self._rows(
            """INSERT INTO disputes (reference, charge_reference, status, amount, currency, reason, opened_at,
               evidence_due_by, fee, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (reference) DO UPDATE SET status = excluded.status, decided_at = excluded.decided_at,
               evidence_due_by = excluded.evidence_due_by""",
            *(dispute.reference, charge_reference, dispute.status),
            *(str(dispute.amount.amount), dispute.amount.currency.code, dispute.reason, iso(dispute.opened_at)),
            iso(dispute.evidence_due_by) if dispute.evidence_due_by else None,
            f"{dispute.fee.amount} {dispute.fee.currency.code}" if dispute.fee else None,
            iso(dispute.decided_at) if dispute.decided_at else None,
        )

    def disputes(self, charge_reference: str) -> list[Dispute]:
        """Return the disputes of a payment, oldest first."""
        rows = self._rows("SELECT * FROM disputes WHERE charge_reference = ? ORDER BY number", charge_reference)
        return [_dispute(row) for row in rows]

    def dispute_at(self, reference: str) -> tuple[str, Dispute] | None:
        """Find a dispute, with the reference of the payment that is disputed."""
        rows = self._rows("SELECT * FROM disputes WHERE reference = ?", reference)
        return (rows[0]["charge_reference"], _dispute(rows[0])) if rows else None

    # Tries

    def add_try(self, kind: str, attempt_id: str, verb: str) -> None:
        """Remember that a request of this attempt was sent, whether or not it took effect."""
        self._rows("INSERT OR IGNORE INTO tries VALUES (?, ?, ?)", kind, attempt_id, verb)

    def was_tried(self, kind: str, attempt_id: str, *, not_counting: str = "") -> bool:
        """Say whether any request of this attempt, but for one verb, was ever sent."""
        return bool(
            self._rows(
                "SELECT 1 FROM tries WHERE kind = ? AND attempt_id = ? AND verb <> ?", kind, attempt_id, not_counting
            )
        )

    # Cards

    def add_card(self, card: KeptCard) -> None:
        """Remember a saved card."""
        self._rows(
            "INSERT INTO cards (card_token, reference, attempt_id, account_id, customer_id, token) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(card.card_token, card.reference, card.attempt_id, card.account_id, card.customer_id, card.token),
        )

    def forget_card(self, card_token: str) -> None:
        """Make a saved card unusable; its row stays, so that a charge of it is told from nonsense."""
        self._rows("UPDATE cards SET forgotten = 1 WHERE card_token = ?", card_token)

    def update_card(self, card: KeptCard) -> None:
        """Remember what the network changed of a card."""
        self._rows(
            "UPDATE cards SET last_four = ?, expiry_month = ?, expiry_year = ? WHERE card_token = ?",
            *(card.last_four, card.expiry_month, card.expiry_year, card.card_token),
        )

    def card(self, card_token: str) -> KeptCard | None:
        """Find a saved card, forgotten or not."""
        rows = self._rows("SELECT * FROM cards WHERE card_token = ?", card_token)
        return _card(rows[0]) if rows else None

    def cards(self) -> list[KeptCard]:
        """Return the saved cards that can be charged, oldest first."""
        return [_card(row) for row in self._rows("SELECT * FROM cards WHERE NOT forgotten ORDER BY number")]

    # Customers

    def delete_customer(self, customer_id: str) -> None:
        """Remember that a customer was deleted."""
        self._rows("INSERT OR IGNORE INTO deleted_customers VALUES (?)", customer_id)

    def is_deleted(self, customer_id: str) -> bool:
        """Say whether a customer was deleted."""
        return bool(self._rows("SELECT 1 FROM deleted_customers WHERE customer_id = ?", customer_id))

    # Notices

    def notices_about(self, reference: str) -> int:
        """Return how many notices there have been about an object."""
        return len(self._rows("SELECT 1 FROM notices WHERE reference = ?", reference))

    def add_notice(self, notice: Notice, copies: int) -> None:
        """Remember a notice that is to be delivered `copies` times."""
        self._rows(
            "INSERT INTO notices (notice_id, subject, reference, operation_id, occurred_at, charge_reference, "
            "customer_id, copies) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(notice.notice_id, notice.subject, notice.reference, notice.operation_id, iso(notice.occurred_at)),
            *(notice.charge_reference, notice.customer_id, copies),
        )

    def notices_due(self) -> list[Notice]:
        """Return the notices not yet acknowledged, oldest first, each as often as it has copies."""
        rows = self._rows("SELECT * FROM notices WHERE NOT acknowledged ORDER BY number")
        return [_notice(row) for row in rows for _ in range(row["copies"])]

    def acknowledge(self, notice_id: str) -> None:
        """Deliver a notice no more."""
        self._rows("UPDATE notices SET acknowledged = 1 WHERE notice_id = ?", notice_id)


def _intent(row: sqlite3.Row) -> Intent:
    columns = _columns(row)
    currency = columns.pop("currency")
    columns.update(
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        amount=None if currency is None else Money(row["amount"], currency),
        save_card=bool(row["save_card"]),
        off_session=bool(row["off_session"]),
        moved_at=datetime.fromisoformat(row["moved_at"]),
        reversed_at=_moment(row["reversed_at"]),
    )
    return Intent(**columns)


def _dispute(row: sqlite3.Row) -> Dispute:
    return Dispute(
        reference=row["reference"],
        status=DisputeStatus(row["status"]),
        amount=Money(row["amount"], row["currency"]),
        reason=row["reason"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        evidence_due_by=_moment(row["evidence_due_by"]),
        fee=Money(*row["fee"].split()) if row["fee"] else None,
        decided_at=_moment(row["decided_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _card(row: sqlite3.Row) -> KeptCard:
    columns = _columns(row)
    columns.update(forgotten=bool(row["forgotten"]))
    return KeptCard(**columns)


def _columns(row: sqlite3.Row) -> dict[str, Any]:
    """The columns by name, but for the number that only keeps the order."""
    columns = dict(zip(row.keys(), row, strict=True))
    del columns["number"]
    return columns


def _notice(row: sqlite3.Row) -> Notice:
    return Notice(
        notice_id=row["notice_id"],
        subject=NoticeSubject(row["subject"]),
        reference=row["reference"],
        operation_id=row["operation_id"],
        occurred_at=datetime.fromisoformat(row["occurred_at"]),
        charge_reference=row["charge_reference"],
        customer_id=row["customer_id"],
    )
