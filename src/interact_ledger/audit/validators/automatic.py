"""Automatic payments: each is explained by a start, and each start by an agreement, its caps and its guards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from interact_ledger.audit.amounts import between, millionths, moment
from interact_ledger.audit.book import AutoTopUp, Book, MonthlyRecharge
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding

__all__ = [
    "BEFORE",
    "PAYMENTS",
    "validate_attempt",
    "validate_auto_top_up",
    "validate_auto_top_up_start",
    "validate_called_off",
    "validate_expiry",
    "validate_failure",
    "validate_followed",
    "validate_monthly_recharge",
    "validate_monthly_recharge_agreed",
    "validate_monthly_recharge_start",
    "validate_request",
]

FAILURES_MAX = 3

# A month has 28 to 31 days; moving to another time zone shifts its due moment by 26 hours at most.
_MONTH_MIN = timedelta(days=26)
_MONTH_MAX = timedelta(days=33)
_SLACK = timedelta(hours=1)
"""What was decided just before a month fell due may be recorded just after."""


# Payments ---------------------------------------------------------------------------------------------------------


def validate_followed(entry: Entry, book: Book) -> Iterator[Finding]:
    """Right after the start of an automatic payment stands its request."""
    start = book.latest_start
    if start is not None and start.version == entry.version - 1 and entry.topic != "top-up-requested":
        yield entry.finding("automatic_unexplained", f"{start.operation_id} was started and not requested")


def validate_request(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is not asked for by a customer stands right after its start, and is what that says."""
    start, event = book.latest_start, entry.event
    is_automatic = event["initiator"] != "customer"
    follows = start is not None and start.version == entry.version - 1
    said = tuple(event[name] for name in ("operation_id", "quote_id", "total", "card_id", "initiator"))
    if (is_automatic or follows) and (start is None or (entry.version - 1, *said) != start):
        yield entry.finding("automatic_unexplained", "is not what the start of an automatic payment right before says")


def validate_attempt(entry: Entry, book: Book) -> Iterator[Finding]:
    """An attempt is set off by whom it was requested by, and an automatic one charges the card that was agreed to."""
    event = entry.event
    top_up = book.top_ups.get(event["operation_id"])
    if top_up is None:
        return
    other_card = event["initiator"] != "customer" and event["card_id"] != top_up.card_id
    if event["initiator"] != top_up.initiator or other_card:
        yield entry.finding("automatic_unexplained", f"{event['operation_id']} was requested otherwise")


# Auto top-up ------------------------------------------------------------------------------------------------------


