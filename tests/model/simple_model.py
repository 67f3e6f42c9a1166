"""What prepaid accounts should do, in plain dicts and decimals. It shares no code with the library, on purpose."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

D = Decimal
DECIMALS = {"GBP": D("0.01"), "EUR": D("0.01"), "JPY": D(1)}
MESSAGE_PRICES = {
    ("GB", "GBP"): D("0.0325"),
    ("FR", "GBP"): D("0.0475"),
    ("KW", "GBP"): D("0.1450"),
    ("GB", "EUR"): D("0.0385"),
    ("FR", "EUR"): D("0.0563"),
    ("KW", "EUR"): D("0.1718"),
    ("GB", "JPY"): D("6.2"),
    ("FR", "JPY"): D("9.07"),
    ("KW", "JPY"): D("27.69"),
}
NUMBER_PRICES = {"GBP": (D(1), D(1)), "EUR": (D("1.19"), D("1.19")), "JPY": (D(190), D(190))}
TAX_RATES = {"GB": D(20), "FR": D(20), "DE": D(19), "KW": D(0), "JP": D(10)}
"""Of the default settings, for consumers; Japan's is included in what the customer enters."""

UNDECIDED = {"requested", "unknown", "pending", "action_required"}
ANY = UNDECIDED | {"not_attempted", "declined", "cancelled", "expired", "succeeded", "mismatched", "reversed"}
MAY_BECOME = {
    "requested": ANY,
    "unknown": ANY,
    "pending": {"pending", "succeeded", "mismatched", "declined", "cancelled"},
    "action_required": ANY - {"requested", "unknown", "not_attempted"},
    "not_attempted": ANY - {"expired"},
    "declined": {"declined", "succeeded", "mismatched"},
    "cancelled": {"cancelled"},
    "expired": {"expired"},
    "succeeded": {"succeeded", "reversed"},
    "mismatched": {"mismatched"},
    "reversed": {"reversed"},
}

REFUND_MAY_BECOME = {
    "requested": {"requested", "unknown", "pending", "not_attempted", "declined", "succeeded"},
    "unknown": {"requested", "unknown", "pending", "not_attempted", "declined", "succeeded"},
    "pending": {"pending", "declined", "succeeded"},
    "not_attempted": {"requested", "unknown", "pending", "not_attempted", "declined", "succeeded"},
    "declined": {"declined"},
    "succeeded": {"succeeded", "declined"},
}

SUCCEEDING = ("tok_visa", "tok_visa_debit", "tok_mastercard", "tok_duplicate_notices")
LATER = {
    "tok_later_declined_off_session": "succeeded",
    "tok_later_insufficient_funds": "declined",
    "tok_later_authentication_required": "action_required",
    "tok_later_action_required": "action_required",
}
"""What the saved card does while the customer is there."""
OUTCOMES = {
    **dict.fromkeys((*SUCCEEDING, *LATER, "tok_refund_pending", "tok_refund_declined"), "succeeded"),
    "tok_declined_insufficient_funds": "declined",
    "tok_declined_fraud": "declined",
    "tok_authentication_required": "action_required",
    "tok_pending": "pending",
    "tok_timeout_before_charging": "unknown",
    "tok_timeout_after_charging": "unknown",
    "tok_unreachable": "not_attempted",
    "tok_captures_less": "mismatched",
}
"""What a new card does where nothing fails on the way."""


def taxed(amount: Decimal, currency: str, country: str) -> tuple[Decimal, Decimal]:
    """Return the credit and the gross total of a recharge."""
    rate = TAX_RATES[country]
    if country == "JP":
        tax = (amount * rate / (100 + rate)).quantize(DECIMALS[currency], ROUND_HALF_UP)
        return amount - tax, amount
    return amount, amount + (amount * rate / 100).quantize(DECIMALS[currency], ROUND_HALF_UP)


def month_after(due: datetime, anchor_day: int) -> datetime:
    """Return the first moment of the anchor day in the month after, or of that month's last day."""
    year, month = (due.year + 1, 1) if due.month == 12 else (due.year, due.month + 1)
    return datetime(year, month, min(anchor_day, calendar.monthrange(year, month)[1]), tzinfo=UTC)


@dataclass
class TopUp:
    credit: Decimal
    total: Decimal
    status: str
    repeat: dict[str, Any]
    """The arguments under which it was asked for."""


@dataclass
class ModelRefund:
    transaction_id: str
    credit: Decimal
    total: Decimal
    status: str
    repeat: dict[str, Any]
    """The arguments under which it was asked for."""

    @property
    def is_taken(self) -> bool:
        """Whether its charge is less by it."""
        return self.status not in {"not_attempted", "declined"}


