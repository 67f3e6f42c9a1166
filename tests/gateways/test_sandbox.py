"""The sandbox gateway: what it promises to the ledger, to tests and to the simulation."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from moneyed import Money

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest, GatewayMisconfigured, NoticeRejected
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Begun,
    Cancelled,
    CardFunding,
    CardRequest,
    CardSaved,
    ChargeRequest,
    Declined,
    DeclineReason,
    Forgotten,
    Found,
    Gateway,
    Indeterminate,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    NoticeSubject,
    Pending,
    Refunded,
    RefundRequest,
    SavedCard,
    Succeeded,
    Unknown,
)
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS, Delivery, Fault, SandboxGateway
from interact_ledger.gateways.sandbox_notices import SIGNATURE_HEADER, signature_headers
from interact_ledger.ids import is_own_id

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
TENNER = Money("12.00", "GBP")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
def gateway(clock: MovableClock) -> Iterator[SandboxGateway]:
    with SandboxGateway(clock=clock) as opened:
        yield opened


def payment(token: str = "tok_visa", attempt: str = "att_1", **changes: Any) -> ChargeRequest:
    request = ChargeRequest(
        attempt_id=attempt,
        transaction_id="txn_1",
        account_id="acct_1",
        customer_id="cus_1",
        amount=TENNER,
        source=NewCard(token),
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def saving(token: str = "tok_visa", attempt: str = "sav_1", **changes: Any) -> CardRequest:
    request = CardRequest(
        attempt_id=attempt,
        account_id="acct_1",
        customer_id="cus_1",
        source=NewCard(token),
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def refund_of(charge_reference: str, attempt: str = "ref_1", **changes: Any) -> RefundRequest:
    request = RefundRequest(
        attempt_id=attempt,
        transaction_id="txn_1",
        account_id="acct_1",
        charge_reference=charge_reference,
        amount=TENNER,
        send_before=NOON + timedelta(minutes=5),
    )
    return dataclasses.replace(request, **changes)


def saved(gateway: SandboxGateway, token: str = "tok_visa") -> SavedCard:
    result = gateway.save(saving(token))
    assert isinstance(result, CardSaved)
    return SavedCard(result.token)


def paid(gateway: SandboxGateway, **changes: Any) -> Succeeded:
    result = gateway.charge(payment(**changes))
    assert isinstance(result, Succeeded)
    return result


def statuses(gateway: SandboxGateway) -> list[tuple[str, str]]:
    return [(item.kind, item.status) for item in gateway.chargeable()]


# Tokens ------------------------------------------------------------------------------------------------------------


def test_it_satisfies_the_protocol(gateway: SandboxGateway) -> None:
    as_protocol: Gateway = gateway
    assert isinstance(as_protocol, Gateway)
    assert gateway.gateway_id == "sandbox"


@pytest.mark.parametrize(
    ("token", "brand", "funding"),
    [
        ("tok_visa", "visa", CardFunding.CREDIT),
        ("tok_visa_debit", "visa", CardFunding.DEBIT),
        ("tok_visa_prepaid", "visa", CardFunding.PREPAID),
        ("tok_mastercard", "mastercard", CardFunding.CREDIT),
        ("tok_american_express", "american_express", CardFunding.CREDIT),
        ("tok_maestro", "maestro", CardFunding.DEBIT),
        ("tok_discover", "discover", CardFunding.CREDIT),
        ("tok_jcb", "jcb", CardFunding.UNKNOWN),
    ],
)
def test_a_good_card_captures_the_whole_amount(
    gateway: SandboxGateway, token: str, brand: str, funding: CardFunding
) -> None:
    result = paid(gateway, token=token)
    assert (result.amount, result.captured_at) == (TENNER, NOON)
    assert (result.card.brand, result.card.funding) == (brand, funding)
    assert brand in gateway.capabilities.brands


@pytest.mark.parametrize("reason", DeclineReason)
def test_there_is_a_token_for_every_reason_to_decline(gateway: SandboxGateway, reason: DeclineReason) -> None:
    result = gateway.charge(payment(f"tok_declined_{reason}"))
    assert isinstance(result, Declined)
    assert (result.reason, result.still_payable) == (reason, True)
    assert result.raw_code
    assert gateway.captured() == []


def test_every_advice_is_given_by_some_token(gateway: SandboxGateway) -> None:
    results = [gateway.charge(payment(f"tok_declined_{r}", attempt=f"att_{r}")) for r in DeclineReason]
    assert {r.advice for r in results if isinstance(r, Declined)} == set(Advice)


def test_every_published_token_works_and_says_what_it_does(gateway: SandboxGateway) -> None:
    for token, script in SANDBOX_TOKENS.items():
        assert script.description.endswith(".")
        gateway.charge(payment(token, attempt=f"pay with {token}"))
        gateway.save(saving(token, attempt=f"save {token}"))


def test_the_table_of_tokens_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SANDBOX_TOKENS["tok_mine"] = SANDBOX_TOKENS["tok_visa"]  # type: ignore[index]


def test_one_token_pays_any_number_of_attempts(gateway: SandboxGateway) -> None:
    for number in range(3):
        paid(gateway, attempt=f"att_{number}")
    assert gateway.captured_total("GBP") == 3 * TENNER


@pytest.mark.parametrize("token", ["", "tok_nonsense", "card_nonsense", "4242424242424242"])
def test_an_unknown_token_is_an_invalid_request_and_is_not_repeated(gateway: SandboxGateway, token: str) -> None:
    for source in (NewCard(token), SavedCard(token)):
        for send in (gateway.begin, gateway.charge):
            with pytest.raises(GatewayInvalidRequest) as refusal:
                send(payment(source=source))
            assert not token or token not in str(refusal.value)
    with pytest.raises(GatewayInvalidRequest):
        gateway.save(saving(token))
    assert gateway.chargeable() == []


def test_a_card_may_capture_less_than_was_asked_for(gateway: SandboxGateway) -> None:
    assert paid(gateway, token="tok_captures_less").amount == Money("11.99", "GBP")


# Beginning and charging --------------------------------------------------------------------------------------------


def test_what_is_begun_cannot_be_paid_before_it_is_charged(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    assert isinstance(begun, Begun)
    gateway.authenticate(begun.reference)
    gateway.settle(begun.reference)
    gateway.pay_in_browser(begun.reference, "tok_visa")
    assert gateway.captured() == []
    assert statuses(gateway) == [("payment", "created")]
    assert gateway.find_charge(payment()) == Found(NotAttempted(why="begun and not confirmed"))


def test_charging_goes_on_with_what_was_begun(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    assert isinstance(begun, Begun)
    assert paid(gateway, reference=begun.reference).reference == begun.reference
    assert gateway.begin(payment()) == begun
    assert statuses(gateway) == []


def test_repeating_an_attempt_charges_once(gateway: SandboxGateway, clock: MovableClock) -> None:
    first = paid(gateway)
    clock.advance(timedelta(days=400))
    assert gateway.charge(payment()) == first
    assert gateway.charge(payment(amount=Money("12", "GBP"))) == first
    assert gateway.captured_total("GBP") == TENNER


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money("13.00", "GBP")},
        {"amount": Money("12.00", "EUR")},
        {"source": NewCard("tok_mastercard")},
        {"save_card": True},
        {"account_id": "acct_2"},
        {"customer_id": "cus_2"},
        {"transaction_id": "txn_2"},
        {"initiator": Initiator.RECURRING},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("begin_first", [True, False])
def test_an_attempt_with_other_parameters_is_refused(
    gateway: SandboxGateway, change: dict[str, Any], begin_first: bool
) -> None:
    (gateway.begin if begin_first else gateway.charge)(payment())
    before = gateway.captured()
    for send in (gateway.begin, gateway.charge):
        with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
            send(payment(**change))
    assert gateway.captured() == before


@pytest.mark.parametrize(
    "amount",
    [
        Money("0.49", "GBP"),
        Money("0", "GBP"),
        Money("-12", "GBP"),
        Money("12.001", "GBP"),
        Money("1000000.01", "GBP"),
        Money("100.5", "JPY"),
        Money("12.0001", "KWD"),
        Money("12", "XAU"),
        Money(Decimal("NaN"), "GBP"),
        Money(Decimal("1E+1000000"), "GBP"),
    ],
    ids=lambda money: f"{money.amount} {money.currency.code}",
)
def test_an_amount_outside_the_terms_is_refused(gateway: SandboxGateway, amount: Money) -> None:
    with pytest.raises(GatewayInvalidRequest, match="amount"):
        gateway.charge(payment(amount=amount))
    assert gateway.find_charge(payment()) == NotFound()


@pytest.mark.parametrize("currency", ["GBP", "EUR", "USD", "JPY", "KWD", "ISK"])
def test_every_currency_is_charged_in_its_own_minor_unit(gateway: SandboxGateway, currency: str) -> None:
    terms = gateway.capabilities.currencies[currency]
    amount = Money(terms.minimum + terms.step, currency)
    assert paid(gateway, amount=amount).amount == amount
    assert terms.step == {"JPY": 1, "ISK": 1, "KWD": Decimal("0.001")}.get(currency, Decimal("0.01"))


def test_an_empty_attempt_id_is_refused(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
        gateway.charge(payment(attempt=""))


# Authentication, pending, declined, cancelled ----------------------------------------------------------------------


def test_the_customer_authenticates_and_the_payment_is_captured(gateway: SandboxGateway) -> None:
    asked = gateway.charge(payment("tok_authentication_required"))
    assert isinstance(asked, ActionRequired)
    assert asked.client_secret
    assert gateway.charge(payment("tok_authentication_required")) == asked
    assert gateway.captured() == []
    assert isinstance(gateway.authenticate(asked.reference), Succeeded)
    assert isinstance(gateway.authenticate(asked.reference, succeed=False), Succeeded)
    assert gateway.captured_total("GBP") == TENNER


def test_a_failed_authentication_is_a_decline(gateway: SandboxGateway) -> None:
    asked = gateway.charge(payment("tok_authentication_required"))
    assert isinstance(asked, ActionRequired)
    result = gateway.authenticate(asked.reference, succeed=False)
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.AUTHENTICATION_FAILED


@pytest.mark.parametrize("succeed", [True, False])
def test_a_pending_payment_settles_later(gateway: SandboxGateway, succeed: bool) -> None:
    pending = gateway.charge(payment("tok_pending"))
    assert isinstance(pending, Pending)
    assert gateway.find_charge(payment()) == Found(pending)
    settled = gateway.settle(pending.reference, succeed=succeed)
    assert isinstance(settled, Succeeded if succeed else Declined)
    assert gateway.settle(pending.reference, succeed=not succeed) == settled
    assert gateway.find_charge(payment()) == Found(settled)
    assert len(gateway.captured()) == int(succeed)


def test_an_old_tab_pays_a_declined_payment_until_it_is_cancelled(gateway: SandboxGateway) -> None:
    token = "tok_declined_insufficient_funds"
    for attempt in ("att_1", "att_2"):
        gateway.charge(payment(token, attempt))
    left_open, cancelled = (item.reference for item in gateway.chargeable())
    assert gateway.cancel(payment("", "att_2")) == Cancelled(reference=cancelled)
    assert isinstance(gateway.pay_in_browser(left_open, "tok_mastercard"), Succeeded)
    assert gateway.pay_in_browser(cancelled, "tok_mastercard") == Cancelled(reference=cancelled)
    repeat = gateway.charge(payment(token, "att_1"))
    assert isinstance(repeat, Succeeded)
    assert repeat.card.brand == "mastercard"
    assert [c.reference for c in gateway.captured()] == [left_open]


def test_a_repeat_after_a_decline_stays_declined(gateway: SandboxGateway) -> None:
    first = gateway.charge(payment("tok_declined_fraud"))
    assert gateway.charge(payment("tok_declined_fraud")) == first


@pytest.mark.parametrize("token", ["tok_visa", "tok_authentication_required", "tok_declined_other"])
@pytest.mark.parametrize("begun_only", [True, False])
def test_cancelling_closes_whatever_is_not_paid(gateway: SandboxGateway, token: str, begun_only: bool) -> None:
    begun = gateway.begin(payment(token))
    assert isinstance(begun, Begun)
    if not begun_only:
        gateway.charge(payment(token))
    captured = len(gateway.captured())
    result = gateway.cancel(payment(""))
    assert isinstance(result, Succeeded if captured else Cancelled)
    assert gateway.cancel(payment("")) == result
    assert gateway.charge(payment(token)) == result
    assert gateway.authenticate(begun.reference) == result
    assert len(gateway.captured()) == captured
    assert gateway.chargeable() == []


def test_cancelling_what_never_arrived_stops_a_sender_that_slept(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.cancel(payment("")), Cancelled)
    assert isinstance(gateway.charge(payment()), Cancelled)
    assert gateway.captured() == []


def test_a_pending_payment_cannot_be_cancelled(gateway: SandboxGateway) -> None:
    pending = gateway.charge(payment("tok_pending"))
    assert gateway.cancel(payment("")) == pending


@pytest.mark.parametrize("play", ["authenticate", "settle"])
def test_the_world_acts_only_on_what_exists(gateway: SandboxGateway, play: str) -> None:
    with pytest.raises(GatewayInvalidRequest, match="reference"):
        getattr(gateway, play)("pay_nothing")
    with pytest.raises(GatewayInvalidRequest, match="reference"):
        gateway.pay_in_browser(gateway.save(saving()).reference, "tok_visa")  # type: ignore[union-attr, arg-type]


# Time-outs and refusals --------------------------------------------------------------------------------------------


def test_a_time_out_before_charging_leaves_nothing(gateway: SandboxGateway) -> None:
    for _ in range(2):
        assert isinstance(gateway.charge(payment("tok_timeout_before_charging")), Unknown)
    assert gateway.find_charge(payment()) == NotFound()
    assert gateway.captured() == []


def test_a_time_out_after_charging_has_captured(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.charge(payment("tok_timeout_after_charging")), Unknown)
    assert gateway.captured_total("GBP") == TENNER
    repeat = gateway.charge(payment("tok_timeout_after_charging"))
    assert isinstance(repeat, Succeeded)
    assert gateway.find_charge(payment("")) == Found(repeat)
    assert gateway.captured_total("GBP") == TENNER


def test_an_unreachable_gateway_is_not_attempted(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.begin(payment("tok_unreachable")), NotAttempted)
    assert isinstance(gateway.charge(payment("tok_unreachable")), NotAttempted)
    assert isinstance(gateway.save(saving("tok_unreachable")), NotAttempted)
    assert gateway.chargeable() == []


def test_having_begun_does_not_make_a_refused_charge_unknown(gateway: SandboxGateway) -> None:
    gateway.begin(payment())
    gateway.fail_next("charge", Fault.REFUSED)
    assert isinstance(gateway.charge(payment()), NotAttempted)


@pytest.mark.parametrize("first", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("verb", ["charge", "cancel"])
def test_one_try_that_may_have_arrived_makes_a_refused_one_unknown(
    gateway: SandboxGateway, first: Fault, verb: str
) -> None:
    gateway.fail_next("charge", first)
    gateway.fail_next(verb, Fault.REFUSED)
    gateway.charge(payment())
    assert isinstance(getattr(gateway, verb)(payment()), Unknown)


def test_the_memory_of_a_try_outlives_the_process(tmp_path: Path, clock: MovableClock) -> None:
    with SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway:
        gateway.charge(payment("tok_timeout_before_charging"))
    with SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway:
        clock.advance(timedelta(hours=1))
        assert isinstance(gateway.charge(payment("tok_timeout_before_charging")), Unknown)


def changing_calls(gateway: SandboxGateway) -> dict[str, Any]:
    """One call of every changing method, each ready to take effect."""
    charged = paid(gateway, attempt="att_0")
    card = saved(gateway)
    gateway.begin(payment(attempt="att_3"))
    return {
        "begin": lambda: gateway.begin(payment(attempt="att_1")),
        "charge": lambda: gateway.charge(payment(attempt="att_2")),
        "cancel": lambda: gateway.cancel(payment(attempt="att_3")),
        "save": lambda: gateway.save(saving(attempt="sav_2")),
        "forget": lambda: gateway.forget(card, "cus_1"),
        "refund": lambda: gateway.refund(refund_of(charged.reference)),
    }


def picture(gateway: SandboxGateway) -> tuple[Any, ...]:
    return gateway.captured(), gateway.chargeable()


@pytest.mark.parametrize("verb", ["begin", "charge", "cancel", "save", "forget", "refund"])
@pytest.mark.parametrize("fault", Fault)
def test_every_changing_method_can_be_made_to_fail(gateway: SandboxGateway, verb: str, fault: Fault) -> None:
    call = changing_calls(gateway)[verb]
    before = picture(gateway)
    gateway.fail_next(verb, fault)
    answer = call()
    # The payment to cancel was begun before, so a refused cancellation leaves it unknown.
    refused = NotAttempted if fault is Fault.REFUSED and verb != "cancel" else Unknown
    assert isinstance(answer, refused)
    assert (picture(gateway) != before) == (fault is Fault.AFTER)
    assert not isinstance(call(), NotAttempted | Unknown)
    after = picture(gateway)
    assert after != before
    call()
    assert picture(gateway) == after


def test_faults_queue_up_and_then_end(gateway: SandboxGateway) -> None:
    gateway.fail_next("charge", Fault.REFUSED, times=2)
    gateway.fail_next("charge", Fault.BEFORE)
    answers = [type(gateway.charge(payment())) for _ in range(4)]
    assert answers == [NotAttempted, NotAttempted, Unknown, Succeeded]


def test_a_fault_for_an_unknown_method_is_refused(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayInvalidRequest, match="verb"):
        gateway.fail_next("chagre", Fault.BEFORE)


def test_linking_a_customer_is_idempotent_and_can_fail(gateway: SandboxGateway) -> None:
    gateway.fail_next("link_customer", Fault.BEFORE)
    with pytest.raises(GatewayError):
        gateway.link_customer("acct_1")
    assert gateway.link_customer("acct_1") == gateway.link_customer("acct_1") != gateway.link_customer("acct_2")


# The deadline ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_nothing_is_sent_from_send_before_on(gateway: SandboxGateway, clock: MovableClock, late: timedelta) -> None:
    charged = paid(gateway, attempt="att_0")
    gateway.begin(payment(attempt="att_2"))
    before = picture(gateway)
    clock.advance(timedelta(minutes=5) + late)
    answers = [
        gateway.begin(payment()),
        gateway.charge(payment()),
        gateway.charge(payment(attempt="att_2")),
        gateway.save(saving()),
        gateway.refund(refund_of(charged.reference)),
    ]
    assert {type(answer) for answer in answers} == {NotAttempted}
    assert picture(gateway) == before


def test_one_moment_earlier_is_in_time(gateway: SandboxGateway, clock: MovableClock) -> None:
    clock.advance(timedelta(minutes=5) - timedelta(microseconds=1))
    paid(gateway)


def test_past_the_deadline_a_confirmed_attempt_tells_its_present_state(
    gateway: SandboxGateway, clock: MovableClock
) -> None:
    charged = paid(gateway)
    clock.advance(timedelta(hours=1))
    assert gateway.charge(payment()) == charged
    assert gateway.cancel(payment()) == charged


def test_past_the_deadline_a_lost_try_stays_unknown(gateway: SandboxGateway, clock: MovableClock) -> None:
    gateway.fail_next("charge", Fault.BEFORE)
    gateway.charge(payment())
    clock.advance(timedelta(hours=1))
    assert isinstance(gateway.charge(payment()), Unknown)
    assert gateway.captured() == []


def test_cancelling_has_no_deadline_and_fetching_the_client_secret_neither(
    gateway: SandboxGateway, clock: MovableClock
) -> None:
    begun = gateway.begin(payment())
    clock.advance(timedelta(hours=1))
    assert gateway.begin(payment()) == begun
    assert isinstance(gateway.cancel(payment()), Cancelled)


# Saved cards -------------------------------------------------------------------------------------------------------


def test_an_unsaved_card_leaves_nothing_chargeable(gateway: SandboxGateway) -> None:
    assert paid(gateway).saved_card is None
    assert gateway.saved_cards() == []
    assert gateway.chargeable() == []


def test_a_card_is_saved_while_paying(gateway: SandboxGateway) -> None:
    kept = paid(gateway, save_card=True).saved_card
    assert kept is not None
    assert [card.card_token for card in gateway.saved_cards()] == [kept.token]
    again = paid(gateway, attempt="att_2", source=SavedCard(kept.token), save_card=True)
    assert (again.saved_card, len(gateway.saved_cards())) == (None, 1)
    assert again.card == kept.details


@pytest.mark.parametrize("token", ["tok_authentication_required", "tok_pending", "tok_declined_other"])
def test_a_card_is_not_saved_before_its_payment_succeeds(gateway: SandboxGateway, token: str) -> None:
    gateway.charge(payment(token, save_card=True))
    assert gateway.saved_cards() == []


def test_a_card_is_saved_without_charging(gateway: SandboxGateway) -> None:
    result = gateway.save(saving())
    assert isinstance(result, CardSaved)
    assert gateway.save(saving()) == result
    assert gateway.find_card(saving("")) == Found(result)
    assert gateway.complete_save(saving("", reference=result.reference)) == result
    assert gateway.captured() == []
    assert statuses(gateway) == [("card", "saved")]


def test_saving_goes_on_after_authentication(gateway: SandboxGateway) -> None:
    request = saving("tok_authentication_required")
    asked = gateway.save(request)
    assert isinstance(asked, ActionRequired)
    assert gateway.complete_save(request) == asked
    assert gateway.saved_cards() == []
    gateway.authenticate(asked.reference)
    assert isinstance(gateway.complete_save(request), CardSaved)
    assert len(gateway.saved_cards()) == 1


@pytest.mark.parametrize("token", ["tok_declined_expired_card", "tok_authentication_required", "tok_pending"])
def test_a_saving_that_fails_leaves_nothing(gateway: SandboxGateway, token: str) -> None:
    result = gateway.save(saving(token))
    if isinstance(result, ActionRequired):
        result = gateway.authenticate(result.reference, succeed=False)  # type: ignore[assignment]
    if isinstance(result, Pending):
        result = gateway.settle(result.reference, succeed=False)  # type: ignore[assignment]
    assert isinstance(result, Declined)
    assert not result.still_payable
    assert gateway.find_card(saving()) == Found(result)
    assert gateway.chargeable() == []


def test_time_outs_while_saving(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.save(saving("tok_timeout_before_charging", "sav_1")), Unknown)
    assert gateway.find_card(saving(attempt="sav_1")) == NotFound()
    assert isinstance(gateway.save(saving("tok_timeout_after_charging", "sav_2")), Unknown)
    found = gateway.find_card(saving(attempt="sav_2"))
    assert isinstance(found, Found)
    assert isinstance(found.result, CardSaved)


def test_completing_a_saving_that_never_was(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.complete_save(saving()), NotAttempted)
    gateway.fail_next("save", Fault.BEFORE)
    gateway.save(saving())
    assert isinstance(gateway.complete_save(saving()), Unknown)


def test_completing_a_saving_can_fail(gateway: SandboxGateway) -> None:
    gateway.save(saving())
    gateway.fail_next("complete_save", Fault.REFUSED)
    gateway.fail_next("complete_save", Fault.AFTER)
    assert isinstance(gateway.complete_save(saving()), Unknown)
    assert isinstance(gateway.complete_save(saving()), Unknown)


def test_a_saving_with_other_parameters_is_refused(gateway: SandboxGateway) -> None:
    gateway.save(saving())
    for other in (saving("tok_jcb"), saving(account_id="acct_2"), saving(customer_id="cus_2")):
        with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
            gateway.save(other)


@pytest.mark.parametrize("while_paying", [True, False])
def test_a_forgotten_card_is_charged_no_more(gateway: SandboxGateway, while_paying: bool) -> None:
    kept = paid(gateway, save_card=True).saved_card if while_paying else gateway.save(saving())
    assert isinstance(kept, CardSaved)
    card = SavedCard(kept.token)
    for _ in range(2):
        assert gateway.forget(card, "cus_1") == Forgotten()
    result = gateway.charge(payment(attempt="att_2", source=card))
    assert isinstance(result, Declined)
    assert (result.reason, result.advice) == (DeclineReason.METHOD_UNUSABLE, Advice.NEW_METHOD)
    assert gateway.saved_cards() == []


def test_a_look_up_does_not_bring_a_forgotten_card_back(gateway: SandboxGateway) -> None:
    kept = paid(gateway, save_card=True).saved_card
    assert kept is not None
    gateway.forget(SavedCard(kept.token), "cus_1")
    assert paid(gateway, save_card=True).saved_card is None
    gateway.forget(saved(gateway), "cus_1")
    found = gateway.find_card(saving())
    assert isinstance(found, Found)
    assert isinstance(found.result, Cancelled)


def test_forgetting_what_never_was_is_success(gateway: SandboxGateway) -> None:
    assert gateway.forget(SavedCard("card_nothing"), "cus_1") == Forgotten()


def test_a_saved_card_belongs_to_its_customer(gateway: SandboxGateway) -> None:
    card = saved(gateway)
    result = gateway.charge(payment(source=card, customer_id="cus_2", account_id="acct_2"))
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.METHOD_UNUSABLE
    with pytest.raises(GatewayInvalidRequest):
        gateway.forget(card, "cus_2")
    assert len(gateway.saved_cards()) == 1
    assert gateway.captured() == []


def test_a_card_forgotten_during_authentication_does_not_pay(gateway: SandboxGateway) -> None:
    card = saved(gateway, "tok_later_action_required")
    asked = gateway.charge(payment(source=card))
    assert isinstance(asked, ActionRequired)
    gateway.forget(card, "cus_1")
    assert isinstance(gateway.authenticate(asked.reference), Declined)
    assert gateway.captured() == []


@pytest.mark.parametrize(
    ("token", "initiator", "outcome"),
    [
        ("tok_visa", Initiator.UNSCHEDULED, None),
        ("tok_later_declined_off_session", Initiator.UNSCHEDULED, DeclineReason.DO_NOT_HONOUR),
        ("tok_later_declined_off_session", Initiator.RECURRING, DeclineReason.DO_NOT_HONOUR),
        ("tok_later_declined_off_session", Initiator.CUSTOMER, None),
        ("tok_later_insufficient_funds", Initiator.CUSTOMER, DeclineReason.INSUFFICIENT_FUNDS),
        ("tok_later_insufficient_funds", Initiator.RECURRING, DeclineReason.INSUFFICIENT_FUNDS),
        ("tok_later_authentication_required", Initiator.RECURRING, DeclineReason.AUTHENTICATION_REQUIRED),
        ("tok_later_authentication_required", Initiator.CUSTOMER, ActionRequired),
        ("tok_later_action_required", Initiator.UNSCHEDULED, ActionRequired),
        ("tok_later_action_required", Initiator.CUSTOMER, ActionRequired),
    ],
)
def test_a_saved_card_may_give_trouble_later(
    gateway: SandboxGateway, token: str, initiator: Initiator, outcome: DeclineReason | type | None
) -> None:
    kept = paid(gateway, token=token, save_card=True).saved_card
    assert kept is not None
    result = gateway.charge(payment(attempt="att_2", source=SavedCard(kept.token), initiator=initiator))
    if isinstance(outcome, DeclineReason):
        assert isinstance(result, Declined)
        assert result.reason is outcome
    else:
        assert isinstance(result, outcome or Succeeded)


def test_the_customer_completes_the_payment_that_was_declined_off_session(gateway: SandboxGateway) -> None:
    card = saved(gateway, "tok_later_authentication_required")
    declined = gateway.charge(payment(source=card, initiator=Initiator.UNSCHEDULED))
    assert isinstance(declined, Declined)
    assert declined.advice is Advice.CUSTOMER_PRESENT
    assert declined.reference is not None
    assert isinstance(gateway.authenticate(declined.reference), Succeeded)


# Refunds -----------------------------------------------------------------------------------------------------------


def test_a_payment_is_refunded_once_per_attempt(gateway: SandboxGateway) -> None:
    charged = paid(gateway)
    request = refund_of(charged.reference)
    result = gateway.refund(request)
    assert isinstance(result, Refunded)
    assert (result.amount, result.refunded_at) == (TENNER, NOON)
    assert gateway.refund(request) == result
    assert gateway.find_refund(request) == Found(result)
    assert gateway.refunded_total("GBP") == TENNER == gateway.captured_total("GBP")
    assert gateway.charge(payment()) == charged


def test_several_partial_refunds_never_exceed_the_capture(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    parts = [Money("5.00", "GBP"), Money("6.00", "GBP"), Money("1.01", "GBP"), Money("1.00", "GBP")]
    results = [gateway.refund(refund_of(reference, f"ref_{i}", amount=part)) for i, part in enumerate(parts)]
    assert [type(result) for result in results] == [Refunded, Refunded, Declined, Refunded]
    refused = results[2]
    assert isinstance(refused, Declined)
    assert (refused.reason, refused.raw_code) == (DeclineReason.OTHER, "refund_exceeds_capture")
    assert not refused.still_payable
    assert gateway.captured()[0].refunded == TENNER


def test_what_was_not_captured_is_not_refunded(gateway: SandboxGateway) -> None:
    pending = gateway.charge(payment("tok_pending"))
    assert isinstance(pending, Pending)
    refused = gateway.refund(refund_of(pending.reference))
    assert isinstance(refused, Declined)
    assert refused.raw_code == "charge_not_captured"


def test_a_refund_request_that_makes_no_sense_is_refused(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    gateway.refund(refund_of(reference, "ref_0", amount=Money("1", "GBP")))
    kept = gateway.save(saving())
    assert isinstance(kept, CardSaved)
    for request in (
        refund_of("pay_nothing"),
        refund_of(kept.reference),
        refund_of(reference, amount=Money("1", "EUR")),
        refund_of(reference, amount=Money("0.001", "GBP")),
        refund_of(reference, amount=Money("-1", "GBP")),
        refund_of(reference, "ref_0", amount=Money("2", "GBP")),
    ):
        with pytest.raises(GatewayInvalidRequest):
            gateway.refund(request)
    assert gateway.refunded_total("GBP") == Money("1", "GBP")


def test_a_lost_refund_is_found(gateway: SandboxGateway) -> None:
    request = refund_of(paid(gateway).reference)
    assert gateway.find_refund(request) == NotFound()
    gateway.fail_next("refund", Fault.AFTER)
    assert isinstance(gateway.refund(request), Unknown)
    found = gateway.find_refund(request)
    assert isinstance(found, Found)
    assert isinstance(found.result, Refunded)


# Look-ups ----------------------------------------------------------------------------------------------------------


def test_a_charge_is_found_by_its_attempt_or_its_reference(gateway: SandboxGateway) -> None:
    charged = paid(gateway)
    assert gateway.find_charge(payment("")) == Found(charged)
    assert gateway.find_charge(payment("", "att_other", reference=charged.reference)) == Found(charged)
    assert gateway.find_charge(payment("", "att_other")) == NotFound()


def test_an_outage_makes_every_look_up_indeterminate(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    gateway.lookups_available = False
    for answer in (
        gateway.find_charge(payment()),
        gateway.find_card(saving()),
        gateway.find_refund(refund_of(reference)),
    ):
        assert isinstance(answer, Indeterminate)
    gateway.lookups_available = True
    gateway.fail_next("find_charge", Fault.BEFORE)
    assert isinstance(gateway.find_charge(payment()), Indeterminate)
    assert isinstance(gateway.find_charge(payment()), Found)


# Notices -----------------------------------------------------------------------------------------------------------


def one_delivery(gateway: SandboxGateway) -> Delivery:
    paid(gateway)
    (delivery,) = gateway.notices_due()
    return delivery


def test_a_notice_tells_of_each_change_until_it_is_acknowledged(gateway: SandboxGateway, clock: MovableClock) -> None:
    delivery = one_delivery(gateway)
    clock.advance(timedelta(days=1))
    (again,) = gateway.notices_due()
    assert (again.notice_id, again.body) == (delivery.notice_id, delivery.body)
    (notice,) = gateway.notices(again.body, again.headers)
    assert (notice.subject, notice.transaction_id, notice.occurred_at) == (NoticeSubject.CHARGE, "txn_1", NOON)
    assert notice.reference == gateway.captured()[0].reference
    gateway.acknowledge(delivery.notice_id)
    assert gateway.notices_due() == []


def test_notices_tell_of_savings_and_refunds_too(gateway: SandboxGateway) -> None:
    gateway.refund(refund_of(paid(gateway).reference))
    gateway.save(saving())
    notices = [gateway.notices(due.body, due.headers)[0] for due in gateway.notices_due()]
    assert [n.subject for n in notices] == [NoticeSubject.CHARGE, NoticeSubject.REFUND, NoticeSubject.CARD]
    assert [n.transaction_id for n in notices] == ["txn_1", "txn_1", "sav_1"]


def test_a_repeat_that_changes_nothing_is_not_told(gateway: SandboxGateway) -> None:
    gateway.begin(payment())
    assert gateway.notices_due() == []
    one_delivery(gateway)
    gateway.charge(payment())
    gateway.cancel(payment())
    assert len(gateway.notices_due()) == 1


def test_duplicate_notices_come_under_two_ids_twice_each(gateway: SandboxGateway) -> None:
    charged = paid(gateway, token="tok_duplicate_notices")
    due = gateway.notices_due()
    assert len(due) == 4
    assert len({delivery.notice_id for delivery in due}) == 2
    assert {gateway.notices(d.body, d.headers)[0].reference for d in due} == {charged.reference}
    for delivery in due:
        gateway.acknowledge(delivery.notice_id)
    assert gateway.notices_due() == []


@pytest.mark.parametrize("way", [1, -1], ids=["past", "future"])
def test_a_notice_is_taken_up_to_five_minutes_from_now(gateway: SandboxGateway, clock: MovableClock, way: int) -> None:
    delivery = one_delivery(gateway)
    clock.advance(way * timedelta(minutes=5))
    assert gateway.notices(delivery.body, delivery.headers)
    clock.advance(way * timedelta(seconds=1))
    with pytest.raises(NoticeRejected):
        gateway.notices(delivery.body, delivery.headers)


def test_secrets_can_be_rotated(tmp_path: Path, clock: MovableClock) -> None:
    path = tmp_path / "sandbox.db"
    with SandboxGateway(path, clock=clock, secrets=["old"]) as gateway:
        delivery = one_delivery(gateway)
    with SandboxGateway(path, clock=clock, secrets=["new", "old"]) as gateway:
        assert gateway.notices(delivery.body, delivery.headers)
        (fresh,) = gateway.notices_due()
    with SandboxGateway(path, clock=clock, secrets=["new"]) as gateway:
        assert gateway.notices(fresh.body, fresh.headers)
        with pytest.raises(NoticeRejected):
            gateway.notices(delivery.body, delivery.headers)


def test_header_names_are_read_in_any_case_but_only_once(gateway: SandboxGateway) -> None:
    delivery = one_delivery(gateway)
    value = delivery.headers[SIGNATURE_HEADER]
    assert gateway.notices(delivery.body, {"sandbox-signature": value, "Host": "x"})
    with pytest.raises(NoticeRejected):
        gateway.notices(delivery.body, {"sandbox-signature": value, SIGNATURE_HEADER: value})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE_HEADER: ""},
        {SIGNATURE_HEADER: "é" * 100},
        {SIGNATURE_HEADER: "t=1,v1=" + "é" * 64},
        {SIGNATURE_HEADER: "t=\u0661\u0662,v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=" + "9" * 12 + ",v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=" + "9" * 5000 + ",v1=" + "a" * 64},
        {SIGNATURE_HEADER: "t=1,v1=" + "a" * 64 + "\n"},
        {SIGNATURE_HEADER: None},
        {SIGNATURE_HEADER: b"t=1"},
        {None: "x", 7: "y"},
        None,
        "headers",
    ],
    ids=repr,
)
@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"{}", "text", None, 7], ids=repr)
def test_malformed_notices_are_rejected_and_nothing_else(gateway: SandboxGateway, body: Any, headers: Any) -> None:
    with pytest.raises(NoticeRejected):
        gateway.notices(body, headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        "é".encode(),
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'"id"',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        json.dumps({"id": "e", "subject": "other", "reference": "r", "transaction_id": 1, "occurred_at": "x"}).encode(),
        json.dumps(
            {"id": 1, "subject": "other", "reference": "r", "transaction_id": None, "occurred_at": "2027-03-01T12:00Z"}
        ).encode(),
        json.dumps(
            {"id": "e", "subject": "other", "reference": "r", "transaction_id": None, "occurred_at": "2027-03-01"}
        ).encode(),
        json.dumps(
            {"id": "e", "subject": "gift", "reference": "r", "transaction_id": None, "occurred_at": "2027-03-01T12:00Z"}
        ).encode(),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_signed_and_is_no_notice_is_rejected_too(gateway: SandboxGateway, body: bytes) -> None:
    with pytest.raises(NoticeRejected):
        gateway.notices(body, gateway.signed(body))


def test_no_altered_notice_is_accepted(gateway: SandboxGateway) -> None:
    delivery = one_delivery(gateway)
    chance = random.Random(1)
    value = delivery.headers[SIGNATURE_HEADER].encode()
    for _ in range(3000):
        parts = [bytearray(delivery.body), bytearray(value)]
        part = chance.choice(parts)
        part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
        with pytest.raises(NoticeRejected):
            gateway.notices(bytes(parts[0]), {SIGNATURE_HEADER: parts[1].decode("latin-1")})


def test_a_foreign_notice_bears_no_transaction(gateway: SandboxGateway) -> None:
    body = json.dumps(
        {
            "id": "evt_1",
            "subject": "dispute",
            "reference": "dsp_1",
            "transaction_id": None,
            "occurred_at": NOON.isoformat(),
        }
    ).encode()
    (notice,) = gateway.notices(body, gateway.signed(body))
    assert (notice.subject, notice.transaction_id) == (NoticeSubject.DISPUTE, None)
    with pytest.raises(NoticeRejected):
        gateway.notices(body, signature_headers(body, "another", NOON))


# Memory ------------------------------------------------------------------------------------------------------------


def test_the_same_calls_leave_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for name in ("a.db", "b.db"):
        with SandboxGateway(tmp_path / name, clock=MovableClock(NOON)) as gateway:
            results = [call() for call in changing_calls(gateway).values()]
            pictures.append((results, picture(gateway), gateway.notices_due()))
    assert pictures[0] == pictures[1]
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()


def test_references_have_the_form_of_our_own_ids(gateway: SandboxGateway) -> None:
    kept = gateway.save(saving())
    assert isinstance(kept, CardSaved)
    for identifier in (paid(gateway).reference, kept.reference, kept.token, gateway.link_customer("acct_1")):
        assert is_own_id(identifier)


def test_no_secret_shows_in_a_repr(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    asked = gateway.charge(payment("tok_authentication_required", "att_2"))
    kept = gateway.save(saving())
    assert isinstance(begun, Begun)
    assert isinstance(asked, ActionRequired)
    assert isinstance(kept, CardSaved)
    shown = repr((gateway, begun, asked, kept, picture(gateway), gateway.saved_cards()))
    shown += repr((gateway.notices_due(), gateway.find_charge(payment())))
    for secret in (begun.client_secret, asked.client_secret, kept.token, "whsec_sandbox", "tok_visa"):
        assert secret
        assert secret not in shown


def test_totals_are_told_by_currency_and_account(gateway: SandboxGateway) -> None:
    paid(gateway)
    paid(gateway, attempt="att_2", account_id="acct_2")
    paid(gateway, attempt="att_3", amount=Money(500, "JPY"))
    assert gateway.captured_total("GBP") == 2 * TENNER
    assert gateway.captured_total("GBP", account_id="acct_2") == TENNER
    assert gateway.captured_total("JPY") == Money(500, "JPY")
    assert gateway.captured_total("USD") == Money(0, "USD")


@pytest.mark.parametrize("path", [":memory:", "sandbox.db"])
def test_threads_that_repeat_one_attempt_charge_once(tmp_path: Path, clock: MovableClock, path: str) -> None:
    place = path if path == ":memory:" else tmp_path / path
    with SandboxGateway(place, clock=clock) as gateway, ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: gateway.charge(payment(save_card=True)), range(64)))
        assert len(set(map(repr, results))) == 1
        assert len(gateway.captured()) == len(gateway.saved_cards()) == 1


CHARGE_IN_A_PROCESS = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta
    from moneyed import Money
    from interact_ledger.gateways.protocol import ChargeRequest, Initiator, NewCard
    from interact_ledger.gateways.sandbox import SandboxGateway

    print("ready", flush=True)
    sys.stdin.readline()
    gateway = SandboxGateway(sys.argv[1])
    for number in range(int(sys.argv[2])):
        gateway.charge(ChargeRequest(
            attempt_id=f"att_{number}", transaction_id=f"txn_{number}", account_id="acct_1", customer_id="cus_1",
            amount=Money("12.00", "GBP"), source=NewCard("tok_visa"), save_card=False,
            initiator=Initiator.CUSTOMER, send_before=datetime(2999, 1, 1, tzinfo=UTC),
        ))
        print(f"att_{number}", flush=True)
    gateway.close()
    """
)