def validate_auto_top_up(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about auto top-up is about an agreement."""
    if book.auto_top_up is None or not book.auto_top_up.enabled:
        yield entry.finding("agreement_unknown", "the account has no auto top-up")


def validate_failure(entry: Entry, book: Book) -> Iterator[Finding]:
    """A failure is the latest payment's, and counted."""
    yield from validate_auto_top_up(entry, book)
    policy = book.auto_top_up
    if policy is None or not policy.charges:
        return
    if (entry.event["operation_id"], entry.event["failures"]) != (policy.charges[-1].operation_id, policy.failures + 1):
        yield entry.finding("agreement_unknown", "is no failure of the latest payment, or is counted wrongly")


def validate_auto_top_up_start(entry: Entry, book: Book) -> Iterator[Finding]:
    """One is started only while it is agreed to, not paused, nothing is in flight, the balance low, and caps allow."""
    yield from validate_auto_top_up(entry, book)
    policy = book.auto_top_up
    if policy is not None:
        for why in _forbidden(entry, book, policy):
            yield entry.finding("automatic_forbidden", why)


def _forbidden(entry: Entry, book: Book, policy: AutoTopUp) -> Iterator[str]:
    event = entry.event
    yield from _forbidden_to_any(entry, book, policy)
    if policy.paused or policy.failures >= FAILURES_MAX:
        yield "it is paused"
    expected = book.available + book.pending
    if entry.amount("available") != expected or event["threshold"] != policy.terms["threshold"]:
        yield f"it says that {event['available']} was there, or another threshold than was agreed to"
    if expected >= millionths(policy.terms["threshold"]):
        yield "the balance was not low"
    if entry.recorded_at < max(policy.cool_down_until, policy.wait_until):
        yield "it was too early"
    yield from _caps_passed(entry, book, policy)


def _caps_passed(entry: Entry, book: Book, policy: AutoTopUp) -> Iterator[str]:
    event, total = entry.event, entry.amount("total")
    if policy.charges and (event["month"], event["day"]) < (policy.charges[-1].month, policy.charges[-1].day):
        yield "it is counted in a month or a day that is over"
    if not event["day"].startswith(event["month"]):
        yield "its day is not in its month"
    counted = [c for c in policy.charges if c.month == event["month"] and _counts(book, c.operation_id)]
    if len(counted) >= policy.terms["max_per_month"]:
        yield "there were as many this month as were agreed to"
    today = [charge for charge in counted if charge.day == event["day"]]
    for name, charges in (("max_value_per_month", counted), ("max_value_per_day", today)):
        most = policy.terms[name]
        if most is not None and sum(charge.total for charge in charges) + total > millionths(most):
            yield f"with it, {name} is passed"


def _counts(book: Book, operation_id: str) -> bool:
    top_up = book.top_ups.get(operation_id)
    return operation_id in book.open_top_ups or (top_up is not None and bool(top_up.captured))


def _forbidden_to_any(entry: Entry, book: Book, policy: AutoTopUp | MonthlyRecharge) -> Iterator[str]:
    if book.standing != "open":
        yield f"the account is {book.standing}"
    if book.automatic_in_flight:
        yield "another automatic payment was in flight"
    if entry.amount("total") > millionths(policy.terms["ceiling"]):
        yield "it is above the ceiling that was agreed to"
    if book.cards.get(policy.terms["card_id"], "gone") is not None:
        yield "its card was removed"


# Monthly recharge -------------------------------------------------------------------------------------------------


def validate_monthly_recharge(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about monthly recharge is about an agreement."""
    if book.monthly_recharge is None or not book.monthly_recharge.enabled:
        yield entry.finding("agreement_unknown", "the account has no monthly recharge")


def validate_called_off(entry: Entry, book: Book) -> Iterator[Finding]:
    """Only the month that waits to be attempted again is called off."""
    yield from validate_monthly_recharge(entry, book)
    known = book.monthly_recharge
    if known is not None and (known.retry_at is None or known.latest != entry.event["operation_id"]):
        yield entry.finding("recharge_wrong", f"{entry.event['operation_id']} does not wait to be attempted again")


def validate_monthly_recharge_agreed(entry: Entry, book: Book) -> Iterator[Finding]:
    """A new agreement charges no month again."""
    known = book.monthly_recharge
    if known is not None and entry.event["next_month"] <= known.latest_month:
        yield entry.finding("recharge_wrong", f"{entry.event['next_month']} was charged before")


def validate_monthly_recharge_start(entry: Entry, book: Book) -> Iterator[Finding]:
    """One is started while it is agreed to and nothing is in flight, for the latest month that was due."""
    yield from validate_monthly_recharge(entry, book)
    policy = book.monthly_recharge
    if policy is None:
        return
    for why in _forbidden_to_any(entry, book, policy):
        yield entry.finding("automatic_forbidden", why)
    if not _is_the_month_due(entry, policy):
        yield entry.finding("recharge_wrong", f"{entry.event['month']} is not the month that was due")


def validate_expiry(entry: Entry, book: Book) -> Iterator[Finding]:
    """An expiry is announced of the card that is charged, if it will have expired by then."""
    yield from validate_monthly_recharge(entry, book)
    policy, event = book.monthly_recharge, entry.event
    if policy is None:
        return
    good_until = f"{event['expiry_year']:04d}-{event['expiry_month']:02d}"
    is_its_card = (event["card_id"], good_until) == (policy.terms["card_id"], book.card_months.get(event["card_id"]))
    if not is_its_card or good_until >= policy.next_month:
        yield entry.finding("agreement_unknown", "is not of the card that is charged, or the card will be good")


def _is_the_month_due(entry: Entry, policy: MonthlyRecharge) -> bool:
    event = entry.event
    months = [*event["passed_over"], event["month"], event["next_month"]]
    due_at, next_due_at = moment(event["due_at"]), moment(event["next_due_at"])
    follow_on = all(_month_after(month) == later for month, later in pairwise(months))
    is_next = months[0] == policy.next_month and months[0] > policy.latest_month
    is_due = policy.next_due_at <= due_at <= entry.recorded_at
    is_latest = between(next_due_at, entry.recorded_at) < _SLACK
    is_exact = bool(event["passed_over"]) or due_at == policy.next_due_at
    return (
        follow_on
        and is_next
        and is_due
        and is_latest
        and is_exact
        and _MONTH_MIN <= between(due_at, next_due_at) <= _MONTH_MAX
    )


def _month_after(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-15') + timedelta(days=28):%Y-%m}"


BEFORE = {
    "auto-top-up-started": validate_auto_top_up_start,
    "auto-top-up-failed": validate_failure,
    "auto-top-up-postponed": validate_auto_top_up,
    "auto-top-up-paused": validate_auto_top_up,
    "auto-top-up-resumed": validate_auto_top_up,
    "auto-top-up-disabled": validate_auto_top_up,
    "monthly-recharge-enabled": validate_monthly_recharge_agreed,
    "monthly-recharge-started": validate_monthly_recharge_start,
    "monthly-recharge-postponed": validate_monthly_recharge,
    "monthly-recharge-called-off": validate_called_off,
    "monthly-recharge-disabled": validate_monthly_recharge,
    "card-expiry-announced": validate_expiry,
}
PAYMENTS = {"top-up-requested": validate_request, "payment-attempted": validate_attempt}
"""What automatic payments ask of events that other validators look at too."""