@dataclass
class Left:
    """What may be paid back of a charge."""

    credit: Decimal
    total: Decimal

    def share(self, total: Decimal, unit: Decimal) -> Left | None:
        """Return what a gross amount takes, None if it cannot be taken."""
        if not 0 < total <= self.total:
            return None
        return Left((total * self.credit / self.total / unit).quantize(D(1), ROUND_HALF_UP) * unit, total)

    def at_most(self, total: Decimal, unit: Decimal) -> Left:
        """Return what a gross amount takes, or as much of it as there is."""
        return self.share(min(total, self.total), unit) or NOTHING

    def without(self, other: Left) -> Left:
        return Left(self.credit - other.credit, self.total - other.total)


NOTHING = Left(D(0), D(0))


@dataclass
class Taken:
    """What was taken back of a top-up at the gateway, or is disputed there."""

    what: str
    """dispute, refund or reversal."""
    transaction_id: str
    claimed: Decimal
    takes: Left
    status: str
    """made; for a dispute open, won or lost."""
    since: tuple[datetime, str] = (datetime.max.replace(tzinfo=UTC), "")
    """When a dispute was opened, and its reference."""


@dataclass
class Line:
    reference: str
    unit: Decimal
    left: int


Parts = dict[str, Decimal]
"""What each source pays: a lot of granted credit by its id, purchased credit by the name `BOUGHT`."""
BOUGHT = "purchased"


def taken(amount: Decimal, sources: list[tuple[str, Decimal]]) -> Parts:
    """Take an amount from sources, each until it is empty, in their order."""
    parts: Parts = {}
    for name, there in sources:
        parts[name] = min(amount, there)
        amount -= parts[name]
    return {name: part for name, part in parts.items() if part}


