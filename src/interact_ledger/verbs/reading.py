"""Reading: balances now and then, receipts, statements, histories, lists, and the audit.

All of it is current to the moment it is read. Where another event store keeps the events, this holds for what names
an account; `accounts`, `receipt` and `credit_note` are there as current as the last `recover()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext

from moneyed import Money

from interact_ledger.audit import AuditReport, Folded, audit
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account
from interact_ledger.domain.charges import fold_charges
from interact_ledger.domain.events import Recorded
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import CorruptLog, InvalidRequest, TransactionNotFound
from interact_ledger.money import EXACT
from interact_ledger.processes import invoicing
from interact_ledger.projections import accounts as account_list
from interact_ledger.projections import credit_notes, receipts, statement
from interact_ledger.projections import disputes as dispute_list
from interact_ledger.projections.receipts import Receipt
from interact_ledger.verbs.base import (
    Verbs,
    aware,
    aware_or_none,
    named,
    page_limit,
    position,
    progress,
    silently,
)
from interact_ledger.views import (
    AccountDetails,
    CreditNote,
    DisputeDetails,
    GrantedCredit,
    SavedCardDetails,
    account_details,
    dispute_details,
    granted_credit,
    saved_cards,
)

__all__ = ["AccountPage", "ReadingVerbs"]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Some accounts, in the order of their ids."""

    accounts: tuple[AccountDetails, ...]
    next_cursor: str | None
    """Pass it as `after` for those that follow, None if there are none."""


