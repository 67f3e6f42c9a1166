"""Opening accounts, changing their details and standing, and adjusting their balance by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moneyed import Money

from interact_ledger.domain import adjustments, automatic, grants, lots, standing
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, CreditLot
from interact_ledger.errors import IdempotencyConflict, InvalidRequest
from interact_ledger.free_text import free_text
from interact_ledger.ids import derived_id
from interact_ledger.money import amount_in, card_amount_in, decimal_places, known_currency
from interact_ledger.pricing.countries import check_region, known_country
from interact_ledger.pricing.limits import limits_for
from interact_ledger.pricing.tax_numbers import check_tax_number_form
from interact_ledger.pricing.taxes import require_region
from interact_ledger.storage.accounts import History
from interact_ledger.verbs.base import KEY_LENGTH_MAX, Verbs, aware, aware_or_none, exact
from interact_ledger.views import AccountDetails, GrantedCredit, account_details, granted_credit

__all__ = ["AccountVerbs"]


class AccountVerbs(Verbs):
    """Verbs about accounts themselves."""

    def open_account(
        self,
        owner: str,
        currency: str,
        country: str,
        *,
        region: str | None = None,
        tax_status: str = "consumer",
        time_zone: str = "UTC",
        idempotency_key: str | None = None,
    ) -> AccountDetails:
        """Open an account with an empty balance.

        Args:
            owner: the service's opaque reference to the customer, 1 to 200 characters; no name, no address. One
                owner may have several accounts, one per currency or more.
            currency: ISO 4217; never changes. It must have top-up limits in the settings.
            country: the customer's, ISO 3166-1 alpha-2; taxes and payment methods depend on it.
            region: the second part of the customer's ISO 3166-2 code, where taxes depend on it.
            tax_status: "consumer" or "business".
            time_zone: IANA name; months and days of this account are reckoned in it.
            idempotency_key: if given, repeating it for this owner returns the account that is there.

        Raises:
            InvalidRequest: naming the field.
            IdempotencyConflict: if the key was used to open an account with other details.
        """
        free_text(owner, "owner")
        limits_for(self._context.settings.top_up, known_currency(currency, "currency"))
        details = self._details(country, region, tax_status, time_zone)
        if idempotency_key is None:
            account_id = self._ids.new("acct")
        else:
            key = free_text(idempotency_key, "idempotency_key", length_max=KEY_LENGTH_MAX)
            account_id = derived_id("acct", owner, key)
        opened = e.AccountOpened(
            owner=owner,
            currency=currency,
            country=details.country,
            region=details.region,
            tax_status=details.tax_status,
            time_zone=details.time_zone,
        )
        change = self._context.accounts.open(account_id, self._context.cause, opened)
        if not change.recorded and self._log.find(account_id, [1])[0].event != opened:
            raise IdempotencyConflict("was used before to open another account", field="idempotency_key")
        return account_details(change.account)

    def change_details(
        self, account_id: str, *, country: str, region: str | None, tax_status: str, time_zone: str
    ) -> AccountDetails:
        """Set an account's details, all of them, as in `open_account`. Moving abroad drops a verified tax number.

        Raises:
            InvalidRequest: naming the field.
            AccountNotFound, AccountClosed
        """
        details = self._details(country, region, tax_status, time_zone)
        return account_details(self._decide(account_id, lambda account, _: standing.change_details(account, details)))

    def record_tax_number(
        self, account_id: str, number: str, *, verified_by: str, verified_at: datetime, reference: str
    ) -> AccountDetails:
        """Record that the service had the customer's VAT number confirmed by the authority that issues it.

        The ledger checks the form only. From then on a reverse charge applies where the tax rules have one.

        Args:
            account_id: the account.
            number: the VAT number; its country is the account's.
            verified_by: who or what asked the authority.
            verified_at: when, with a time zone.
            reference: the authority's reference of the consultation.

        Raises:
            InvalidText: if the number does not have the form of one of that country.
            InvalidRequest: naming the field; also if we know no form of the country's numbers.
            AccountNotFound, AccountClosed
        """
        verified = aware(verified_at, "verified_at")
        free_text(verified_by, "verified_by")
        free_text(reference, "reference")
        return account_details(
            self._decide(
                account_id,
                lambda account, _: standing.record_tax_number(
                    account,
                    e.TaxNumberVerified(
                        number=check_tax_number_form(account.country, number, "number"),
                        country=account.country,
                        verified_by=verified_by,
                        verified_at=verified,
                        reference=reference,
                    ),
                ),
            )
        )

    def withdraw_tax_number(self, account_id: str, reason: str) -> AccountDetails:
        """Record that the tax number is no longer valid. Repeating it changes nothing.

        Raises:
            AccountNotFound, AccountClosed, InvalidText
        """
        free_text(reason, "reason")
        return account_details(
            self._decide(account_id, lambda account, _: standing.withdraw_tax_number(account, reason))
        )

    def suspend(self, account_id: str, reason: str) -> AccountDetails:
        """Stop an account from being spent from; it may still be topped up by hand.

        Raises:
            AccountNotFound, AccountClosed, InvalidText
        """
        free_text(reason, "reason")
        return account_details(self._decide(account_id, lambda account, _: standing.suspend(account, reason)))

    def reinstate(self, account_id: str, reason: str) -> AccountDetails:
        """Let a suspended account be spent from again.

        Raises:
            AccountNotFound, AccountClosed, InvalidText
        """
        free_text(reason, "reason")
        return account_details(self._decide(account_id, lambda account, _: standing.reinstate(account, reason)))

    def notify_below(self, account_id: str, amount: Money | None) -> AccountDetails:
        """Have a low balance told by `deliver_notifications` each time that what is available falls below an amount.

        Args:
            account_id: the account.
            amount: more than zero, at most six decimal places; None for never.

        Raises:
            InvalidAmount, CurrencyMismatch, AccountNotFound, AccountClosed
        """
        return account_details(
            self._decide(
                account_id,
                lambda account, _: standing.set_low_balance_threshold(
                    account, None if amount is None else amount_in(account.currency, amount, "amount")
                ),
            )
        )

    def close_account(
        self,
        account_id: str,
        reason: str,
        *,
        idempotency_key: str,
        paid_out: Money | None = None,
        payout_reference: str | None = None,
    ) -> AccountDetails:
        """Close an account. Less than a minor unit that is left is written off; more must be paid out first.

        What was agreed on automatic payments ends with it.

        Args:
            account_id: the account, with nothing held, under way, saved or rented on it.
            reason: why.
            idempotency_key: names this request; repeating it changes nothing.
            paid_out: what the service paid to the customer outside the ledger, in minor units.
            payout_reference: the service's reference of that payment; needed with `paid_out`.

        Raises:
            AccountNotEmpty: if something is left open, or a minor unit or more would be left.
        """
        free_text(reason, "reason")
        if (paid_out is None) != (payout_reference is None):
            raise InvalidRequest("pass paid_out and payout_reference together", field="payout_reference")
        if payout_reference is not None:
            free_text(payout_reference, "payout_reference")
        written = exact(paid_out, "paid_out") if paid_out is not None else None
        request = self._request(account_id, idempotency_key, "close_account", reason, written, payout_reference)
        return account_details(
            self._once(
                account_id,
                request,
                lambda account, _: [
                    *automatic.account_closed(account),
                    *standing.close(
                        account,
                        request,
                        reason,
                        paid_out=card_amount_in(account.currency, paid_out, "paid_out")
                        if paid_out is not None
                        else Decimal(0),
                        payout_reference=payout_reference,
                        minor_unit=Decimal(1).scaleb(-decimal_places(account.currency)),
                    ),
                ],
            ).account
        )

    def adjust(self, account_id: str, amount: Money, reason: str, *, idempotency_key: str) -> Money:
        """Change a balance by hand; who did is the actor that the ledger acts on behalf of.

        Args:
            account_id: the account.
            amount: what to add, negative to take away; at most six decimal places.
            reason: why.
            idempotency_key: names this request; repeating it changes nothing.

        Returns the available balance afterwards.

        Raises:
            InvalidAmount, CurrencyMismatch, InsufficientBalance, AccountClosed, IdempotencyConflict
        """
        free_text(reason, "reason")
        request = self._request(account_id, idempotency_key, "adjust", exact(amount, "amount"), reason)
        account = self._once(
            account_id,
            request,
            lambda account, _: adjustments.adjust(
                account, request, amount_in(account.currency, amount, "amount"), reason, self._context.now()
            ),
        ).account
        return self._available(account)

    def grant_credit(
        self,
        account_id: str,
        amount: Money,
        reason: str,
        *,
        idempotency_key: str,
        priority: int = lots.PURCHASED_PRIORITY,
        expires_at: datetime | None = None,
    ) -> GrantedCredit:
        """Give credit that nobody paid for: a promotion, or goodwill. It is spent like any other, and never refunded.

        Args:
            account_id: the account.
            amount: more than zero, at most six decimal places.
            reason: why.
            idempotency_key: names this request; repeating it returns the lot as it is now.
            priority: 0 to 100. A debit takes the lower first, of the same priority granted credit before purchased
                (which has 50), and of that what expires first.
            expires_at: when what is left of it is gone, with a time zone; None for never. What a hold reserves
                by then can still be used until the hold ends.

        Raises:
            InvalidAmount, InvalidRequest, CurrencyMismatch, AccountClosed, IdempotencyConflict
        """
        free_text(reason, "reason")
        over_at = aware_or_none(expires_at, "expires_at")
        if type(priority) is not int or not 0 <= priority <= grants.PRIORITY_MAX:
            raise InvalidRequest(f"must be a whole number from 0 to {grants.PRIORITY_MAX}", field="priority")
        written = exact(amount, "amount")
        request = self._request(account_id, idempotency_key, "grant_credit", written, reason, priority, over_at)

        def decide(account: Account, _: History) -> Sequence[e.Event]:
            granted = amount_in(account.currency, amount, "amount")
            return grants.grant(
                account, request, granted, reason, priority=priority, expires_at=over_at, now=self._context.now()
            )

        change = self._once(account_id, request, decide)
        event = self._answer(change, request)
        assert isinstance(event, e.CreditGranted), "the operation granted credit"
        used_up = CreditLot(
            lot_id=event.operation_id, remaining=Decimal(0), priority=event.priority, expires_at=event.expires_at
        )
        live = lots.live(change.account, self._context.now())
        lot = next((lot for lot in live if lot.lot_id == event.operation_id), used_up)
        return granted_credit(change.account, lot, self._available(change.account))

    def _details(self, country: str, region: str | None, tax_status: str, time_zone: str) -> e.AccountDetailsChanged:
        known_country(country, "country")
        if region is not None:
            check_region(region, "region")
        require_region(self._context.settings.taxes, country, region)
        if not isinstance(tax_status, str) or tax_status not in set(e.TaxStatus):
            raise InvalidRequest('must be "consumer" or "business"', field="tax_status")
        _check_time_zone(time_zone)
        return e.AccountDetailsChanged(
            country=country, region=region, tax_status=e.TaxStatus(tax_status), time_zone=time_zone
        )


def _check_time_zone(name: object) -> None:
    if not _is_time_zone(name):
        raise InvalidRequest("is no IANA time zone such as 'Europe/London'", field="time_zone")


def _is_time_zone(name: object) -> bool:
    try:
        ZoneInfo(name if isinstance(name, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
