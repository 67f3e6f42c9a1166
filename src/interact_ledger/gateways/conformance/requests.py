"""Requests as the ledger makes them, and the calls that it makes with them, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from moneyed import Money

from interact_ledger.errors import GatewayUnsupported
from interact_ledger.gateways.conformance.bench import Behaviour, Bench, Captured
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.protocol import (
    Begun,
    CardRequest,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Found,
    Gateway,
    Initiator,
    NewCard,
    NotAttempted,
    PaymentSource,
    RefundRequest,
    SavedCard,
    Succeeded,
    Unknown,
)
from interact_ledger.ids import derived_id

__all__ = [
    "ACCOUNT",
    "OTHER_ACCOUNT",
    "SEND_WITHIN",
    "answer",
    "begin_and_charge",
    "begun",
    "captures",
    "found_charge",
    "good_card",
    "half",
    "one_of",
    "paid",
    "payment",
    "refund_of",
    "saved",
    "saving",
    "seconds",
    "send",
    "told",
    "unsupported",
    "usual_amount",
]

ACCOUNT = derived_id("acct", "conformance")
OTHER_ACCOUNT = derived_id("acct", "conformance", "other")
SEND_WITHIN = timedelta(minutes=5)
_TWELVE = Decimal(12)

Result = TypeVar("Result")


def usual_amount(bench: Bench, currency: str | None = None) -> Money:
    """Return an amount well within the terms that can be halved twice, in pounds if the gateway takes them."""
    currencies = bench.gateway.capabilities.currencies
    code = currency or ("GBP" if "GBP" in currencies else min(currencies))
    terms = currencies[code]
    wanted = min(max(_TWELVE, 4 * terms.minimum), terms.maximum)
    return Money(wanted - wanted % (4 * terms.step), code)


def half(amount: Money) -> Money:
    """Return one of two equal parts of a usual amount."""
    return Money(amount.amount / 2, amount.currency)


def payment(bench: Bench, number: int = 1, account_id: str = ACCOUNT, **changes: Any) -> ChargeRequest:
    """Return the first attempt of an account's top-up of this number."""
    transaction_id = derived_id("txn", account_id, str(number))
    request = ChargeRequest(
        attempt_id=f"{transaction_id}.1",
        transaction_id=transaction_id,
        account_id=account_id,
        customer_id=bench.gateway.link_customer(account_id),
        amount=usual_amount(bench),
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return replace(request, **changes)


def saving(bench: Bench, number: int = 1) -> CardRequest:
    """Return the first attempt to save a card."""
    saving_id = derived_id("txn", ACCOUNT, "saving", str(number))
    return CardRequest(
        attempt_id=f"{saving_id}.1",
        saving_id=saving_id,
        account_id=ACCOUNT,
        customer_id=bench.gateway.link_customer(ACCOUNT),
        send_before=bench.clock.now() + SEND_WITHIN,
    )


def refund_of(bench: Bench, charge: Succeeded, amount: Money | None = None, number: int = 1) -> RefundRequest:
    """Return the first attempt to pay a charge back, all of it if no amount is given."""
    refund_id = derived_id("txn", ACCOUNT, "refund", str(number))
    return RefundRequest(
        attempt_id=f"{refund_id}.1",
        refund_id=refund_id,
        transaction_id=payment(bench).transaction_id,
        account_id=ACCOUNT,
        charge_reference=charge.reference,
        amount=amount or charge.amount,
        send_before=bench.clock.now() + SEND_WITHIN,
    )


def good_card(bench: Bench) -> NewCard:
    """Return a new card that pays."""
    token = bench.card(Behaviour.SUCCEEDS)
    if token is None:
        raise Violation(Rule.BENCH, "the bench has no card that succeeds")
    return NewCard(token)


def begun(bench: Bench, request: ChargeRequest) -> ChargeRequest:
    """Begin an attempt without faults; returns the request with its reference, if the gateway has such a step."""
    first = bench.gateway.begin(request)
    return request if first is None else replace(request, reference=told(Begun, first, "beginning").reference)


def begin_and_charge(bench: Bench, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
    """Begin and charge, as the ledger does each time that it sends an attempt."""
    return send(bench.gateway, request, source)


def send(gateway: Gateway, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
    """Begin and charge through an adapter, be it the bench's or another."""
    match gateway.begin(request):
        case NotAttempted() | Unknown() as failed:
            return failed
        case Begun(reference=reference):
            return gateway.charge(replace(request, reference=reference), source)
        case None:
            return gateway.charge(request, source)


def paid(bench: Bench, request: ChargeRequest | None = None, source: PaymentSource | None = None) -> Succeeded:
    """Charge a card that pays."""
    __tracebackhide__ = True
    result = begin_and_charge(bench, request or payment(bench), source or good_card(bench))
    return told(Succeeded, result, "charging a card that pays")


def saved(bench: Bench, token: str | None = None, number: int = 100) -> SavedCard:
    """Have a card saved by paying with it, which is how every gateway that saves cards can."""
    source = good_card(bench) if token is None else NewCard(token)
    result = paid(bench, payment(bench, number, save_card=True), source)
    return SavedCard(told(CardSaved, result.saved_card, "saving a card while paying", Rule.SAVED).token)


def unsupported(bench: Bench, what: str, call: Callable[[], object]) -> None:
    """Hold an adapter to refusing what it does not declare, with nothing done."""
    before = len(bench.captured()), len(bench.saved_cards()), [payment.refunded for payment in bench.captured()]
    try:
        result = call()
    except GatewayUnsupported:
        after = len(bench.captured()), len(bench.saved_cards()), [payment.refunded for payment in bench.captured()]
        hold(Rule.UNSUPPORTED, after == before, f"{what} raised GatewayUnsupported, but changed something first")
        return
    raise Violation(Rule.UNSUPPORTED, f"{what} is not among the capabilities, and yet it answered {result!r}")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def told(kind: type[Result], result: object, what: str, rule: Rule = Rule.OUTCOME) -> Result:
    """Return a result of the kind that the scenario has, or say that the adapter called it something else."""
    __tracebackhide__ = True
    if not isinstance(result, kind):
        raise Violation(rule, f"{what} came out as {result!r} and not as {kind.__name__}")
    return result


def answer(what: str, call: Callable[[], Result]) -> Result:
    """Return what an adapter answers although something fails; an exception is no answer about money."""
    __tracebackhide__ = True
    try:
        return call()
    except Exception as raised:
        raise Violation(Rule.VALUES, f"{what} raised {type(raised).__name__}: {raised}") from raised


def one_of(kinds: tuple[type, ...], result: object, what: str, rule: Rule = Rule.OUTCOME) -> None:
    """Hold a result to one of several kinds."""
    __tracebackhide__ = True
    names = " or ".join(dict.fromkeys(kind.__name__ for kind in kinds))
    hold(rule, isinstance(result, kinds), f"{what} came out as {result!r} and not as {names}")


def captures(bench: Bench, count: int, rule: Rule = Rule.ONE_CHARGE) -> Sequence[Captured]:
    """Return what the gateway captured, which must be so many payments."""
    __tracebackhide__ = True
    captured = bench.captured()
    hold(rule, len(captured) == count, f"{len(captured)} payments were captured instead of {count}: {captured!r}")
    return captured


def found_charge(bench: Bench, request: ChargeRequest) -> object:
    """Look an attempt up once look-ups have caught up; returns what was found, or that nothing was."""
    bench.clock.advance(bench.gateway.capabilities.lookup_lag)
    found = bench.gateway.find_charge(request)
    return found.result if isinstance(found, Found) else found
