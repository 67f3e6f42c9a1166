"""Money going out, holds, rented numbers, and what an operator does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule
from machine import LedgerMachine
from simple_model import MESSAGE_PRICES, NUMBER_PRICES, Line, ModelAccount

from interact_ledger import Message, Number

D = Decimal
PICKS = st.integers(0, 30)
DESTINATIONS = st.sampled_from(["GB", "FR", "KW"])
MESSAGES = st.lists(st.tuples(DESTINATIONS, st.integers(1, 3), st.integers(1, 60)), min_size=1, max_size=4)
PHONE_NUMBERS = st.sampled_from(["+442071234567", "+442071234568", "+442071234569"])


class SpendingRules(LedgerMachine):
    """Rules about money going out."""

    @rule(pick=PICKS, messages=MESSAGES, one=st.booleans())
    def spend(self, pick: int, messages: list[tuple[str, int, int]], *, one: bool) -> None:
        account, key = self.account(pick), self.key()
        items, lines = self._bought(account, messages[:1] if one else messages)
        amount = sum((line.unit * line.left for line in lines), D(0))
        bought = self.do(
            account,
            lambda: (
                self.ledger.spend(account.account_id, items[0], idempotency_key=key)
                if one
                else self.ledger.spend_many(account.account_id, items, idempotency_key=key)
            ),
            account.refusal_of_spend(amount, []),
        )
        if bought is not None:
            account.spend(bought.transaction_id, lines)
            assert bought.amount.amount == amount
            assert bought.balance.amount == account.available

    def _bought(self, account: ModelAccount, messages: list[tuple[str, int, int]]) -> tuple[list[Message], list[Line]]:
        items, lines = [], []
        for position, (destination, segments, quantity) in enumerate(messages):
            reference = f"line-{position}"
            items.append(Message(reference, destination, segments=segments, quantity=quantity))
            lines.append(Line(reference, MESSAGE_PRICES[destination, account.currency] * segments, quantity))
        return items, lines

    @rule(pick=PICKS, numbers=st.lists(PHONE_NUMBERS, min_size=1, max_size=2, unique=True), text=st.booleans())
    def rent_numbers(self, pick: int, numbers: list[str], *, text: bool) -> None:
        account, key = self.account(pick), self.key()
        set_up, monthly = NUMBER_PRICES[account.currency]
        items, lines = self._bought(account, [("GB", 1, 1)] if text else [])
        for position, number in enumerate(numbers):
            items.append(Number(f"number-{position}", number, "GB"))
            lines += [Line(f"number-{position}", set_up, 1), Line(f"number-{position}/month", monthly, 1)]
        amount = sum((line.unit * line.left for line in lines), D(0))
        bought = self.do(
            account,
            lambda: self.ledger.spend_many(account.account_id, items, idempotency_key=key),
            account.refusal_of_spend(amount, numbers),
        )
        if bought is not None:
            account.spend(bought.transaction_id, lines)
            for number in numbers:
                account.rent(number, self.now)

    def release_number(self, pick: int) -> None:
        choices = [(account, n) for account in self.accounts for n in account.numbers]
        if not choices:
            return
        account, number = choices[pick % len(choices)]
        left = self.ledger.release_number(account.account_id, number)
        del account.numbers[number]
        assert {rented.number: rented.next_due_at for rented in left} == {
            other: due for other, (_, _, due) in account.numbers.items()
        }

    @rule(pick=PICKS, everything=st.booleans(), line=PICKS, quantity=st.integers(1, 70))
    def reverse_spend(self, pick: int, line: int, quantity: int, *, everything: bool) -> None:
        choices = [(account, p) for account in self.accounts for p in account.purchases]
        if not choices:
            return
        account, transaction_id = choices[-1 - pick % len(choices)]
        lines, key = account.purchases[transaction_id], self.key()
        position = line % len(lines)
        wanted = None if everything else (position, quantity)
        named = None if everything else [(lines[position].reference, quantity)]
        possible = account.give_back(transaction_id, wanted)
        self.do(
            account,
            lambda: self.ledger.reverse_spend(
                account.account_id, transaction_id, "not delivered", idempotency_key=key, lines=named
            ),
            None if possible else "not_reversible",
        )

    # Holds --------------------------------------------------------------------------------------------------------

    @rule(pick=PICKS, pence=st.integers(1, 9000), hours=st.none() | st.integers(1, 48))
    def hold(self, pick: int, pence: int, hours: int | None) -> None:
        account, key = self.account(pick), self.key()
        amount, lifetime = D(pence) / 100, None if hours is None else timedelta(hours=hours)
        held = self.do(
            account,
            lambda: self.ledger.hold(
                account.account_id,
                self.money(amount, account),
                "a call",
                idempotency_key=key,
                expires_in=lifetime,
            ),
            account.refusal_of_spend(amount, []),
        )
        if held is not None:
            account.hold(held.hold_id, amount, self.now + (lifetime or timedelta(days=7)))
            assert held.expires_at == account.holds[held.hold_id][1]

    @rule(pick=PICKS, messages=MESSAGES)
    def settle_hold(self, pick: int, messages: list[tuple[str, int, int]]) -> None:
        account, hold_id = self._some_hold(pick)
        key = self.key()
        items, lines = self._bought(account, messages)
        amount = sum((line.unit * line.left for line in lines), D(0))
        settled = self.do(
            account,
            lambda: self.ledger.settle(account.account_id, hold_id, items, idempotency_key=key),
            account.refusal_of_settling(hold_id, amount, self.now),
        )
        if settled is not None:
            account.settle(settled.transaction_id, hold_id, lines)

    @rule(pick=PICKS)
    def release_hold(self, pick: int) -> None:
        account, hold_id = self._some_hold(pick)
        key = self.key()
        released = self.do(
            account,
            lambda: self.ledger.release(account.account_id, hold_id, idempotency_key=key),
            "hold_ended" if hold_id in account.ended_holds else None,
        )
        if released is not None:
            account.end_hold(hold_id)
            assert released.remaining.amount == 0

    def _some_hold(self, pick: int) -> tuple[ModelAccount, str]:
        choices = [(a, hold) for a in self.accounts for hold in (*a.ended_holds, *a.holds)]
        if not choices:
            self.suspend_or_reinstate(pick, "reinstate")
            self.adjust(pick, str(max(D(25), 25 - self.account(pick).available)))
            self.hold(pick, 700, 1)
            return self._some_hold(pick)
        return sorted(choices, key=lambda choice: choice[1])[pick % len(choices)]

    # What operators do --------------------------------------------------------------------------------------------

    @rule(pick=PICKS, amount=st.sampled_from(["400", "25", "0.000001", "-0.0325", "-3", "-40"]))
    def adjust(self, pick: int, amount: str) -> None:
        account, key = self.account(pick), self.key()
        refusal = "insufficient_balance" if -D(amount) > account.available else None
        available = self.do(
            account,
            lambda: self.ledger.adjust(
                account.account_id, self.money(D(amount), account), "goodwill", idempotency_key=key
            ),
            refusal,
        )
        if available is not None:
            account.adjust(D(amount))
            assert available.amount == account.available

    @rule(pick=PICKS, amount=st.sampled_from(["0.5", "7", "30"]), priority=st.sampled_from([10, 50, 50, 60]))
    def grant_credit(self, pick: int, amount: str, priority: int) -> None:
        account, key = self.account(pick), self.key()
        granted = self.do(
            account,
            lambda: self.ledger.grant_credit(
                account.account_id, self.money(D(amount), account), "welcome", idempotency_key=key, priority=priority
            ),
            None,
        )
        if granted is not None:
            account.grant(granted.lot_id, D(amount), priority)
            assert granted.balance.amount == account.available

    def suspend_or_reinstate(self, pick: int, act: str) -> None:
        account = self.account(pick)
        account.suspended = act == "suspend"
        assert getattr(self.ledger, act)(account.account_id, "fraud check").standing == account.standing

    def change_details(self, pick: int, country: str) -> None:
        account = self.account(pick)
        account.country = country
        changed = self.ledger.change_details(
            account.account_id, country=country, region=None, tax_status="consumer", time_zone="UTC"
        )
        assert changed.country == country

    @precondition(lambda self: self.requests)
    @rule(pick=PICKS)
    def repeat_an_earlier_request(self, pick: int) -> None:
        account, command, first = self.requests[pick % len(self.requests)]
        version = self.ledger.account(account.account_id).version
        again = self.call(command)
        assert not isinstance(again, str), again
        for field in ("transaction_id", "hold_id", "amount", "lines"):
            if hasattr(first, field) and field in getattr(first, "__slots__", ()):
                assert getattr(again, field) == getattr(first, field)
        assert self.ledger.account(account.account_id).version == version
