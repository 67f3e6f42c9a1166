"""A second gateway goes on with a top-up only after the first surely charged nothing; and what gateways cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from automatic_helpers import AGREED, MONTHLY, at, due, spend, with_card, with_other
from interact_ledger import Ledger, Settings, TopUpResult
from interact_ledger.clock import MovableClock
from interact_ledger.domain import events as e
from interact_ledger.domain.account import TopUp
from interact_ledger.errors import (
    CardAttemptRefused,
    ConfigurationError,
    GatewayUnsupported,
    InvalidAmount,
    InvalidRequest,
    MethodNotOffered,
    QuoteExpired,
    TransactionNotFound,
)
from interact_ledger.gateways.protocol import Capabilities, CurrencyTerms, NewCard, Succeeded
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.processes import top_up as process
from interact_ledger.settings import CardTesting
from interact_ledger.testing import START, LedgerKit, SequentialIds
from ledger_helpers import available, events_of, gbp, pay, stored

PROOF = timedelta(seconds=60 + 10 + 60)


class Sandbox(SandboxGateway):
    """A sandbox under a name of its own, which can be told to be able to do less."""

    def __init__(self, name: str, clock: MovableClock) -> None:
        super().__init__(clock=clock)
        self.name = name
        self.less: dict[str, Any] = {}

    @property
    def gateway_id(self) -> str:
        return self.name

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, **self.less)


@dataclass(frozen=True)
class Two(LedgerKit):
    """A ledger with two gateways, of which `gateway` is preferred."""

    other: Sandbox

    @property
    def captured(self) -> tuple[int, int]:
        return len(self.gateway.captured()), len(self.other.captured())

    def elsewhere(self, first: TopUpResult, account_id: str, **how: Any) -> TopUpResult:
        request = {"gateway": "second", "card_token": "tok_mastercard", **how}
        return self.ledger.top_up_elsewhere(account_id, first.transaction_id, **request)


@pytest.fixture
def kit() -> Iterator[Two]:
    clock = MovableClock(START)
    with ExitStack() as opened:
        first, second = (opened.enter_context(Sandbox(name, clock)) for name in ("first", "second"))
        ledger = Ledger.open("sqlite://", gateways=[first, second], clock=clock, ids=SequentialIds())
        yield Two(opened.enter_context(ledger), clock, first, second)


@pytest.fixture
def account_id(kit: Two) -> str:
    return kit.account().account_id


def unreachable(kit: Two, account_id: str, **how: Any) -> TopUpResult:
    kit.gateway.fail_next("begin", Fault.REFUSED)
    result = pay(kit, account_id, **how)
    assert result.status == "not_attempted"
    return result


def again(kit: Two, account_id: str) -> TopUpResult:
    quote_id = events_of(kit, account_id, e.CheckoutQuoted)[0].quote_id
    return kit.ledger.top_up(account_id, quote_id, idempotency_key="pay", card_token="tok_visa")


def attempts(kit: Two, account_id: str) -> list[tuple[int, str]]:
    return [(attempt.number, attempt.gateway) for attempt in events_of(kit, account_id, e.PaymentAttempted)]


def test_a_checkout_says_into_whose_fields_the_card_is_to_be_typed(kit, account_id):
    kit.gateway.less = {"brands": frozenset({"visa"})}
    quotes = {m: kit.ledger.checkout(account_id, gbp("20.00"), method=m) for m in (None, "visa", "maestro")}
    assert {method: quote.gateway for method, quote in quotes.items()} == {
        None: "first",
        "visa": "first",
        "maestro": "second",
    }
    for method, quote in quotes.items():
        paid = kit.ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key=f"pay {method}")
        assert paid.gateway == quote.gateway


def test_what_surely_reached_nobody_is_paid_at_the_other_gateway_once(kit, account_id):
    first = unreachable(kit, account_id)
    paid = kit.elsewhere(first, account_id)
    assert (paid.status, paid.transaction_id, paid.gateway) == ("succeeded", first.transaction_id, "second")
    assert paid.brand == "mastercard"
    assert attempts(kit, account_id) == [(1, "first"), (2, "second")]
    for repeated in (kit.elsewhere(first, account_id), again(kit, account_id)):
        assert (repeated.status, repeated.gateway_reference) == ("succeeded", paid.gateway_reference)
    assert kit.captured == (0, 1)
    assert available(kit, account_id) == gbp("50.00")
    assert kit.ledger.receipt(paid.transaction_id).transaction_id == first.transaction_id
    assert list(kit.ledger.audit().findings) == []


def test_the_other_gateway_may_be_unreachable_too_and_then_either_goes_on(kit, account_id):
    first = unreachable(kit, account_id)
    kit.other.fail_next("begin", Fault.REFUSED)
    assert kit.elsewhere(first, account_id).status == "not_attempted"
    kit.gateway.fail_next("begin", Fault.REFUSED)
    assert again(kit, account_id).status == "not_attempted"
    assert kit.elsewhere(first, account_id).status == "succeeded"
    assert attempts(kit, account_id) == [(1, "first"), (2, "second"), (3, "first"), (4, "second")]
    assert kit.captured == (0, 1)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("tok_declined_do_not_honour", "declined"),
        ("tok_timeout_before_charging", "unknown"),
        ("tok_timeout_after_charging", "succeeded"),
        ("tok_pending", "pending"),
        ("tok_authentication_required", "action_required"),
        ("tok_captures_less", "mismatched"),
        ("tok_visa", "succeeded"),
    ],
)
def test_after_anything_else_nothing_is_sent_to_the_other_gateway(kit, account_id, token, status):
    first = pay(kit, account_id, card_token=token)
    present = kit.elsewhere(first, account_id)
    assert present.status == status
    assert attempts(kit, account_id) == [(1, "first")]
    assert kit.other.captured() == kit.other.chargeable() == []


def test_what_was_unknown_goes_elsewhere_once_its_absence_is_proven(kit, account_id):
    first = pay(kit, account_id, card_token="tok_timeout_before_charging")
    assert kit.elsewhere(first, account_id).status == "unknown"
    kit.clock.advance(PROOF)
    assert kit.elsewhere(first, account_id).status == "succeeded"
    assert kit.captured == (0, 1)
    assert kit.gateway.chargeable() == []


def test_what_was_begun_is_cancelled_before_the_other_gateway_is_asked(kit, account_id):
    kit.gateway.fail_next("charge", Fault.REFUSED)
    kit.gateway.fail_next("cancel", Fault.REFUSED, times=2)
    first = pay(kit, account_id)
    assert kit.elsewhere(first, account_id).status == "not_attempted"
    assert attempts(kit, account_id) == [(1, "first")]
    assert kit.elsewhere(first, account_id).status == "succeeded"
    assert kit.gateway.chargeable() == []


def test_the_first_gateways_token_is_never_sent_to_the_other(kit, account_id):
    first = unreachable(kit, account_id)
    kit.other.fail_next("charge", Fault.AFTER)
    assert kit.elsewhere(first, account_id).status == "unknown"
    kit.other.fail_next("find_charge", Fault.BEFORE)
    assert again(kit, account_id).status == "unknown"
    assert events_of(kit, account_id, e.PaymentRetried) == []
    assert again(kit, account_id).brand == "mastercard"
    assert kit.captured == (0, 1)


def test_a_late_capture_of_the_first_gateway_is_credited_as_its_own(kit, account_id):
    first = unreachable(kit, account_id)
    kit.elsewhere(first, account_id, card_token="tok_pending")
    opened = events_of(kit, account_id, e.PaymentAttempted)[0]
    charged = _charged_behind_our_back(kit, account_id, opened)
    captured = kit.ledger.top_up_result(account_id, first.transaction_id)
    assert (captured.status, available(kit, account_id)) == ("succeeded", gbp("50.00"))
    (event,) = events_of(kit, account_id, e.PaymentCaptured)
    assert (event.gateway, event.reference, event.late) == ("first", charged, True)
    assert [finding.code for finding in kit.ledger.audit().findings] == ["capture_late"]


def _charged_behind_our_back(kit: Two, account_id: str, opened: e.PaymentAttempted) -> str:
    """Let a sender that slept for longer than was proven charge after all, and hear of it."""
    context = kit.ledger._context
    attempt = TopUp(intent=opened)
    request = process._charge_request(account_id, context.customer_at(account_id, kit.gateway), attempt)
    result = kit.gateway.charge(replace(request, send_before=kit.clock.now() + PROOF), NewCard("tok_visa"))
    assert isinstance(result, Succeeded)
    (due,) = kit.gateway.notices_due()
    (heard,) = kit.ledger.receive("first", due.body, due.headers)
    assert heard.outcome == "recorded"
    return result.reference


def test_a_gateway_is_refused_that_does_not_serve_the_payment(kit, account_id):
    first = unreachable(kit, account_id)
    before = stored(kit)
    few = {code: terms for code, terms in kit.other.capabilities.currencies.items() if code != "GBP"}
    pounds = replace(kit.other.capabilities.currencies["GBP"], maximum=Decimal(20))
    for less, refusal in (
        ({"currencies": few}, MethodNotOffered),
        ({"countries": frozenset({"FR"})}, MethodNotOffered),
        ({"currencies": {"GBP": pounds}}, InvalidAmount),
    ):
        kit.other.less = less
        with pytest.raises(refusal):
            kit.elsewhere(first, account_id)
    kit.other.less = {}
    with pytest.raises(InvalidRequest, match="gateway: is the gateway that it began with"):
        kit.elsewhere(first, account_id, gateway="first")
    with pytest.raises(ConfigurationError):
        kit.elsewhere(first, account_id, gateway="third")
    with pytest.raises(TransactionNotFound):
        kit.ledger.top_up_elsewhere(account_id, "txn_none", gateway="second", card_token="tok_visa")
    kit.clock.advance(timedelta(days=1))
    with pytest.raises(QuoteExpired):
        kit.elsewhere(first, account_id)
    assert stored(kit) == before


@pytest.mark.parametrize("policy", ["auto top-up", "monthly recharge"])
def test_an_automatic_payment_charges_the_card_that_was_agreed_to_and_goes_nowhere_else(kit, policy):
    account_id, card_id = with_card(kit)
    if policy == "auto top-up":
        kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
        spend(kit, account_id, "6.00")
    else:
        kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
        kit.clock.set(at("2026-12-01"))
    kit.gateway.fail_next("begin", Fault.REFUSED)
    assert due(kit) == ["not_attempted"]
    unsent = events_of(kit, account_id, e.PaymentAttempted)[-1].operation_id
    before = stored(kit)
    with pytest.raises(InvalidRequest) as error:
        kit.ledger.top_up_elsewhere(account_id, unsent, gateway="second", card_token="tok_mastercard")
    assert (error.value.field, stored(kit), kit.captured) == ("transaction_id", before, (0, 0))


def test_who_was_declined_too_often_cannot_go_on_elsewhere_either(kit, account_id):
    limits = CardTesting(declines_max=1)
    strict = with_other(kit, settings=Settings.default().model_copy(update={"card_testing": limits}))
    one, other = (unreachable(kit, account_id, key=key) for key in ("one", "other"))
    stolen = {"gateway": "second", "card_token": "tok_declined_fraud"}
    assert strict.top_up_elsewhere(account_id, one.transaction_id, **stolen).status == "declined"
    before = stored(kit)
    with pytest.raises(CardAttemptRefused):
        strict.top_up_elsewhere(account_id, other.transaction_id, **stolen)
    assert stored(kit) == before


def test_a_card_is_saved_where_it_paid(kit, account_id):
    first = unreachable(kit, account_id, save_card=True)
    kit.other.less = {"saves_cards": False, "saves_without_charging": False}
    with pytest.raises(GatewayUnsupported, match="save_card"):
        kit.elsewhere(first, account_id)
    kit.other.less = {}
    assert kit.elsewhere(first, account_id).saved_card is not None
    assert (len(kit.gateway.saved_cards()), len(kit.other.saved_cards())) == (0, 1)
    (card,) = kit.ledger.cards(account_id)
    assert pay(kit, account_id, key="next", card_id=card.card_id).gateway == "second"


# What a gateway cannot do -----------------------------------------------------------------------------------------


def test_a_gateway_that_saves_no_cards_is_not_asked_to(kit, account_id):
    kit.gateway.less = {"saves_cards": False, "saves_without_charging": False}
    with pytest.raises(GatewayUnsupported, match="save_card"):
        pay(kit, account_id, save_card=True)
    assert events_of(kit, account_id, e.TopUpRequested) == []
    assert pay(kit, account_id).status == "succeeded"


def test_a_card_is_saved_alone_at_the_first_gateway_that_can(kit, account_id):
    kit.gateway.less = {"saves_without_charging": False}
    assert kit.ledger.save_card(account_id, "tok_visa", idempotency_key="save").status == "succeeded"
    assert (len(kit.gateway.saved_cards()), len(kit.other.saved_cards())) == (0, 1)
    kit.other.less = {"saves_without_charging": False}
    before = stored(kit)
    with pytest.raises(GatewayUnsupported, match="only by paying"):
        kit.ledger.save_card(account_id, "tok_visa", idempotency_key="save again")
    assert stored(kit) == before


def test_a_gateway_that_pays_nothing_back_is_not_asked_to(kit, account_id):
    paid = pay(kit, account_id)
    kit.gateway.less = {"refunds": False, "partial_refunds": False, "refunds_before_settlement": False}
    before = stored(kit)
    with pytest.raises(GatewayUnsupported, match="pays nothing back"):
        kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="refund")
    assert stored(kit) == before


@pytest.mark.parametrize(
    ("less", "refusal"),
    [
        ({"countries": frozenset({"FR"})}, MethodNotOffered),
        ({"brands": frozenset({"visa"})}, MethodNotOffered),
        (
            {"currencies": {"GBP": CurrencyTerms(step=Decimal("0.01"), minimum=Decimal(1), maximum=Decimal(20))}},
            InvalidAmount,
        ),
    ],
    ids=["country", "brand", "amount"],
)
def test_a_saved_card_pays_only_what_its_own_gateway_takes(kit, account_id, less, refusal):
    card_id = kit.elsewhere(unreachable(kit, account_id, save_card=True), account_id).saved_card.card_id
    kit.other.less = less
    before = len(events_of(kit, account_id, e.TopUpRequested))
    with pytest.raises(refusal):
        pay(kit, account_id, key="next", card_id=card_id)
    assert len(events_of(kit, account_id, e.TopUpRequested)) == before
