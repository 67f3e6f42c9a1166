"""Taxes, and amounts that need not be there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from moneyed import Money

from interact_ledger.domain import events as e

__all__ = ["Tax", "money_or_none", "tax_of", "taxes_from_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One tax on a payment."""

    name: str
    rate: Decimal
    """In per cent."""
    amount: Money
    reverse_charge: bool


def taxes_from_json(text: str, currency: str) -> tuple[Tax, ...]:
    """Read taxes as projections keep them."""
    return tuple(tax_of(e.TaxLine.model_validate(tax), currency) for tax in json.loads(text))


def tax_of(tax: e.TaxLine, currency: str) -> Tax:
    return Tax(name=tax.name, rate=tax.rate, amount=Money(tax.amount, currency), reverse_charge=tax.reverse_charge)


def money_or_none(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)
