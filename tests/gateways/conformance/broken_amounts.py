"""Gateways that charge or declare wrong amounts, each in one way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from kit_runner import BeginsNothing, Broken, breaks
from moneyed import Money

from interact_ledger.gateways.protocol import (
    Capabilities,
    ChargeRequest,
    ChargeResult,
    CurrencyTerms,
    PaymentSource,
    Succeeded,
)


@breaks(
    "the_bounds_of_every_currency_are_captured_exactly",
    "what_the_terms_exclude_is_refused_unsent",
)
class HundredthsOfYen(BeginsNothing):
    """It sends hundredths of a currency that has none, and divides them away again."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if request.amount.currency.code != "JPY" or request.amount.amount > 51:
            return super().charge(request, source)
        result = super().charge(replace(request, amount=request.amount * 100), source)
        return replace(result, amount=request.amount) if isinstance(result, Succeeded) else result


@breaks(
    "any_amount_in_any_currency_is_captured_exactly",
)
class AddsAStep(BeginsNothing):
    """Amounts that nobody thought of in a test are captured with a step too much."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if not 1_000 < request.amount.amount < 1_000_000:
            return super().charge(request, source)
        step = Money(self.capabilities.currencies[request.amount.currency.code].step, request.amount.currency)
        result = super().charge(replace(request, amount=request.amount + step), source)
        return replace(result, amount=request.amount) if isinstance(result, Succeeded) else result


@breaks(
    "the_bounds_of_every_currency_are_captured_exactly",
    "what_the_terms_exclude_is_refused_unsent",
)
class RoundsAmounts(Broken):
    """An amount between two steps is rounded instead of refused."""

    def begin(self, request: ChargeRequest) -> Any:
        return super().begin(_rounded(request))

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(_rounded(request), source)


def _rounded(request: ChargeRequest) -> ChargeRequest:
    if request.amount.amount > Decimal("0.052"):
        return request
    return replace(request, amount=Money(request.amount.amount.quantize(Decimal("0.01")), request.amount.currency))


@breaks(
    "a_currency_that_is_not_declared_is_refused_unsent",
)
class TakesAnyCurrency(Broken):
    """A currency that it does not take is charged in another."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        taken = request.amount.currency.code in self.capabilities.currencies
        amount = request.amount if taken else Money(request.amount.amount, "GBP")
        return super().charge(replace(request, amount=amount), source)


@breaks(
    "any_amount_in_any_currency_is_captured_exactly",
    "the_bounds_of_every_currency_are_captured_exactly",
    "the_terms_of_every_currency_make_sense",
)
class CentsOfYen(Broken):
    """The declared step is finer than the currency's own."""

    @property
    def capabilities(self) -> Capabilities:
        terms = CurrencyTerms(step=Decimal("0.01"), minimum=Decimal(50), maximum=Decimal(10_000))
        return replace(super().capabilities, currencies={"GBP": super().capabilities.currencies["GBP"], "JPY": terms})
