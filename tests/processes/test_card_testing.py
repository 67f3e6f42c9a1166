"""Stolen cards are not tried here for long: declines and new cards are counted, and a service may say no itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from interact_ledger import CardAttempt, Ledger, Settings
from interact_ledger.errors import CardAttemptRefused, ConfigurationError
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.settings import CardTesting
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import at_gateway, funded, gbp, stored

HOUR = timedelta(hours=1)
THREE = CardTesting(declines_max=3, cards_max=3, window=HOUR)
DECLINED = "tok_declined_fraud"


@pytest.fixture
def kit() -> Iterator[LedgerKit]:
    settings = Settings.default().model_copy(update={"card_testing": THREE})
    with ledger_kit(settings=settings) as opened:
        yield opened


@contextmanager
def refused(kit: LedgerKit, match: str) -> Iterator[None]:
    before = stored(kit), at_gateway(kit)
    with pytest.raises(CardAttemptRefused, match=match):
        yield
    assert (stored(kit), at_gateway(kit)) == before, "nothing was stored or sent"


def pay(kit, account_id, token="tok_visa", key=None, save_card=False):
    quote = kit.ledger.checkout(account_id, gbp("10.00")).quote_id
    return lambda: kit.ledger.top_up(
        account_id, quote, card_token=token, idempotency_key=key or quote, save_card=save_card
    )


def test_after_so_many_declines_no_card_is_tried_until_the_first_of_them_is_long_past(kit):
    account_id = kit.account().account_id
    for _ in range(3):
        assert pay(kit, account_id, DECLINED)().status == "declined"
        kit.clock.advance(timedelta(minutes=10))
    good = pay(kit, account_id)
    with refused(kit, "declined 3 times"):
        good()
    with refused(kit, "try again after 2026-11-23 10:30 UTC"):
        kit.ledger.save_card(account_id, "tok_visa", idempotency_key="save")
    kit.clock.advance(timedelta(minutes=30))
    assert pay(kit, account_id)().status == "succeeded"


def test_a_decline_of_a_saving_counts_like_one_of_a_payment(kit):
    account_id = kit.account().account_id
    for number in range(3):
        kit.ledger.save_card(account_id, DECLINED, idempotency_key=f"save-{number}")
    good = pay(kit, account_id)
    with refused(kit, "3 times"):
        good()


def test_new_cards_to_keep_are_counted_alone_and_with_a_payment_and_others_are_not(kit):
    account_id = kit.account().account_id
    for _ in range(5):
        assert pay(kit, account_id)().status == "succeeded"
    for _ in range(2):
        pay(kit, account_id, save_card=True)()
    kit.ledger.save_card(account_id, "tok_mastercard", idempotency_key="third")
    with refused(kit, "given new cards to keep 3 times"):
        kit.ledger.save_card(account_id, "tok_visa", idempotency_key="fourth")


def test_one_account_does_not_lock_another(kit):
    account_id, other = kit.account().account_id, funded(kit)
    for _ in range(3):
        pay(kit, account_id, DECLINED)()
    assert pay(kit, other)().status == "succeeded"


def test_a_repeat_is_answered_although_new_attempts_are_refused(kit):
    account_id = kit.account().account_id
    attempts = [pay(kit, account_id, DECLINED) for _ in range(3)]
    first = [attempt() for attempt in attempts]
    assert [attempt() for attempt in attempts] == first


def unsent(kit, account_id, number):
    """Return so many payments that surely reached no gateway."""
    payments = [pay(kit, account_id, DECLINED) for _ in range(number)]
    for payment in payments:
        kit.gateway.fail_next("begin", Fault.REFUSED)
        assert payment().status == "not_attempted"
    return payments


def test_who_is_locked_out_cannot_go_on_with_what_was_not_attempted_before(kit):
    account_id = kit.account().account_id
    payments = unsent(kit, account_id, 4)
    kit.gateway.fail_next("save", Fault.REFUSED)
    assert kit.ledger.save_card(account_id, DECLINED, idempotency_key="save").status == "not_attempted"
    assert [payment().status for payment in payments[:3]] == ["declined"] * 3
    with refused(kit, "declined 3 times"):
        payments[3]()
    with refused(kit, "declined 3 times"):
        kit.ledger.save_card(account_id, DECLINED, idempotency_key="save")
    kit.clock.advance(HOUR)
    assert kit.ledger.save_card(account_id, DECLINED, idempotency_key="save").status == "declined"


def test_a_card_to_keep_is_counted_when_it_is_asked_for_and_not_with_each_of_its_attempts(kit):
    account_id = kit.account().account_id
    for key in ("one", "two", "three"):
        kit.gateway.fail_next("save", Fault.REFUSED)
        kit.ledger.save_card(account_id, "tok_visa", idempotency_key=key)
    assert kit.ledger.save_card(account_id, "tok_visa", idempotency_key="three").status == "succeeded"


def test_what_was_counted_survives_a_snapshot_and_a_restart(tmp_path):
    settings = Settings.default().model_copy(update={"card_testing": THREE})
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_kit(url, settings=settings) as kit:
        account_id = kit.account().account_id
        for _ in range(3):
            pay(kit, account_id, DECLINED)()
        for number in range(200):
            kit.ledger.adjust(account_id, gbp("0.01"), "past a snapshot", idempotency_key=f"adjust-{number}")
    with ledger_kit(url, settings=settings) as kit:
        good = pay(kit, account_id)
        with refused(kit, "3 times"):
            good()


def test_a_service_may_refuse_by_a_policy_of_its_own(kit):
    asked: list[CardAttempt] = []

    def policy(attempt: CardAttempt) -> str | None:
        asked.append(attempt)
        return "is not known to us yet" if attempt.is_new_card and attempt.kind == "save_card" else None

    with Ledger.open("sqlite://", gateways=[kit.gateway], clock=kit.clock, attempt_policy=policy) as ledger:
        strict = LedgerKit(ledger, kit.clock, kit.gateway)
        account_id = strict.account().account_id
        assert pay(strict, account_id, DECLINED)().status == "declined"
        with refused(strict, "account_id: is not known to us yet"):
            ledger.save_card(account_id, "tok_visa", idempotency_key="save")
    assert [(one.kind, one.is_new_card, len(one.declined_at)) for one in asked][:1] == [("top_up", True, 0)]
    assert [(one.kind, one.is_new_card, len(one.declined_at)) for one in asked][-1] == ("save_card", True, 1)
    assert asked[0].owner == "customer-1"


def test_a_policy_must_be_something_to_call(kit):
    with pytest.raises(ConfigurationError) as error:
        Ledger.open("sqlite://", gateways=[kit.gateway], attempt_policy="no")
    assert error.value.field == "attempt_policy"
