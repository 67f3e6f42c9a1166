"""What operators and schedulers run: recovery, what is due, looking again, notifications, rebuilding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from interact_ledger.errors import InvalidRequest
from interact_ledger.processes import invoicing, notifications, recovery, schedule
from interact_ledger.processes.look_again import LookedAgain, look_again
from interact_ledger.storage.rebuild import rebuild
from interact_ledger.verbs.base import Verbs, aware, named, progress, silently

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

__all__ = ["OperatingVerbs"]


class OperatingVerbs(Verbs):
    """Verbs that services call at start-up and from a schedule."""

    def recover(self, on_progress: Callable[[int, int], None] = silently) -> list[recovery.Recovered]:
        """Bring everything open at a gateway, of whatever kind, to its true end.

        Run it at start-up and every minute. It is safe at any moment and by several processes at once, and never
        charges, saves or pays back. What is younger than its `send_before` is left alone, as its sender may be at work;
        it comes back as "not due yet". What comes back with `is_over` false is still open.

        Args:
            on_progress: called with how many are done, of how many.

        Raises:
            Busy, StorageUnavailable: if the database cannot be used.
        """
        told = progress(on_progress)
        self._log.follow()
        recovered = recovery.recover(self._context, self._query, told)
        invoicing.issue_due(self._context, self._books, self._query)
        return recovered

    def run_due(
        self, now: datetime | None = None, *, on_progress: Callable[[int, int], None] = silently
    ) -> list[schedule.Done]:
        """Do all that has fallen due: charge automatic payments and numbers, expire holds and credit, issue documents.

        Harmless when repeated, late, or run by several processes at once. What a gateway or one account stands in the
        way of is told in the outcome, and tried again by the next run.

        Args:
            now: do only what was due by then; the ledger's clock if None, and never what is due after that.
            on_progress: called with how many are done, of how many.

        Raises:
            InvalidRequest: if `now` is in the future: nobody is charged before the time.
            Busy, StorageUnavailable: if the database cannot be used.
        """
        told = progress(on_progress)
        present = self._context.now()
        until = present if now is None else aware(now, "now")
        if until > present:
            raise InvalidRequest("is in the future; nobody is charged before the time", field="now")
        self._log.follow()
        done = schedule.run_due(self._context, self._query, until, told)
        invoicing.issue_due(self._context, self._books, self._query)
        return done

    def look_again(
        self,
        since: datetime,
        *,
        gateway: str | None = None,
        on_progress: Callable[[int, int], None] = silently,
    ) -> LookedAgain:
        """Look at what was captured, and at cards kept, since a moment, for what their gateways sent no notice of.

        Of each charge: refunds, disputes and a failed settlement that are not known here. Of each account that paid
        or saved a card since then: whether its cards are still kept, and as what. Harmless when repeated or run by
        several processes at once; it never charges, saves or pays back. Costs a request for each charge and card.

        Args:
            since: by when they were recorded here.
            gateway: look at this one; if None, at each that does not notice everything (`sends_every_notice`).
            on_progress: called with how many are done, of how many.

        Raises:
            InvalidRequest: if `since` is in the future, or the ledger was opened without the gateway.
            Busy, StorageUnavailable: if the database cannot be used.
        """
        told = progress(on_progress)
        start = aware(since, "since")
        if start > self._context.now():
            raise InvalidRequest("is in the future", field="since")
        capabilities = self._context.capabilities()
        if gateway is not None:
            named(gateway=gateway)
            if gateway not in capabilities:
                raise InvalidRequest("is none that the ledger was opened with", field="gateway")
        untelling = [gateway_id for gateway_id, can in capabilities.items() if not can.sends_every_notice]
        self._log.follow()
        looked = look_again(self._context, self._query, [gateway] if gateway else untelling, start, told)
        invoicing.issue_due(self._context, self._books, self._query)
        return looked

    def deliver_notifications(
        self,
        subscriber: str,
        handle: Callable[[CloudEvent], object],
        on_progress: Callable[[int, int], None] = silently,
    ) -> int:
        """Hand what customers should be told of to a handler, from where its subscriber left off; return how many.

        Each comes at least once, in the order of the log; one whose handling was cut short comes again with the same
        id, by which to leave it out. A new subscriber begins with the first there ever was. Needs the extra
        `notifications`.

        Args:
            subscriber: a name that never changes; each has a position of its own.
            handle: takes one, as a CloudEvent; what it raises ends the delivery, and that one comes again.
            on_progress: called with how many events of the log were looked at, of how many.

        Raises:
            ConfigurationError: if the extra is not installed.
            Busy, StorageUnavailable: if the database cannot be used.
        """
        named(subscriber=subscriber)
        if not callable(handle):
            raise InvalidRequest(f"is a {type(handle).__name__}, which cannot be called", field="handle")
        told = progress(on_progress)
        self._log.follow()
        return notifications.deliver(self._log, subscriber, handle, told)

    def rebuild(self, on_progress: Callable[[int, int], None] = silently) -> int:
        """Fill every table that follows from the log anew, while writers go on; return how many events were read.

        Raises:
            CorruptLog: if a stored event is not what was written.
            ConfigurationError: if the database's role may not make tables.
            Busy, StorageUnavailable: if the database cannot be used.
        """
        told = progress(on_progress)
        self._log.follow()
        return rebuild(self._log, self._readers, told)