@dataclass
class ModelAccount:
    """One account. `changes` is everything that ever moved its total; all else follows."""

    account_id: str
    currency: str
    country: str
    suspended: bool = False
    """By an operator."""
    changes: list[tuple[str, Decimal]] = field(default_factory=list)
    holds: dict[str, tuple[Decimal, datetime]] = field(default_factory=dict)
    ended_holds: set[str] = field(default_factory=set)
    lots: dict[str, int] = field(default_factory=dict)
    """The priority of each lot that was granted."""
    granted: Parts = field(default_factory=dict)
    """What is left of each lot, held or not."""
    held_parts: dict[str, Parts] = field(default_factory=dict)
    """What each hold reserves of what."""
    paid_by: dict[str, Parts] = field(default_factory=dict)
    """What is not given back of what paid for each purchase."""
    top_ups: dict[str, TopUp] = field(default_factory=dict)
    refunds: dict[str, ModelRefund] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    """By the gateway's reference."""
    savings: dict[str, str] = field(default_factory=dict)
    """Status by saving."""
    purchases: dict[str, list[Line]] = field(default_factory=dict)
    numbers: dict[str, tuple[Decimal, int, datetime]] = field(default_factory=dict)
    """Monthly price, anchor day, next due."""
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    """The token that each saved card was made from."""
    removed_cards: set[str] = field(default_factory=set)
    seen: dict[int, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)
    """Total, held and pending, by the version after which they were so."""

    @property
    def total(self) -> Decimal:
        return sum((amount for _, amount in self.changes), D(0))

    @property
    def held(self) -> Decimal:
        refunds = (refund.credit for refund in self.refunds.values() if refund.status in UNDECIDED)
        disputed = (taken.takes.credit for taken in self.taken.values() if taken.status == "open")
        holds = (remaining for remaining, _ in self.holds.values())
        return sum(holds, D(0)) + sum(refunds, D(0)) + sum(disputed, D(0))

    @property
    def standing(self) -> str:
        return "suspended" if self.suspended or self.total < 0 else "open"

    @property
    def available(self) -> Decimal:
        return self.total - self.held

    def free(self, lot_id: str) -> Decimal:
        return self.granted[lot_id] - sum((parts.get(lot_id, D(0)) for parts in self.held_parts.values()), D(0))

    @property
    def purchased(self) -> Decimal:
        """What of the available balance can be paid back to a card."""
        return self.available - sum(map(self.free, self.granted), D(0))

    def in_order(self, parts: Parts) -> list[tuple[str, Decimal]]:
        """Put sources in the order in which they pay: by priority, and granted before purchased."""
        return sorted(parts.items(), key=lambda part: (self.lots.get(part[0], 50), part[0] == BOUGHT, part[0]))

    def take(self, amount: Decimal) -> Parts:
        free = {lot_id: self.free(lot_id) for lot_id in self.granted}
        return taken(amount, self.in_order({**free, BOUGHT: max(self.purchased, D(0))}))

    def use(self, parts: Parts, times: int = 1) -> None:
        for name, part in parts.items():
            if name != BOUGHT:
                self.granted[name] -= times * part

    def grant(self, lot_id: str, amount: Decimal, priority: int) -> None:
        self.lots[lot_id], self.granted[lot_id] = priority, amount
        self.change("credit-granted", amount)

    @property
    def pending(self) -> Decimal:
        return sum((t.credit for t in self.top_ups.values() if t.status in UNDECIDED), D(0))

    def change(self, kind: str, amount: Decimal) -> None:
        if amount:
            self.changes.append((kind, amount))

    def kinds_and_amounts(self) -> Counter[tuple[str, Decimal]]:
        return Counter(self.changes)

    def quote(self, quote_id: str, amount: Decimal, expires_at: datetime) -> None:
        credit, total = taxed(amount, self.currency, self.country)
        self.quotes[quote_id] = {"credit": credit, "total": total, "expires_at": expires_at, "used": False}

    def refusal_of_quote(self, quote_id: str, now: datetime) -> str | None:
        quote = self.quotes[quote_id]
        if quote["used"]:
            return "quote_already_used"
        return "quote_expired" if now >= quote["expires_at"] else None

    def ask(self, transaction_id: str, quote_id: str, repeat: dict[str, Any]) -> None:
        quote = self.quotes[quote_id]
        quote["used"] = True
        self.top_ups[transaction_id] = TopUp(quote["credit"], quote["total"], "requested", repeat)

    def top_up_is(self, transaction_id: str, status: str) -> None:
        """Take over a status that the ledger told, if it may follow; money is credited on success and once."""
        top_up = self.top_ups[transaction_id]
        assert status in MAY_BECOME[top_up.status], f"{top_up.status} became {status}"
        if status == "succeeded" != top_up.status:
            self.change("payment-captured", top_up.credit)
        top_up.status = status

    def refund_is(self, refund_id: str, status: str) -> None:
        """Take over a status that the ledger told, if it may follow; success debits, and a return gives back."""
        refund = self.refunds[refund_id]
        assert status in REFUND_MAY_BECOME[refund.status], f"{refund.status} became {status}"
        if status == "succeeded" != refund.status:
            self.change("refunded", -refund.credit)
        if refund.status == "succeeded" != status:
            self.change("refund-returned", refund.credit)
        was_taken, refund.status = refund.is_taken, status
        if was_taken and not refund.is_taken:
            self.take_the_rest(refund.transaction_id)

    def left_of(self, transaction_id: str) -> Left:
        """Return what is neither paid back of a top-up nor disputed, nor about to be paid back."""
        return self._rest(transaction_id, {"open", "lost", "made"}, lambda refund: refund.is_taken)

    def kept_of(self, transaction_id: str) -> Left:
        """Return what nothing has taken of a top-up."""
        return self._rest(transaction_id, {"lost", "made"}, lambda refund: refund.status == "succeeded")

    def claimable_of(self, transaction_id: str) -> Left:
        """Return what nothing has taken of a top-up, and no refund is about to."""
        return self._rest(transaction_id, {"lost", "made"}, lambda refund: refund.is_taken)

    def _rest(self, transaction_id: str, statuses: set[str], counts: Callable[[ModelRefund], bool]) -> Left:
        top_up = self.top_ups[transaction_id]
        rest = Left(top_up.credit, top_up.total)
        for refund in self.refunds.values():
            if refund.transaction_id == transaction_id and counts(refund):
                rest = rest.without(Left(refund.credit, refund.total))
        for taken in self.taken.values():
            if taken.transaction_id == transaction_id and taken.status in statuses:
                rest = rest.without(taken.takes)
        return rest

    def decide(self, reference: str, *, won: bool) -> None:
        """Let a dispute be won, which gives back what it took, or lost, which takes what is left of its claim."""
        dispute = self.taken[reference]
        before = dispute.takes if dispute.status == "lost" else NOTHING
        dispute.takes, dispute.status = NOTHING, "won"
        if won:
            self.change("dispute-won", before.credit)
        else:
            dispute.takes, dispute.status = before, "lost"
        self.take_the_rest(dispute.transaction_id)

    def take_the_rest(self, transaction_id: str) -> None:
        """Let what was lost for less than its claim, and then a reversal, take what is left by now."""
        of_it = [taken for taken in self.taken.values() if taken.transaction_id == transaction_id]
        lost = sorted((one for one in of_it if one.status == "lost"), key=lambda one: one.since)
        for taken in [*lost, *(one for one in of_it if one.what == "reversal")]:
            claimed = taken.claimed if taken.what == "dispute" else self.top_ups[transaction_id].total
            kept = self.claimable_of(transaction_id)
            more = kept.at_most(claimed - taken.takes.total, DECIMALS[self.currency])
            taken.takes = Left(taken.takes.credit + more.credit, taken.takes.total + more.total)
            self.change("dispute-lost" if taken.what == "dispute" else "payment-reversed", -more.credit)

    def pending_refunds(self, tokens: dict[str, str]) -> set[str]:
        """Return the refunds that wait for the customer's bank."""
        return {
            refund_id
            for refund_id, refund in self.refunds.items()
            if refund.status == "pending" and tokens[refund.transaction_id] == "tok_refund_pending"
        }

    def saving_is(self, saving_id: str, status: str) -> None:
        before = self.savings.get(saving_id, "requested")
        assert status in MAY_BECOME[before], f"{before} became {status}"
        self.savings[saving_id] = status

    def refusal_of_spend(self, amount: Decimal, numbers: list[str]) -> str | None:
        if self.standing == "suspended":
            return "account_suspended"
        if amount > self.available:
            return "insufficient_balance"
        return "number_already_rented" if set(numbers) & set(self.numbers) else None

    def spend(self, transaction_id: str, lines: list[Line]) -> None:
        amount = sum((line.unit * line.left for line in lines), D(0))
        self.purchases[transaction_id] = lines
        self.paid_by[transaction_id] = self.take(amount)
        self.use(self.paid_by[transaction_id])
        self.change("spent", -amount)

    def rent(self, number: str, now: datetime) -> None:
        self.numbers[number] = (NUMBER_PRICES[self.currency][1], now.day, month_after(now, now.day))

    def give_back(self, transaction_id: str, wanted: tuple[int, int] | None) -> bool:
        """Give back all that is left, or a quantity of the line at a position; say whether that could be done."""
        lines = self.purchases[transaction_id]
        back = [(line, line.left) for line in lines if line.left] if wanted is None else [(lines[wanted[0]], wanted[1])]
        if not back or any(not 0 < quantity <= line.left for line, quantity in back):
            return False
        amount = sum((line.unit * quantity for line, quantity in back), D(0))
        parts = taken(amount, self.in_order(self.paid_by[transaction_id])[::-1])
        self.use(parts, -1)
        for name, part in parts.items():
            self.paid_by[transaction_id][name] -= part
        self.change("spend-reversed", amount)
        for line, quantity in back:
            line.left -= quantity
        return True

    def refusal_of_settling(self, hold_id: str, amount: Decimal, now: datetime) -> str | None:
        if self.standing == "suspended":
            return "account_suspended"
        if hold_id in self.ended_holds or now >= self.holds[hold_id][1]:
            return "hold_ended"
        return "hold_exceeded" if amount > self.holds[hold_id][0] else None

    def settle(self, transaction_id: str, hold_id: str, lines: list[Line]) -> None:
        amount = sum((line.unit * line.left for line in lines), D(0))
        remaining, expires_at = self.holds[hold_id]
        self.purchases[transaction_id] = lines
        parts = taken(amount, self.in_order(self.held_parts[hold_id]))
        for name, part in parts.items():
            self.held_parts[hold_id][name] -= part
        self.use(parts)
        self.paid_by[transaction_id] = parts
        self.change("hold-settled", -amount)
        self.holds[hold_id] = (remaining - amount, expires_at)
        if remaining == amount:
            self.end_hold(hold_id)

    def hold(self, hold_id: str, amount: Decimal, expires_at: datetime) -> None:
        self.held_parts[hold_id] = self.take(amount)
        self.holds[hold_id] = (amount, expires_at)

    def adjust(self, amount: Decimal) -> None:
        if amount < 0:
            self.use(self.take(-amount))
        self.change("balance-adjusted", amount)

    def end_hold(self, hold_id: str) -> None:
        del self.holds[hold_id], self.held_parts[hold_id]
        self.ended_holds.add(hold_id)

    def due(self, now: datetime) -> list[tuple[datetime, str, str]]:
        """Return what has fallen due: when, for which account, and the hold or number."""
        holds = [(expires_at, self.account_id, hold) for hold, (_, expires_at) in self.holds.items()]
        rents = [(due, self.account_id, number) for number, (_, _, due) in self.numbers.items()]
        return [item for item in holds + rents if item[0] <= now]

    def do(self, subject: str, now: datetime) -> None:
        """Let a hold expire, or charge each month of a number that is due and covered."""
        if subject in self.holds:
            self.end_hold(subject)
            return
        price, anchor_day, due = self.numbers[subject]
        while due <= now and self.standing == "open" and price <= self.available:
            self.use(self.take(price))
            self.change("number-rental-charged", -price)
            due = month_after(due, anchor_day)
            self.numbers[subject] = (price, anchor_day, due)
