"""Which taxes a top-up bears, and what of it becomes credit (product rule 11).

Tax falls due on the top-up; credit is net of tax, and spends bear none. Each tax is computed on the net amount and
rounds alone, half up in the currency's minor unit; none is computed on another tax (in Quebec, QST has been
computed on the price without GST since 2013: Revenu Québec, "Basic rules for applying the GST/HST and QST").

The rules are those of one seller, who lists the taxes to be charged, and nothing else. So a reverse charge is said
outright by a rule, rather than worked out from where the seller is: it applies to services from abroad (Directive
2006/112/EC, Articles 44 and 196; VAT Act 1994, section 8), and also at home to some (wholesale telecommunications:
VAT Act 1994, section 55A).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import AfterValidator, Field

from interact_ledger.domain.events import TaxLine, TaxStatus
from interact_ledger.errors import InvalidRequest
from interact_ledger.money import decimal_places, round_card, round_tax, round_up_to_minor_unit
from interact_ledger.pricing.configuration import Configuration, Country, Label, Region, bounded_decimal

__all__ = ["Breakdown", "TaxPayer", "TaxRule", "TaxRules", "recharge_for_credit", "require_region", "tax_breakdown"]

Rate = Annotated[Decimal, bounded_decimal(maximum="100", places=4)]


class TaxPayer(StrEnum):
    """Whom a tax rule is for."""

    CONSUMER = "consumer"
    BUSINESS = "business"
    BOTH = "both"

    def includes(self, status: TaxStatus) -> bool:
        """Say whether a customer of this status is one of them."""
        return self is TaxPayer.BOTH or self.value == status.value


class TaxRule(Configuration):
    """One tax that the seller charges to customers in one country, or in some of its regions."""

    name: Label
    country: Country
    regions: Annotated[tuple[Region, ...], Field(max_length=100)] = ()
    """Where in the country; everywhere if none is named. Rules for a region add to those for everywhere."""
    rate: Rate
    """Per cent of the amount without taxes, at most four decimal places."""
    inclusive: bool = False
    """Whether the amount that the customer enters includes this tax already."""
    applies_to: TaxPayer = TaxPayer.BOTH
    reverse_charge: bool = False
    """Whether a business with a verified tax number in this country accounts for this tax itself."""


def _none_twice(rules: tuple[TaxRule, ...]) -> tuple[TaxRule, ...]:
    for (first, one), (second, other) in combinations(enumerate(rules), 2):
        if one.country == other.country and one.name == other.name and _can_meet(one, other):
            raise ValueError(f"[{second}] charges {other.name} in {other.country} once more; [{first}] does already")
    return rules


def _can_meet(one: TaxRule, other: TaxRule) -> bool:
    same_payer = TaxPayer.BOTH in (one.applies_to, other.applies_to) or one.applies_to is other.applies_to
    same_place = not one.regions or not other.regions or not set(one.regions).isdisjoint(other.regions)
    return same_payer and same_place


TaxRules: TypeAlias = Annotated[tuple[TaxRule, ...], Field(max_length=1000), AfterValidator(_none_twice)]
"""All taxes that a seller charges; no customer bears a tax of the same name twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """A checkout's amounts, in whole minor units of its currency; written with all its decimals."""

    recharge: Decimal
    """What the customer entered."""
    credit: Decimal
    """What the balance grows by: the recharge less the taxes that it includes."""
    taxes: tuple[TaxLine, ...]
    """In the order of the rules."""
    total: Decimal
    """What the card is charged: the credit and all taxes."""