class ReadingVerbs(Verbs):
    """Verbs that change nothing."""

    def account(self, account_id: str) -> AccountDetails:
        """Return an account's details.

        Raises:
            AccountNotFound
        """
        return account_details(self._account(account_id))

    def accounts(self, owner: str | None = None, *, after: str | None = None, limit: int = 100) -> AccountPage:
        """Return accounts, of one owner or of all, a page at a time.

        Raises:
            InvalidRequest: naming the argument that is of no use.
        """
        named(**{field: value for field, value in (("owner", owner), ("after", after)) if value is not None})
        found = account_list.account_ids(self._query, owner=owner, after=after, limit=page_limit(limit) + 1)
        page = found[:limit]
        return AccountPage(
            tuple(self.account(account_id) for account_id in page), page[-1] if len(found) > limit else None
        )

    def balance(self, account_id: str, *, at: datetime | None = None, version: int | None = None) -> statement.Balance:
        """Return a balance now, as it was at a moment, or after so many events of its history.

        Args:
            account_id: whose.
            at: a moment with a time zone; what was recorded at that very moment counts.
            version: the number of events.

        Raises:
            AccountNotFound
            InvalidRequest: if both are given, or the account has no such version.
        """
        account = self._account(account_id)
        if at is not None and version is not None:
            raise InvalidRequest("pass either at or version", field="version")
        if version is not None:
            within = 0 < position(version, "version") <= account.version
            recorded = self._log.find(account_id, [version]) if within else []
            if not recorded:
                raise InvalidRequest(f"the account has versions 1 to {account.version}", field="version")
            return statement.balance_at(self._query, account_id, account.currency, recorded[0].recorded_at, version)
        if at is not None:
            return statement.balance_at(self._query, account_id, account.currency, aware(at, "at"))
        over = lots.lapsed(account, self._context.now())
        return statement.Balance(
            available=Money(EXACT.subtract(account.available, over), account.currency),
            held=Money(account.held, account.currency),
            total=Money(EXACT.subtract(account.balance, over), account.currency),
            granted=Money(EXACT.subtract(account.granted, over), account.currency),
            pending=Money(account.pending, account.currency),
        )

    def cards(self, account_id: str) -> tuple[SavedCardDetails, ...]:
        """Return the saved cards that can be charged, oldest first.

        Raises:
            AccountNotFound
        """
        return saved_cards(self._account(account_id))

    def granted_credit(self, account_id: str) -> tuple[GrantedCredit, ...]:
        """Return the granted credit that is left, that which is used first at the front.

        Raises:
            AccountNotFound
        """
        account, now = self._account(account_id), self._context.now()
        available = self._available(account)
        return tuple(granted_credit(account, lot, available) for lot in lots.live(account, now))

    def disputes(self, account_id: str) -> list[DisputeDetails]:
        """Return an account's disputes, open and decided, in the order in which they were heard of.

        Raises:
            AccountNotFound
        """
        self._account(account_id)
        listed = dispute_list.disputed_transactions(self._query, account_id)
        known = {
            dispute.opened.operation_id: dispute
            for transaction_id in {transaction_id for _, transaction_id in listed}
            for charge in fold_charges(self._context.accounts.history(account_id, transaction_id)).values()
            for dispute in charge.disputes.values()
        }
        return [dispute_details(known[dispute_id]) for dispute_id, _ in listed]

    def receipt(self, transaction_id: str) -> Receipt:
        """Return the receipt of a captured top-up by its transaction ID.

        Raises:
            TransactionNotFound: if there is no such transaction, or it was not captured.
        """
        account_id = self._account_of(transaction_id)
        self._give_due_numbers(account_id)
        found = receipts.receipt(self._query, transaction_id)
        if found is None:
            raise TransactionNotFound("has no receipt: no captured payment of it is known here", field="transaction_id")
        return self._as_they_are_now([found])[0]

    def receipts(self, account_id: str, *, after: int = 0, limit: int = 100) -> list[Receipt]:
        """Return an account's receipts in order, a page at a time.

        Args:
            account_id: whose.
            after: the `version` of the last receipt of the page before.
            limit: how many, 1 to 1000.

        Raises:
            AccountNotFound
            InvalidRequest: naming the argument that is of no use.
        """
        behind, most = position(after, "after"), page_limit(limit)
        self._account(account_id)
        self._give_due_numbers(account_id)
        return self._as_they_are_now(receipts.receipts(self._query, account_id, after=behind, limit=most))

    def credit_note(self, credit_note_id: str) -> CreditNote:
        """Return a credit note by its own ID.

        Raises:
            TransactionNotFound: if there is no such credit note.
        """
        named(credit_note_id=credit_note_id)
        found = credit_notes.credit_note(self._query, credit_note_id)
        if found is None:
            raise TransactionNotFound("there is no such credit note", field="credit_note_id")
        return found

    def credit_notes(self, account_id: str, *, after: int = 0, limit: int = 100) -> list[CreditNote]:
        """Return an account's credit notes in the order of their refunds, a page at a time.

        Args:
            account_id: whose.
            after: the `version` of the last credit note of the page before.
            limit: how many, 1 to 1000.

        Raises:
            AccountNotFound
            InvalidRequest: naming the argument that is of no use.
        """
        behind, most = position(after, "after"), page_limit(limit)
        self._account(account_id)
        self._give_due_numbers(account_id)
        return credit_notes.credit_notes(self._query, account_id, after=behind, limit=most)

    def statement(
        self,
        account_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> statement.Statement:
        """Return every change of the balance in a period, a page at a time; each line says the balance after it.

        Args:
            account_id: whose.
            start: the first moment of the period, with a time zone; None for the account's opening.
            end: the first moment behind the period; None for now.
            after: the `next_cursor` of the page before.
            limit: how many lines, 1 to 1000.

        Raises:
            AccountNotFound
            InvalidRequest: naming the argument that is of no use.
        """
        account = self._account(account_id)
        return statement.statement(
            self._query,
            account_id,
            account.currency,
            start=aware_or_none(start, "start"),
            end=aware_or_none(end, "end"),
            after=position(after, "after"),
            limit=page_limit(limit),
        )

    def history(self, account_id: str, *, after: int = 0, limit: int = 100) -> list[Recorded]:
        """Return an account's events in order, with when and by whom, from just after a version.

        Raises:
            AccountNotFound
            InvalidRequest: naming the argument that is of no use.
            CorruptLog: if a stored event is not what was written.
        """
        behind, most = position(after, "after"), page_limit(limit)
        self._account(account_id)
        return [recorded for recorded, _ in self._log.select(account_id, after=behind, limit=most)]

    def audit(self, on_progress: Callable[[int, int], None] = silently) -> AuditReport:
        """Read the whole log by a road of its own and hold everything else against it, while writers go on.

        What is wrong is never raised: it is in the report's findings, and `clean` says whether there is any. What
        only a person can decide about, such as a capture that came late, is there too and does not count.

        Args:
            on_progress: called with how many events are done, of how many.

        Raises:
            Busy, StorageUnavailable: if the database cannot be read.
        """
        told = progress(on_progress)
        with contextlib.suppress(CorruptLog):
            self._log.follow()
        with self._log.at_one_moment() as read:
            return audit(read, self._folded, told, self._context.now(), self._log.differences())

    def _folded(self, account_id: str, version: int) -> Folded:
        account: Account | None = None
        with localcontext(EXACT):
            for recorded, _ in self._log.read(account_id, upto=version):
                account = evolve(account, recorded)
        if account is None:
            raise CorruptLog("the account has no events")
        loaded = self._account(account_id)
        if loaded.version == version and loaded != account:
            raise CorruptLog("commands decide on another account than its events come to; a snapshot may be false")
        return Folded(account.balance, account.held, account.pending, account.version)

    def _give_due_numbers(self, account_id: str) -> None:
        invoicing.issue_due(self._context, self._books, self._query, account_id)

    def _as_they_are_now(self, found: Sequence[Receipt]) -> list[Receipt]:
        """Return an account's receipts with what took their payments back; of most, nothing did."""
        moved = receipts.followed_by_anything(self._query, found)
        notes = credit_notes.credit_notes_of(self._query, sorted(moved)) if moved else []
        return [self._with_what_followed(one, notes) if one.transaction_id in moved else one for one in found]

    def _with_what_followed(self, found: Receipt, notes: Sequence[tuple[str, CreditNote]]) -> Receipt:
        history = self._context.accounts.history(found.account_id, found.transaction_id)
        own = [
            note
            for reference, note in notes
            if (note.transaction_id, reference) == (found.transaction_id, found.gateway_reference)
        ]
        return receipts.with_what_followed(found, fold_charges(history)[found.gateway_reference], own)
