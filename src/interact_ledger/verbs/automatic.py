"""Automatic payments as customers agree to them, see them and stop them (product rules 9 and 10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from moneyed import Money

from interact_ledger.domain import auto_top_up, monthly_recharge
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.cards import usable_card
from interact_ledger.errors import InvalidRequest
from interact_ledger.free_text import free_text
from interact_ledger.money import card_amount_in
from interact_ledger.processes import automatic
from interact_ledger.storage.accounts import History
from interact_ledger.verbs.base import Verbs, aware, named
from interact_ledger.views import AutomaticPayments, automatic_payments

__all__ = ["AutomaticVerbs"]

CHARGES_PER_MONTH_MAX = 1000
CONSENT_LENGTH_MAX = 2000
DAYS_MAX = 31


class AutomaticVerbs(Verbs):
    """Verbs about charging a saved card without being asked each time. `run_due` does the charging."""

    def automatic_payments(self, account_id: str) -> AutomaticPayments:
        """Return what was agreed on automatic payments, and how each stands.

        Raises:
            AccountNotFound
        """
        return automatic_payments(self._account(account_id))

    def enable_auto_top_up(
        self,
        account_id: str,
        *,
        threshold: Money,
        amount: Money | None = None,
        target: Money | None = None,
        card_id: str,
        max_per_month: int,
        max_value_per_day: Money | None = None,
        max_value_per_month: Money | None = None,
        ceiling: Money,
        consent_text: str,
        given_by: str,
        given_at: datetime,
    ) -> AutomaticPayments:
        """Have a saved card charged whenever the balance runs low.

        It replaces what was agreed before, and ends a pause; the very same agreement again changes nothing. What was
        charged this month counts towards the new caps.

        Args:
            account_id: the account.
            threshold: a charge is due when what is available and under way is less than this.
            amount: the recharge amount of each charge, as at `checkout`; or
            target: what the balance is brought up to, above the threshold; a little more where the gateway charges in
                wide steps.
            card_id: the saved card; no other one is ever charged instead.
            max_per_month: how many charges there may be in a calendar month where the account is, 1 to 1000.
            max_value_per_day: what the charges of one day may come to, taxes included, if that is bounded.
            max_value_per_month: what those of one month may come to.
            ceiling: the most that one charge may come to, taxes included.
            consent_text: what the customer agreed to, as it was shown.
            given_by: who agreed, as the service names them.
            given_at: when, with a time zone.

        Raises:
            BelowMinimum, AboveMaximum, InvalidAmount, CurrencyMismatch, CardNotFound, CardRemoved, MethodNotOffered,
            InvalidRequest, AccountClosed: nothing was stored.
        """
        consent = self._consent(consent_text, given_by, given_at)
        named(account_id=account_id, card_id=card_id)
        if (amount is None) == (target is None):
            raise InvalidRequest("pass either amount or target", field="amount")
        _whole(max_per_month, "max_per_month", CHARGES_PER_MONTH_MAX)

        def decide(account: Account, history: History) -> Sequence[e.Event]:
            terms = e.AutoTopUpEnabled(
                threshold=card_amount_in(account.currency, threshold, "threshold"),
                amount=_amount_or_none(account, amount, "amount"),
                target=_amount_or_none(account, target, "target"),
                card_id=card_id,
                max_per_month=max_per_month,
                max_value_per_day=_amount_or_none(account, max_value_per_day, "max_value_per_day"),
                max_value_per_month=_amount_or_none(account, max_value_per_month, "max_value_per_month"),
                ceiling=card_amount_in(account.currency, ceiling, "ceiling"),
                currency=account.currency,
                **consent,
            )
            enabled = auto_top_up.enable(account, terms)
            if enabled:
                automatic.refuse_auto_top_up(self._context, account, history, terms)
            return enabled

        return automatic_payments(self._decide(account_id, decide))

    def resume_auto_top_up(self, account_id: str) -> AutomaticPayments:
        """Go on with an auto top-up that is paused, with the card it has. To use another card, enable it anew.

        Raises:
            AutomaticPaymentNotFound: if there is none, or it is disabled.
            CardRemoved: if its card was removed.
            AccountClosed
        """

        def decide(account: Account, history: History) -> Sequence[e.Event]:
            resumed = auto_top_up.resume(account)
            policy = account.auto_top_up
            if resumed and policy is not None:
                usable_card(account, policy.terms.card_id, history(policy.terms.card_id))
            return resumed

        return automatic_payments(self._decide(account_id, decide))

    def disable_auto_top_up(self, account_id: str) -> AutomaticPayments:
        """Charge no more when the balance runs low. A payment that is under way goes on. Repeating changes nothing.

        Raises:
            AutomaticPaymentNotFound: if there never was one.
            AccountClosed
        """
        return automatic_payments(self._decide(account_id, lambda account, _: auto_top_up.stop(account)))

    def enable_monthly_recharge(
        self,
        account_id: str,
        *,
        day: int,
        amount: Money,
        card_id: str,
        ceiling: Money,
        consent_text: str,
        given_by: str,
        given_at: datetime,
    ) -> AutomaticPayments:
        """Have a saved card charged on a day of each month, from the next such day on.

        It replaces what was agreed before; the very same agreement again changes nothing. A month that was charged
        is not charged again, whatever the new day.

        Args:
            account_id: the account; its time zone says when a day begins.
            day: 1 to 31; in a shorter month its last day.
            amount: the recharge amount, as at `checkout`.
            card_id: the saved card; no other one is ever charged instead.
            ceiling: the most that one charge may come to, taxes included.
            consent_text: what the customer agreed to, as it was shown.
            given_by: who agreed, as the service names them.
            given_at: when, with a time zone.

        Raises: as `enable_auto_top_up`.
        """
        consent = self._consent(consent_text, given_by, given_at)
        named(account_id=account_id, card_id=card_id)
        _whole(day, "day", DAYS_MAX)

        def decide(account: Account, history: History) -> Sequence[e.Event]:
            first = monthly_recharge.first_due(account, day, self._context.now())
            terms = e.MonthlyRechargeEnabled(
                day=day,
                amount=card_amount_in(account.currency, amount, "amount"),
                card_id=card_id,
                ceiling=card_amount_in(account.currency, ceiling, "ceiling"),
                currency=account.currency,
                next_month=first.month,
                next_due_at=first.due_at,
                card_checked_at=first.due_at - self._context.settings.card_expiry_notice,
                **consent,
            )
            enabled = monthly_recharge.enable(account, terms)
            if enabled:
                automatic.refuse_monthly_recharge(self._context, account, history, terms)
            return enabled

        return automatic_payments(self._decide(account_id, decide))

    def disable_monthly_recharge(self, account_id: str) -> AutomaticPayments:
        """Charge no more each month. A payment that is under way goes on. Repeating changes nothing.

        Raises:
            AutomaticPaymentNotFound: if there never was one.
            AccountClosed
        """
        return automatic_payments(self._decide(account_id, lambda account, _: monthly_recharge.stop(account)))

    def _consent(self, text: str, given_by: str, given_at: datetime) -> _Consent:
        free_text(text, "consent_text", length_max=CONSENT_LENGTH_MAX)
        free_text(given_by, "given_by")
        moment = aware(given_at, "given_at")
        if moment > self._context.now() + self._context.settings.clock_difference_max:
            raise InvalidRequest("is in the future", field="given_at")
        return {"consent_text": text, "given_by": given_by, "given_at": moment}


class _Consent(TypedDict):
    consent_text: str
    given_by: str
    given_at: datetime


def _amount_or_none(account: Account, money: Money | None, field: str) -> Decimal | None:
    return None if money is None else card_amount_in(account.currency, money, field)


def _whole(number: object, field: str, most: int) -> None:
    if type(number) is not int or not 1 <= number <= most:
        raise InvalidRequest(f"must be a whole number from 1 to {most}", field=field)