def tax_breakdown(
    recharge: Decimal,
    currency: str,
    rules: Sequence[TaxRule],
    *,
    country: str,
    region: str | None,
    tax_status: TaxStatus,
    tax_number_verified: bool,
) -> Breakdown:
    """Break a recharge amount down into credit, taxes and the total to be charged.

    A tax under reverse charge is listed with the amount zero. If the amount entered would have included it, there is
    nothing to take out of it: all of it becomes credit, and the customer pays what was entered.

    Args:
        recharge: what the customer entered, more than zero, in whole minor units of the currency.
        currency: ISO 4217.
        rules: the seller's.
        country: the customer's, ISO 3166-1 alpha-2.
        region: the second part of the customer's ISO 3166-2 code, if told.
        tax_number_verified: whether the customer's tax number in that very country was verified by its authority.
    """
    assert recharge > 0, "the recharge amount was checked against its limits"
    dues = _dues(rules, country, region, tax_status, tax_number_verified=tax_number_verified)
    included = _included(recharge, dues, currency)
    credit = round_card(recharge - sum(included), currency)
    taxes = tuple(
        _tax_line(due, part if due.rule.inclusive else round_tax(credit * due.rate / 100, currency))
        for due, part in zip(dues, included, strict=True)
    )
    total = credit + sum(tax.amount for tax in taxes)
    return Breakdown(recharge=round_card(recharge, currency), credit=credit, taxes=taxes, total=total)


def recharge_for_credit(
    credit: Decimal,
    currency: str,
    rules: Sequence[TaxRule],
    *,
    country: str,
    region: str | None,
    tax_status: TaxStatus,
    tax_number_verified: bool,
) -> Decimal:
    """Return the least recharge amount that brings at least this credit; they differ where taxes are inclusive.

    Arguments and units are those of `tax_breakdown`; the credit is more than zero.
    """
    dues = _dues(rules, country, region, tax_status, tax_number_verified=tax_number_verified)
    minor_unit = Decimal(1).scaleb(-decimal_places(currency))
    # Rounding moves each tax by at most half a minor unit, so no lesser recharge can do; from here we try.
    least = (credit - len(dues) * minor_unit / 2) * _gross_rate(dues) / 100
    recharge = max(round_up_to_minor_unit(least, currency), minor_unit)
    while recharge - sum(_included(recharge, dues, currency)) < credit:
        recharge += minor_unit
    return recharge


def require_region(rules: Sequence[TaxRule], country: str, region: str | None) -> None:
    """Refuse a customer who has not told a region, in a country where taxes depend on it.

    For when an account is opened or its details change; `tax_breakdown` takes a missing region for one without
    rules of its own.

    Raises:
        InvalidRequest: if the region is needed.
    """
    if region is None and any(rule.regions for rule in rules if rule.country == country):
        raise InvalidRequest(f"is needed, because taxes in {country} depend on it", field="region")


class _Due(NamedTuple):
    """A tax that applies to a customer, and the rate to charge it at: zero under reverse charge."""

    rule: TaxRule
    rate: Decimal
    reverse_charge: bool


def _dues(
    rules: Sequence[TaxRule], country: str, region: str | None, tax_status: TaxStatus, *, tax_number_verified: bool
) -> list[_Due]:
    accounts_itself = tax_status is TaxStatus.BUSINESS and tax_number_verified
    applicable = [
        rule
        for rule in rules
        if rule.country == country
        and (not rule.regions or region in rule.regions)
        and rule.applies_to.includes(tax_status)
    ]
    return [
        _Due(rule, Decimal(0), reverse_charge=True)
        if accounts_itself and rule.reverse_charge
        else _Due(rule, rule.rate, reverse_charge=False)
        for rule in applicable
    ]


def _gross_rate(dues: Sequence[_Due]) -> Decimal:
    """Return what the customer enters, in per cent of what is left of it without the taxes that it includes."""
    return 100 + sum((due.rate for due in dues if due.rule.inclusive), Decimal(0))


def _included(recharge: Decimal, dues: Sequence[_Due], currency: str) -> list[Decimal]:
    """Return what each tax takes out of the recharge; zero for one that comes on top of it."""
    gross_rate = _gross_rate(dues)
    return [round_tax(recharge * due.rate / gross_rate if due.rule.inclusive else Decimal(0), currency) for due in dues]


def _tax_line(due: _Due, amount: Decimal) -> TaxLine:
    return TaxLine(name=due.rule.name, rate=due.rule.rate, amount=amount, reverse_charge=due.reverse_charge)