def charging_process(path: Path, attempts: int) -> subprocess.Popen[str]:
    """A process that is ready to charge, and begins when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHARGE_IN_A_PROCESS, str(path), str(attempts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell_to_begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    with charging_process(path, 100_000) as process:
        assert process.stdout is not None
        tell_to_begin(process)
        answered = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        answered += process.stdout.read().split()
    with SandboxGateway(path) as gateway:
        captured = [c.attempt_id for c in gateway.captured()]
        assert len(captured) == len(set(captured))
        # The last charge may have been captured without anyone having been told.
        assert set(answered) <= set(captured)
        assert len(captured) - len(set(answered)) <= 1
        assert gateway.chargeable() == []


def test_processes_that_start_at_once_share_a_new_file_and_charge_once(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    processes = [charging_process(path, 40) for _ in range(6)]
    for process in processes:
        tell_to_begin(process)
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with SandboxGateway(path) as gateway:
        assert gateway.captured_total("GBP") == 40 * TENNER


def test_every_answer_is_on_the_disk(gateway: SandboxGateway) -> None:
    (row,) = gateway._memory._rows("PRAGMA synchronous")
    full = 2
    assert row[0] == full


def test_a_write_that_fails_leaves_no_trace(gateway: SandboxGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(gateway._memory, "add_notice", full)
        with pytest.raises(OSError, match="space"):
            gateway.charge(payment())
    assert gateway.find_charge(payment()) == NotFound()
    paid(gateway)


def test_a_place_that_cannot_be_used_is_a_misconfiguration(tmp_path: Path) -> None:
    (tmp_path / "not_a_database").write_text("no database at all, but long enough to be read as one" * 10)
    for path in (tmp_path / "missing" / "sandbox.db", tmp_path / "not_a_database"):
        with pytest.raises(GatewayMisconfigured, match="path"):
            SandboxGateway(path)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""], "whsec"])
def test_webhook_secrets_are_needed(secrets: Any) -> None:
    with pytest.raises(GatewayMisconfigured, match="secrets"):
        SandboxGateway(secrets=secrets)


def test_the_windows_can_be_chosen(clock: MovableClock) -> None:
    hour = timedelta(hours=1)
    with SandboxGateway(clock=clock, replay_window=hour, settles_within=2 * hour, lookup_lag=3 * hour) as gateway:
        assert gateway.capabilities.replay_window == hour
        assert gateway.capabilities.safe_delay == 5 * hour
        assert gateway.capabilities.countries is None
