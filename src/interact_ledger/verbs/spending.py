"""Spending the balance: estimates, purchases, holds, rented numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import localcontext

from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain import holds, lots, numbers, spending
from interact_ledger.domain.account import Account
from interact_ledger.domain.operations import Request
from interact_ledger.errors import InvalidRequest
from interact_ledger.free_text import free_text, free_texts
from interact_ledger.money import EXACT, amount_in
from interact_ledger.pricing import estimator
from interact_ledger.pricing.catalogue import Item, Message, Number
from interact_ledger.pricing.limits import limits_for
from interact_ledger.pricing.taxes import recharge_for_credit
from interact_ledger.processes import spending as process
from interact_ledger.storage.accounts import Change, History
from interact_ledger.verbs.base import Verbs, exact, listed, named
from interact_ledger.views import HoldResult, PurchaseResult, RentedNumberDetails, rented_number

__all__ = ["SpendingVerbs"]


class SpendingVerbs(Verbs):
    """Verbs about money going out."""

    def estimate(self, account_id: str, items: Sequence[Item]) -> estimator.Estimate:
        """Say what messages and numbers will cost, what the balance lacks, and what to top up. Stores nothing.

        Raises:
            PriceNotFound: if something has no price in the account's currency.
        """
        with localcontext(EXACT):
            return self._estimate(self._account(account_id), _checked(items))

    def _estimate(self, account: Account, items: Sequence[Item]) -> estimator.Estimate:
        lines = self._context.settings.price_list.price(items, account.currency)
        return estimator.estimate(
            lines,
            lots.available(account, self._context.now()),
            account.currency,
            limits_for(self._context.settings.top_up, account.currency).minimum,
            lambda credit: recharge_for_credit(
                credit,
                account.currency,
                self._context.settings.taxes,
                country=account.country,
                region=account.region,
                tax_status=account.tax_status,
                tax_number_verified=account.tax_number is not None,
            ),
        )

    def spend(self, account_id: str, item: Item, *, idempotency_key: str) -> PurchaseResult:
        """Buy one message (or the same one many times) or one number, priced from the price list.

        An error about the item names `items[0]`, as `spend_many` does.

        Raises:
            InsufficientBalance, AccountSuspended, AccountClosed, PriceNotFound, NumberAlreadyRented,
            IdempotencyConflict, InvalidRequest, Busy
        """
        if not isinstance(item, Message | Number):
            raise InvalidRequest(f"is a {type(item).__name__}; pass a Message or a Number", field="items[0]")
        return self.spend_many(account_id, [item], idempotency_key=idempotency_key)

    def spend_many(self, account_id: str, items: Sequence[Item], *, idempotency_key: str) -> PurchaseResult:
        """Buy a campaign, all or nothing, as one event; each line can be given back by its reference.

        Args:
            account_id: the account that pays.
            items: messages and numbers; their references are unique among them.
            idempotency_key: names this request; repeating it returns what was bought.

        Raises:
            LedgerError: as `spend`; InvalidRequest also for more than 100,000 items.
        """
        items = _checked(items)
        request = self._request(account_id, idempotency_key, "spend", *items)
        return self._purchase(process.spend(self._context, account_id, request, items), request)

    def reverse_spend(
        self,
        account_id: str,
        transaction_id: str,
        reason: str,
        *,
        idempotency_key: str,
        lines: Sequence[tuple[str, int | None]] | None = None,
    ) -> PurchaseResult:
        """Give back what was bought and not delivered.

        Args:
            account_id: the account that bought.
            transaction_id: the purchase: of `spend`, `spend_many`, `settle`, or a month's rent.
            reason: why.
            idempotency_key: names this request.
            lines: references, each with how many to give back (None: what is left of it); None gives back all.

        Raises:
            TransactionNotFound, NotReversible, AccountClosed, IdempotencyConflict
        """
        free_text(reason, "reason")
        named(transaction_id=transaction_id)
        wanted = None if lines is None else _wanted(lines)
        request = self._request(account_id, idempotency_key, "reverse_spend", transaction_id, reason, wanted)
        change = self._once(
            account_id,
            request,
            lambda account, history: spending.reverse_spend(account, request, transaction_id, history, wanted, reason),
        )
        return self._purchase(change, request)

    def hold(
        self,
        account_id: str,
        amount: Money,
        reference: str,
        *,
        idempotency_key: str,
        expires_in: timedelta | None = None,
    ) -> HoldResult:
        """Reserve part of the available balance.

        Args:
            account_id: the account.
            amount: at most six decimal places, more than zero.
            reference: the service's own name for it.
            idempotency_key: names this request.
            expires_in: after how long what is left is available again; the setting's `hold_lifetime` if None.

        Raises:
            InsufficientBalance, InvalidAmount, CurrencyMismatch, AccountSuspended, AccountClosed
        """
        free_text(reference, "reference")
        lifetime = self._lifetime(expires_in)
        request = self._request(account_id, idempotency_key, "hold", exact(amount, "amount"), reference, expires_in)
        expires_at = self._context.now() + lifetime

        def decide(account: Account, _: History) -> Sequence[e.Event]:
            reserved = amount_in(account.currency, amount, "amount")
            return holds.hold(account, request, reserved, reference, expires_at, self._context.now())

        self._once(account_id, request, decide)
        return self._hold(account_id, request.operation_id)

    def settle(self, account_id: str, hold_id: str, items: Sequence[Item], *, idempotency_key: str) -> PurchaseResult:
        """Buy messages out of a hold; what they do not take stays reserved. May be called in parts.

        Raises:
            HoldExceeded, HoldEnded, HoldNotFound, PriceNotFound, AccountSuspended, AccountClosed
        """
        named(hold_id=hold_id)
        items = _checked(items)
        request = self._request(account_id, idempotency_key, "settle", hold_id, *items)
        return self._purchase(process.settle_hold(self._context, account_id, request, hold_id, items), request)

    def release(self, account_id: str, hold_id: str, *, idempotency_key: str) -> HoldResult:
        """Make what is left of a hold available again.

        Raises:
            HoldNotFound, HoldEnded, AccountClosed
        """
        named(hold_id=hold_id)
        request = self._request(account_id, idempotency_key, "release", hold_id)
        self._once(
            account_id,
            request,
            lambda account, history: holds.release(
                account, request, hold_id, () if hold_id in account.holds else history(hold_id)
            ),
        )
        return self._hold(account_id, hold_id)

    def numbers(self, account_id: str) -> tuple[RentedNumberDetails, ...]:
        """Return the rented numbers, oldest first.

        Raises:
            AccountNotFound
        """
        account = self._account(account_id)
        return tuple(rented_number(account, rented) for rented in account.numbers.values())

    def release_number(self, account_id: str, number: str) -> tuple[RentedNumberDetails, ...]:
        """Give a number back; the running month stays paid. Returns the numbers that are left.

        Raises:
            NumberNotFound, AccountClosed
        """
        named(number=number)
        self._decide(account_id, lambda account, _: numbers.release_number(account, number))
        return self.numbers(account_id)

    def _lifetime(self, expires_in: timedelta | None) -> timedelta:
        longest = self._context.settings.hold_lifetime_max
        lifetime = self._context.settings.hold_lifetime if expires_in is None else expires_in
        if not isinstance(lifetime, timedelta) or not timedelta(0) < lifetime <= longest:
            raise InvalidRequest(f"must be a timedelta of more than zero and at most {longest}", field="expires_in")
        return lifetime

    def _purchase(self, change: Change, request: Request) -> PurchaseResult:
        account, event = change.account, self._answer(change, request)
        assert isinstance(event, e.Purchase | e.SpendReversed), "the operation bought or gave back"
        return PurchaseResult(
            transaction_id=request.operation_id,
            amount=Money(event.amount, event.currency),
            lines=event.lines if isinstance(event, e.Purchase) else (),
            balance=self._available(account),
        )

    def _hold(self, account_id: str, hold_id: str) -> HoldResult:
        account = self._account(account_id)
        held = self._context.accounts.start_of(account_id, hold_id).event
        assert isinstance(held, e.FundsHeld), "a hold starts with what it holds"
        live = account.holds.get(hold_id)
        return HoldResult(
            hold_id=hold_id,
            remaining=Money(live.remaining if live else 0, account.currency),
            expires_at=held.expires_at,
            balance=self._available(account),
        )


def _checked(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return items that hold no card number and no credential; what is no item at all is refused where it is priced."""
    if isinstance(items, Message | Number):
        raise InvalidRequest("is one item; pass a list, such as [item]", field="items")
    checked = listed(items, "items")
    free_texts([getattr(item, "reference", "-") for item in checked], "items[{}].reference".format)
    free_texts([getattr(item, "number", "-") for item in checked], "items[{}].number".format)
    return checked


def _wanted(lines: Sequence[tuple[str, int | None]]) -> tuple[tuple[str, int | None], ...]:
    """Return what of a purchase is to be given back, in its proper form."""
    pairs = listed(lines, "lines")
    for position, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise InvalidRequest("is no pair of a reference and a quantity", field=f"lines[{position}]")
        if pair[1] is not None and type(pair[1]) is not int:
            raise InvalidRequest("has a quantity that is neither a whole number nor None", field=f"lines[{position}]")
    free_texts([line for line, _ in pairs], "lines[{}]".format)
    return tuple((line, quantity) for line, quantity in pairs)
