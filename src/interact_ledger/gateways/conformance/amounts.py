"""Amounts in every declared currency, compared with the gateway's own books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest, LedgerError
from interact_ledger.gateways.conformance.bench import Bench
from interact_ledger.gateways.conformance.requests import captures, good_card, paid, payment
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.protocol import CurrencyTerms
from interact_ledger.money import decimal_places

__all__ = ["Amounts"]


class Amounts:
    """What was asked for is what is captured, to the last minor unit."""

    examples: ClassVar[int] = 100
    """How many amounts are drawn, over all currencies, beside the bounds of each."""

    def test_the_bounds_of_every_currency_are_captured_exactly(self, bench: Bench) -> None:
        number = 0
        for currency, terms in bench.gateway.capabilities.currencies.items():
            for amount in (terms.minimum, terms.minimum + terms.step, terms.maximum):
                number += 1
                _charged_exactly(bench, number, Money(amount, currency))

    def test_any_amount_in_any_currency_is_captured_exactly(self, bench: Bench) -> None:
        currencies = bench.gateway.capabilities.currencies

        @settings(max_examples=self.examples, deadline=None, database=None, derandomize=True)
        @given(st.data())
        def charge_any(data: st.DataObject) -> None:
            currency = data.draw(st.sampled_from(sorted(currencies)))
            terms = currencies[currency]
            steps = st.integers(int(terms.minimum / terms.step), int(terms.maximum / terms.step))
            _charged_exactly(bench, len(bench.captured()) + 1, Money(data.draw(steps) * terms.step, currency))

        charge_any()

    def test_what_the_terms_exclude_is_refused_unsent(self, bench: Bench) -> None:
        card = good_card(bench)
        for currency, terms in bench.gateway.capabilities.currencies.items():
            for amount in _excluded(terms):
                request = payment(bench, amount=Money(amount, currency))
                for verb, call in (
                    ("begin", lambda: bench.gateway.begin(request)),  # noqa: B023 - called at once
                    ("charge", lambda: bench.gateway.charge(request, card)),  # noqa: B023 - called at once
                ):
                    try:
                        result = call()
                    except GatewayInvalidRequest:
                        continue
                    if verb == "begin" and result is None:
                        continue  # there is no such step
                    raise Violation(Rule.TERMS, f"{verb} took {request.amount}, and answered {result!r}")
        captures(bench, 0, Rule.TERMS)

    def test_a_currency_that_is_not_declared_is_refused_unsent(self, bench: Bench) -> None:
        declared = bench.gateway.capabilities.currencies
        currency = next(code for code in ("XPF", "XAF", "MGA", "KPW", "GBP", "EUR") if code not in declared)
        request = replace(payment(bench), amount=Money(1000, currency))
        try:
            result: object = bench.gateway.charge(request, good_card(bench))
        except GatewayInvalidRequest:
            result = None
        hold(Rule.TERMS, result is None, f"{currency} is not declared, and yet charge answered {result!r}")
        captures(bench, 0, Rule.TERMS)

    def test_the_terms_of_every_currency_make_sense(self, bench: Bench) -> None:
        hold(Rule.DECLARED, bool(bench.gateway.capabilities.currencies), "no currency is declared")
        for currency, terms in bench.gateway.capabilities.currencies.items():
            try:
                minor_unit = Decimal(1).scaleb(-decimal_places(currency))
            except LedgerError as unknown:
                raise Violation(Rule.DECLARED, f"{currency!r} is no currency: {unknown}") from None
            whole = terms.step % minor_unit == terms.minimum % terms.step == terms.maximum % terms.step == 0
            hold(Rule.DECLARED, terms.step > 0 and whole, f"{currency}: {terms!r} does not fit steps of {minor_unit}")
            hold(Rule.DECLARED, 0 < terms.minimum < terms.maximum, f"{currency}: {terms!r} leaves nothing to charge")


def _charged_exactly(bench: Bench, number: int, amount: Money) -> None:
    result = paid(bench, payment(bench, number, amount=amount))
    captured = next(each for each in bench.captured() if each.reference == result.reference)
    exact = captured.amount == amount == result.amount
    hold(Rule.AMOUNT, exact, f"{amount!r} was asked for, {captured.amount!r} captured, {result.amount!r} said")


def _excluded(terms: CurrencyTerms) -> Iterator[Decimal]:
    yield from (Decimal(0), -terms.minimum, terms.minimum - terms.step, terms.maximum + terms.step)
    yield terms.minimum + terms.step / 2
