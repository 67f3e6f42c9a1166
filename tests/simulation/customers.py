"""What customers and operators ask for, and what they remember of it: keys, quotes, cards, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

from moneyed import Money

from interact_ledger import Ledger, Message
from interact_ledger.ids import derived_id, operation_id
from simulation.plan import Plan

__all__ = ["Customers", "Request"]

FIRST_QUOTES = 8
FITTING = 0.4
"""How often a card is one that goes wrong in what customers mostly do."""
CONSENT: dict[str, Any] = {
    "ceiling": Money("20", "GBP"),
    "consent_text": "yes",
    "given_by": "customer",
    "given_at": datetime(2027, 1, 1, tzinfo=UTC),
}
GOOD_CARDS = ("tok_visa", "tok_mastercard", "tok_duplicate_notices")
TROUBLED_CARDS = (
    *("tok_refund_pending", "tok_refund_declined"),
    *("tok_authentication_required", "tok_authentication_required", "tok_pending", "tok_pending"),
    *("tok_declined_insufficient_funds", "tok_declined_fraud", "tok_captures_less"),
    *("tok_later_insufficient_funds", "tok_later_authentication_required"),
)

FITTING_CARDS = {
    "automatic": ("tok_later_insufficient_funds", "tok_later_declined_off_session"),
    "refunds": ("tok_refund_pending",),
}
"""By theme."""


@dataclass(eq=False)
class Request:
    """Something that was asked for, once or again and again."""

    number: int
    what: str
    call: Callable[[Ledger], Any] = field(repr=False)
    operation_id: str | None = None
    """What it becomes in the log, if it has a key."""
    keep: Callable[[Any], None] = field(default=lambda _: None, repr=False)
    """Remembers what an answer says."""
    settled: bool = False
    """Whether an answer said how it ended."""
    succeeded: bool = False
    """Whether somebody was told that its money is there."""

    def __str__(self) -> str:
        return f"#{self.number} {self.what}"


class Customers:
    """Those outside, who survive every process."""

    def __init__(self, chance: Random, plan: Plan) -> None:
        self._chance = chance
        self._plan = plan
        self._left = plan.requests
        self.requests: list[Request] = []
        self.accounts = [derived_id("acct", f"customer-{number}", "open") for number in range(plan.accounts)]
        self._quotes: list[tuple[str, str]] = []
        self._top_ups: list[tuple[str, str]] = []
        self._paid: list[tuple[str, str]] = []
        self._savings: list[tuple[str, str]] = []
        self._cards: list[tuple[str, str]] = []
        self._going: list[tuple[str, str]] = []
        """The cards whose removal was asked for."""
        self._purchases: list[tuple[str, str]] = []
        self._holds: list[tuple[str, str]] = []

    def beginning(self) -> Iterator[Request]:
        """Yield what is asked for first of all."""
        for number in range(len(self.accounts)):
            yield self._open(number)
        for _ in range(FIRST_QUOTES):
            yield self._check_out()
        for account_id in self.accounts:
            yield self._under_key(account_id, "adjust", Money("20", "GBP"), "carried over")
        if self._plan.theme == "automatic":
            for _ in range(2):
                yield self._save_card()
            for _ in range(4):
                yield self._agree()

    def next(self) -> Request | None:
        """Return what somebody asks for now, None once nobody asks for anything any more."""
        if not self._left:
            return None
        self._left -= 1
        repeatable = [request for request in self.requests if request.operation_id]
        unsettled = [request for request in repeatable if not request.settled]
        if repeatable and self._chance.random() < self._plan.repeats + (0.2 if unsettled else 0):
            return self._chance.choice((unsettled or repeatable)[-2:])
        weights = [weight * (THEME if theme == self._plan.theme else 1) for _, theme, weight in VERBS]
        ask = self._chance.choices(VERBS, weights)[0][0]
        return ask(self) or self._check_out()

    def _ask(self, what: str, call: Callable[[Ledger], Any], **more: Any) -> Request:
        request = Request(len(self.requests) + 1, what, call, **more)
        self.requests.append(request)
        return request

    def _under_key(self, account_id: str, verb: str, *arguments: Any, keep: Any = None, **options: Any) -> Request:
        key = f"key-{len(self.requests) + 1}"

        def call(ledger: Ledger) -> Any:
            return getattr(ledger, verb)(account_id, *arguments, idempotency_key=key, **options)

        shown = " ".join(str(argument) for argument in (*arguments, *options.values()))
        return self._ask(
            f"{verb} {shown}", call, operation_id=operation_id(account_id, key), keep=keep or (lambda _: None)
        )

    # What they ask for ------------------------------------------------------------------------------------------

    def _open(self, number: int) -> Request:
        def call(ledger: Ledger) -> Any:
            account = ledger.open_account(f"customer-{number}", "GBP", "GB", idempotency_key="open")
            assert account.account_id == self.accounts[number]
            return account

        return self._ask(f"open_account {number}", call)

    def _check_out(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        amount = Money(self._chance.choice(["10.00", "25.00", "99.99"]), "GBP")
        return self._ask(
            f"checkout {amount.amount}",
            lambda ledger: ledger.checkout(account_id, amount),
            keep=lambda summary: self._quotes.append((account_id, summary.quote_id)),
        )

    def _top_up(self) -> Request | None:
        if not self._quotes:
            return None
        account_id, quote_id = self._chance.choice(self._quotes)
        if self._chance.random() < 0.9:  # else somebody may yet try to use it twice
            self._quotes.remove((account_id, quote_id))
        saved = [card for owner, card in self._cards if owner == account_id]
        if saved and self._chance.random() < 0.6:
            going = [card for owner, card in self._going if owner == account_id]
            how = {"card_id": self._chance.choice(going[-1:] if going and self._chance.random() < 0.9 else saved)}
        else:
            how = {"card_token": self._token(), "save_card": self._chance.random() < 0.4}
        request = self._under_key(account_id, "top_up", quote_id, keep=partial(self._keep_top_up, account_id), **how)
        assert request.operation_id is not None
        self._top_ups.append((account_id, request.operation_id))
        return request

    def _keep_top_up(self, account_id: str, answer: Any) -> None:
        if answer.status == "succeeded":
            self._paid.append((account_id, answer.transaction_id))
        if answer.saved_card is not None:
            self._keep_card(account_id, answer.saved_card.card_id)

    def _keep_card(self, account_id: str, card_id: str) -> None:
        if (account_id, card_id) not in self._cards:
            self._cards.append((account_id, card_id))

    def _token(self) -> str:
        fitting = FITTING_CARDS.get(self._plan.theme)
        if fitting and self._chance.random() < FITTING:
            return self._chance.choice(fitting)
        cards = TROUBLED_CARDS if self._chance.random() < self._plan.card_troubles else GOOD_CARDS
        return self._chance.choice(cards)

    def _about_top_up(self, verb: str) -> Request | None:
        if not self._top_ups:
            return None
        account_id, transaction_id = self._chance.choice(self._top_ups)
        return self._ask(
            f"{verb} {transaction_id[-6:]}",
            lambda ledger: getattr(ledger, verb)(account_id, transaction_id),
            keep=partial(self._keep_top_up, account_id),
        )

    def _refund(self) -> Request | None:
        if not self._top_ups:
            return None
        account_id, transaction_id = self._chance.choice(self._paid or self._top_ups)
        amount = self._chance.choice([None, Money("5.00", "GBP"), Money("9.00", "GBP")])
        return self._under_key(account_id, "refund", transaction_id, amount, "simulated")

    def _save_card(self) -> Request:
        account_id = self._chance.choice(self.accounts)

        def keep(answer: Any) -> None:
            if answer.card is not None:
                self._keep_card(account_id, answer.card.card_id)

        request = self._under_key(account_id, "save_card", self._token(), keep=keep)
        assert request.operation_id is not None
        self._savings.append((account_id, request.operation_id))
        return request

    def _about_saving(self, verb: str) -> Request | None:
        if not self._savings:
            return None
        account_id, saving_id = self._chance.choice(self._savings)
        return self._ask(f"{verb} {saving_id[-6:]}", lambda ledger: getattr(ledger, verb)(account_id, saving_id))

    def _remove_card(self) -> Request | None:
        if not self._cards:
            return None
        account_id, card_id = self._chance.choice(self._cards)
        self._going.append((account_id, card_id))
        return self._under_key(account_id, "remove_card", card_id)

    def _choose_default(self) -> Request | None:
        if not self._cards:
            return None
        account_id, card_id = self._chance.choice(self._cards)
        return self._ask("choose_default_card", lambda ledger: ledger.choose_default_card(account_id, card_id))

    def _agree(self) -> Request:
        """Let a card be charged automatically: when the balance is low, or each month, soon for the first time."""
        if not self._cards:
            return self._save_card()
        account_id, card_id = self._chance.choice(self._cards)
        agreed = {**CONSENT, "card_id": card_id}
        if self._chance.random() < 0.3:
            terms = {"day": self._chance.choice([1, 31, 31]), "amount": Money("10", "GBP"), **agreed}
            return self._ask(
                "enable_monthly_recharge", lambda ledger: ledger.enable_monthly_recharge(account_id, **terms)
            )
        threshold = Money(self._chance.choice(["15", "60", "400"]), "GBP")
        caps = {"threshold": threshold, "amount": Money("10", "GBP"), "max_per_month": self._chance.choice([1, 3])}
        return self._ask(
            f"enable_auto_top_up {threshold.amount} {caps['max_per_month']}",
            lambda ledger: ledger.enable_auto_top_up(account_id, **caps, **agreed),
        )

    def _about_agreements(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        verb = self._chance.choice(["resume_auto_top_up", "disable_auto_top_up", "disable_monthly_recharge"])
        return self._ask(verb, lambda ledger: getattr(ledger, verb)(account_id))

    def _adjust(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        amount = Money(self._chance.choice(["5", "3.000001", "-2"]), "GBP")
        return self._under_key(account_id, "adjust", amount, "simulated")

    def _spend(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        message = Message("m-1", "GB", segments=1, quantity=self._chance.choice([1, 40, 90, 400]))

        def keep(answer: Any) -> None:
            self._purchases.append((account_id, answer.transaction_id))

        at_once = {"top_up_at_once": True} if self._plan.theme == "automatic" and self._chance.random() < 0.5 else {}
        return self._under_key(account_id, "spend", message, keep=keep, **at_once)

    def _reverse(self) -> Request | None:
        if not self._purchases:
            return None
        account_id, purchase = self._chance.choice(self._purchases[-2:])
        lines = self._chance.choice([None, [("m-1", 1)]])
        return self._under_key(account_id, "reverse_spend", purchase, "not delivered", lines=lines)

    def _hold(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        amount = Money(self._chance.choice(["1", "4", "20"]), "GBP")
        request = self._under_key(account_id, "hold", amount, "campaign")
        assert request.operation_id is not None
        self._holds.append((account_id, request.operation_id))
        return request

    def _about_hold(self) -> Request | None:
        if not self._holds:
            return None
        account_id, hold_id = self._chance.choice(self._holds)
        if self._chance.random() < 0.4:
            return self._under_key(account_id, "release", hold_id)
        message = Message("m-1", "GB", segments=1, quantity=self._chance.choice([1, 30]))
        return self._under_key(account_id, "settle", hold_id, [message])

    def _stand(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        verb = self._chance.choice(["suspend", "reinstate", "reinstate"])
        return self._ask(verb, lambda ledger: getattr(ledger, verb)(account_id, "simulated"))

    def _read(self) -> Request:
        account_id = self._chance.choice(self.accounts)
        verb = self._chance.choice(["balance", "statement", "cards", "receipts"])
        return self._ask(verb, lambda ledger: getattr(ledger, verb)(account_id))


THEME = 5
VERBS: tuple[tuple[Callable[[Customers], Request | None], str, int], ...] = (
    (Customers._check_out, "", 4),
    (Customers._top_up, "payments", 16),
    (lambda customers: customers._about_top_up("complete"), "payments", 2),
    (lambda customers: customers._about_top_up("cancel"), "payments", 2),
    (Customers._refund, "refunds", 9),
    (Customers._top_up, "refunds", 4),
    (Customers._save_card, "cards", 8),
    (lambda customers: customers._about_saving("complete_saving"), "cards", 2),
    (lambda customers: customers._about_saving("cancel_saving"), "cards", 3),
    (Customers._remove_card, "cards", 8),
    (Customers._choose_default, "cards", 1),
    (Customers._top_up, "cards", 12),
    (Customers._agree, "automatic", 6),
    (Customers._about_agreements, "automatic", 1),
    (Customers._spend, "automatic", 6),
    (Customers._save_card, "automatic", 4),
    (Customers._adjust, "spending", 2),
    (Customers._spend, "spending", 8),
    (Customers._reverse, "spending", 5),
    (Customers._hold, "spending", 5),
    (Customers._about_hold, "spending", 4),
    (Customers._stand, "", 1),
    (Customers._read, "", 2),
)
