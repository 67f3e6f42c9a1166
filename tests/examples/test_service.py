"""The example service tops up and spends, and stays as short as it says it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moneyed import Money

import service
from interact_ledger.testing import LedgerKit, ledger_kit


@pytest.fixture
def kit() -> Iterator[LedgerKit]:
    with ledger_kit() as opened:
        yield opened


@pytest.fixture
def messaging(kit) -> service.MessagingService:
    return service.MessagingService(kit.ledger)


def topped_up(messaging: service.MessagingService, card_token: str = "tok_visa") -> str:
    account_id = messaging.sign_up("customer-1", "GB")
    summary = messaging.review(account_id, "50.00")
    messaging.pay(account_id, summary.quote_id, card_token, "order-1")
    return account_id


def test_a_customer_tops_up_and_sends(messaging, kit):
    account_id = topped_up(messaging)
    assert messaging.send(account_id, "m-1", "GB", "Hello")
    assert kit.ledger.balance(account_id).available == Money("49.9675", "GBP")


def test_signing_up_twice_gives_one_account(messaging):
    assert messaging.sign_up("customer-1", "GB") == messaging.sign_up("customer-1", "GB")


def test_a_repeated_message_is_charged_once(messaging, kit):
    account_id = topped_up(messaging)
    for _ in range(2):
        assert messaging.send(account_id, "m-1", "GB", "Hello")
    assert kit.ledger.balance(account_id).available == Money("49.9675", "GBP")


def test_without_balance_nothing_is_sent(messaging):
    assert not messaging.send(messaging.sign_up("customer-1", "GB"), "m-1", "GB", "Hello")


def test_what_was_lost_is_credited_within_the_minute(messaging, kit):
    account_id = topped_up(messaging, "tok_timeout_after_charging")
    kit.clock.advance(timedelta(minutes=1))
    messaging.every_minute()
    assert kit.ledger.balance(account_id).available == Money("50.00", "GBP")


def test_it_runs_as_it_is(capsys):
    service.main()
    charged, sent = capsys.readouterr().out.splitlines()
    assert charged.startswith("succeeded: charged 60.00, balance 50.00, txn_")
    assert sent == "sent: True, balance 49.9675"


def test_it_is_shorter_than_sixty_lines():
    assert len(Path(service.__file__).read_text(encoding="utf-8").splitlines()) < 60
