"""What each event does to the audit's book of an account's automatic payments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from interact_ledger.audit.amounts import millionths, moment
from interact_ledger.audit.book import AutomaticCharge, AutoTopUp, Book, MonthlyRecharge, Start
from interact_ledger.audit.entries import Entry

__all__ = ["POSTINGS", "post_automatic"]


def post_automatic(book: Book, entry: Entry) -> None:
    """Enter an event, once its money is entered, into what the book has of automatic payments."""
    posting = POSTINGS.get(entry.topic)
    if posting is not None:
        posting(book, entry)
    policy = book.auto_top_up
    if policy is not None:
        is_low = book.available + book.pending < millionths(policy.terms["threshold"])
        policy.low_since = (policy.low_since or entry.recorded_at) if is_low else None


# Auto top-up ------------------------------------------------------------------------------------------------------


def _enabled(book: Book, entry: Entry) -> None:
    known = book.auto_top_up or AutoTopUp(entry.event)
    known.terms, known.enabled, known.paused = entry.event, True, False
    known.failures, known.wait_until = 0, ""
    book.auto_top_up = known


def _started(book: Book, entry: Entry) -> None:
    policy, event = book.auto_top_up, entry.event
    if policy is None:
        return
    book.latest_start = _start(entry, policy.terms["card_id"], "unscheduled")
    policy.started += 1
    policy.charges = [charge for charge in policy.charges if charge.month == event["month"]]
    policy.charges.append(AutomaticCharge(event["operation_id"], event["month"], event["day"], entry.amount("total")))
    policy.cool_down_until, policy.wait_until = moment(event["next_try_at"]), ""


def _failed(book: Book, entry: Entry) -> None:
    if book.auto_top_up is not None:
        book.auto_top_up.failures = entry.event["failures"]
        book.auto_top_up.wait_until = moment(entry.event["next_try_at"])


def _postponed(book: Book, entry: Entry) -> None:
    if book.auto_top_up is not None:
        book.auto_top_up.wait_until = moment(entry.event["next_try_at"])


def _paused(book: Book, _entry: Entry) -> None:
    if book.auto_top_up is not None:
        book.auto_top_up.paused = True


def _resumed(book: Book, _entry: Entry) -> None:
    if book.auto_top_up is not None:
        book.auto_top_up.paused, book.auto_top_up.failures, book.auto_top_up.wait_until = False, 0, ""


def _disabled(book: Book, _entry: Entry) -> None:
    if book.auto_top_up is not None:
        book.auto_top_up.enabled = book.auto_top_up.paused = False


# Monthly recharge -------------------------------------------------------------------------------------------------


def _monthly_enabled(book: Book, entry: Entry) -> None:
    known, event = book.monthly_recharge, entry.event
    book.monthly_recharge = MonthlyRecharge(
        event,
        event["next_month"],
        moment(event["next_due_at"]),
        moment(event["card_checked_at"]),
        latest_month=known.latest_month if known else "",
        announced=known.announced if known else None,
    )


def _monthly_started(book: Book, entry: Entry) -> None:
    policy, event = book.monthly_recharge, entry.event
    if policy is None:
        return
    book.latest_start = _start(entry, policy.terms["card_id"], "recurring")
    policy.latest, policy.latest_month, policy.retry_at = event["operation_id"], event["month"], None
    policy.next_month, policy.next_due_at = event["next_month"], moment(event["next_due_at"])
    policy.card_checked_at = moment(event["card_checked_at"])


def _monthly_postponed(book: Book, entry: Entry) -> None:
    if book.monthly_recharge is not None:
        book.monthly_recharge.retry_at = moment(entry.event["next_try_at"])


def _called_off(book: Book, _entry: Entry) -> None:
    if book.monthly_recharge is not None:
        book.monthly_recharge.retry_at = None


def _monthly_disabled(book: Book, _entry: Entry) -> None:
    if book.monthly_recharge is not None:
        book.monthly_recharge.enabled, book.monthly_recharge.retry_at = False, None


def _announced(book: Book, entry: Entry) -> None:
    if book.monthly_recharge is not None:
        event = entry.event
        good_until = f"{event['expiry_year']:04d}-{event['expiry_month']:02d}"
        book.monthly_recharge.announced = (event["card_id"], good_until)


def _start(entry: Entry, card_id: str, initiator: str) -> Start:
    event = entry.event
    return Start(entry.version, event["operation_id"], event["quote_id"], event["total"], card_id, initiator)


# The payments themselves ------------------------------------------------------------------------------------------


def _attempted(book: Book, entry: Entry) -> None:
    policy = book.monthly_recharge
    if policy is not None and policy.latest == entry.event["operation_id"]:
        policy.retry_at = None


def _captured(book: Book, entry: Entry) -> None:
    policy = book.auto_top_up
    if policy is not None and entry.event["operation_id"] in {charge.operation_id for charge in policy.charges}:
        policy.failures = 0


POSTINGS: Mapping[str, Callable[[Book, Entry], None]] = MappingProxyType(
    {
        "auto-top-up-enabled": _enabled,
        "auto-top-up-started": _started,
        "auto-top-up-failed": _failed,
        "auto-top-up-postponed": _postponed,
        "auto-top-up-paused": _paused,
        "auto-top-up-resumed": _resumed,
        "auto-top-up-disabled": _disabled,
        "monthly-recharge-enabled": _monthly_enabled,
        "monthly-recharge-started": _monthly_started,
        "monthly-recharge-postponed": _monthly_postponed,
        "monthly-recharge-called-off": _called_off,
        "monthly-recharge-disabled": _monthly_disabled,
        "card-expiry-announced": _announced,
        "payment-attempted": _attempted,
        "payment-captured": _captured,
        "capture-mismatched": _captured,
    }
)
"""By topic; the others change nothing that the audit keeps of automatic payments."""
