"""Faults that the machine once found, each told as a short story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from moneyed import Money
from world import Cable, PowerCut

from interact_ledger import Ledger
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import LedgerKit, ledger_kit

LONG_ENOUGH = timedelta(hours=2)


@pytest.fixture
def kit() -> Iterator[LedgerKit]:
    with ledger_kit() as opened:
        yield opened


def test_a_hold_is_no_line_of_the_statement_because_the_total_stays(kit: LedgerKit) -> None:
    account_id = kit.account().account_id
    kit.ledger.adjust(account_id, Money("25.00", "GBP"), "goodwill", idempotency_key="a")
    kit.ledger.hold(account_id, Money("5.00", "GBP"), "a call", idempotency_key="b")

    lines = kit.ledger.statement(account_id).lines

    assert [(line.kind, line.amount.amount) for line in lines] == [("balance-adjusted", Decimal(25))]


def test_a_card_saved_with_a_payment_of_another_amount_is_known_and_can_be_removed(kit: LedgerKit) -> None:
    account_id = kit.account().account_id

    result = kit.top_up(account_id, Money("10.00", "GBP"), card_token="tok_captures_less", save_card=True)

    assert result.status == "mismatched"
    [card] = kit.ledger.cards(account_id)
    kit.ledger.remove_card(account_id, card.card_id, idempotency_key="remove")
    assert kit.gateway.chargeable() == []


@pytest.mark.parametrize(("token", "fails"), [("tok_declined_fraud", "cancel"), ("tok_unreachable", "cancel")])
def test_recovery_goes_on_cancelling_what_could_yet_be_paid(kit: LedgerKit, token: str, fails: str) -> None:
    account_id = kit.account().account_id
    kit.gateway.fail_next(fails, Fault.BEFORE)
    kit.top_up(account_id, Money("10.00", "GBP"), card_token=token)
    assert len(kit.gateway.chargeable()) == 1

    kit.clock.advance(LONG_ENOUGH)
    recovered = kit.ledger.recover()

    assert [item.is_over for item in recovered] == [True]
    assert kit.gateway.chargeable() == []


def test_completing_a_saving_does_not_end_it_while_its_sender_may_be_asleep(kit: LedgerKit) -> None:
    cable = Cable(kit.gateway)
    with Ledger.open("sqlite://", gateways=[cable], clock=kit.clock) as ledger:
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        cable.trouble = ("save", "asleep")
        with pytest.raises(PowerCut):
            ledger.save_card(account_id, "tok_visa", idempotency_key="save")
        cable.trouble = None
        saving_id = ledger.history(account_id)[1].event.operation_id

        assert ledger.complete_saving(account_id, saving_id).status == "requested"
        cable.wake()
        assert ledger.complete_saving(account_id, saving_id).status == "succeeded"


def test_a_completion_that_reached_nobody_leaves_the_saving_as_it_is(kit: LedgerKit) -> None:
    cable = Cable(kit.gateway)
    with Ledger.open("sqlite://", gateways=[cable], clock=kit.clock) as ledger:
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        saving = ledger.save_card(account_id, "tok_authentication_required", idempotency_key="save")
        cable.trouble = ("complete_save", "refused")

        assert ledger.complete_saving(account_id, saving.saving_id).status == "action_required"
