"""Quoting a top-up: limits, taxes and gateway are settled here, and what comes out is what is charged."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, Card
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import InvalidAmount
from interact_ledger.gateways.protocol import CurrencyTerms
from interact_ledger.money import card_amount_in, minor_unit, plain
from interact_ledger.pricing.availability import PaymentMethod, choose_gateway, payment_methods
from interact_ledger.pricing.limits import check_recharge, limits_for
from interact_ledger.pricing.taxes import Breakdown, recharge_for_credit, tax_breakdown
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import History

__all__ = ["breakdown", "offered_methods", "quote", "quote_for_card", "recharge_for", "refuse_gateway"]

AMOUNTS_TRIED_MAX = 1000
"""A gateway's steps are of some ten minor units, and totals with taxes pass over some of their multiples."""


def quote(context: Context, account_id: str, quote_id: str, amount: object, method: str | None) -> None:
    """Record what a top-up would cost, and that it may be charged until it expires.

    Args:
        context: what to work with.
        account_id: the account to top up.
        quote_id: a fresh id.
        amount: the recharge amount that the customer entered, a Money in the currency's minor unit.
        method: the payment method that the customer named, if any.

    Raises:
        InvalidAmount, BelowMinimum, AboveMaximum, CurrencyMismatch, MethodNotOffered, AccountClosed
    """

    def decide(account: Account, _: History) -> Sequence[e.Event]:
        refuse_closed(account)
        currency = account.currency
        recharge = check_recharge(context.settings.top_up, card_amount_in(currency, amount, "amount"), currency)
        capabilities = context.capabilities()
        gateway = choose_gateway(context.settings.availability, capabilities, currency, account.country, method)
        quoted = _quoted(context, account, quote_id, recharge, method, gateway)
        _refuse_unchargeable(quoted.total, currency, capabilities[gateway].currencies[currency])
        return (quoted,)

    context.transact(account_id, decide)


def quote_for_card(
    context: Context, account: Account, quote_id: str, recharge: Decimal, card: Card, field: str = "amount"
) -> e.CheckoutQuoted:
    """Return what a top-up would cost with a saved card, if limits, gateway and method allow it as in a checkout.

    Raises:
        BelowMinimum, AboveMaximum, InvalidAmount, MethodNotOffered, ConfigurationError
    """
    check_recharge(context.settings.top_up, recharge, account.currency, field)
    quoted = _quoted(context, account, quote_id, recharge, None, card.gateway)
    refuse_gateway(context, account, quoted, card.gateway, card.brand)
    return quoted


def _quoted(
    context: Context, account: Account, quote_id: str, recharge: Decimal, method: str | None, gateway: str
) -> e.CheckoutQuoted:
    broken_down = breakdown(context, account, recharge)
    return e.CheckoutQuoted(
        quote_id=quote_id,
        recharge=broken_down.recharge,
        credit=broken_down.credit,
        taxes=broken_down.taxes,
        total=broken_down.total,
        currency=account.currency,
        method=method,
        gateway=gateway,
        expires_at=context.now() + context.settings.quote_lifetime,
    )


def recharge_for(context: Context, account: Account, credit: Decimal, card: Card) -> Decimal:
    """Return the recharge amount that brings an account at least this credit, and no less than the minimum.

    With taxes it comes to what the card's gateway charges, if that is in steps wider than the minor unit.
    """
    least = limits_for(context.settings.top_up, account.currency).minimum
    if credit > 0:
        least = max(least, _bringing(context, account, credit))
    terms = context.gateway(card.gateway).capabilities.currencies.get(account.currency)
    if terms is None:
        return least
    unit = minor_unit(account.currency)
    amounts = (least + number * unit for number in range(AMOUNTS_TRIED_MAX))
    return next((amount for amount in amounts if not breakdown(context, account, amount).total % terms.step), least)


def _bringing(context: Context, account: Account, credit: Decimal) -> Decimal:
    return recharge_for_credit(
        credit,
        account.currency,
        context.settings.taxes,
        country=account.country,
        region=account.region,
        tax_status=account.tax_status,
        tax_number_verified=account.tax_number is not None,
    )


def breakdown(context: Context, account: Account, recharge: Decimal) -> Breakdown:
    """Break a recharge amount down into credit, taxes and total, as they are for this account."""
    return tax_breakdown(
        recharge,
        account.currency,
        context.settings.taxes,
        country=account.country,
        region=account.region,
        tax_status=account.tax_status,
        tax_number_verified=account.tax_number is not None,
    )


def offered_methods(context: Context, account: Account) -> tuple[PaymentMethod, ...]:
    """Return the payment methods offered to an account (product rule 8)."""
    return payment_methods(context.settings.availability, context.capabilities(), account.currency, account.country)


def refuse_gateway(
    context: Context, account: Account, quote: e.CheckoutQuoted, gateway_id: str, method: str | None
) -> None:
    """A quote is paid at another gateway than it named only if that one takes method and amount from the account now.

    Raises:
        ConfigurationError, MethodNotOffered, InvalidAmount
    """
    capabilities = context.gateway(gateway_id).capabilities
    only = {gateway_id: capabilities}
    choose_gateway(context.settings.availability, only, quote.currency, account.country, method)
    _refuse_unchargeable(quote.total, quote.currency, capabilities.currencies[quote.currency])


def _refuse_unchargeable(total: Decimal, currency: str, terms: CurrencyTerms) -> None:
    if total % terms.step or not terms.minimum <= total <= terms.maximum:
        raise InvalidAmount(
            f"comes to {plain(total, currency)} {currency} with taxes; the gateway charges from"
            f" {plain(terms.minimum, currency)} to {plain(terms.maximum, currency)} in steps of {terms.step:f}",
            field="amount",
        )
