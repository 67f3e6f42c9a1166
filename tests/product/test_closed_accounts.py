"""A closed account takes no command, whichever; what only reads, and facts that are known already, stay readable."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from automatic_helpers import AGREED, MONTHLY
from interact_ledger import Ledger
from interact_ledger.errors import AccountClosed, AccountNotFound, SchemaTooNew
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import LedgerKit
from ledger_helpers import ONE_SEGMENT, at_gateway, funded, gbp, saved, stored


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed account of which much is remembered."""

    kit: LedgerKit
    id: str
    card: str
    quote: str
    used_quote: str
    paid: str
    spend: str
    hold: str
    saving: str
    refund: str
    credit_note: str


@pytest.fixture
def closed(kit: LedgerKit) -> Closed:
    ledger = kit.ledger
    account_id = funded(kit, "50.00")
    used_quote = ledger.checkout(account_id, gbp("10.00")).quote_id
    paid = ledger.top_up(account_id, used_quote, card_token="tok_visa", idempotency_key="paid").transaction_id
    spend = ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend").transaction_id
    refund = ledger.refund(account_id, paid, gbp("0.01"), "why", idempotency_key="refund").refund_id
    (credit_note,) = ledger.credit_notes(account_id)
    hold = ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="hold").hold_id
    ledger.release(account_id, hold, idempotency_key="release")
    saving = ledger.save_card(account_id, "tok_visa", idempotency_key="other").saving_id
    first = ledger.cards(account_id)[0].card_id
    ledger.remove_card(account_id, first, idempotency_key="first")
    card = saved(kit, account_id)
    ledger.remove_card(account_id, card, idempotency_key="remove")
    quote = ledger.checkout(account_id, gbp("10.00")).quote_id
    ledger.close_account(
        account_id, "moved away", idempotency_key="close", paid_out=gbp("59.95"), payout_reference="bank-1"
    )
    noted = credit_note.credit_note_id
    return Closed(kit, account_id, card, quote, used_quote, paid, spend, hold, saving, refund, noted)


KEY = {"idempotency_key": "k"}
DETAILS = {"country": "FR", "region": None, "tax_status": "consumer", "time_zone": "UTC"}
VERIFIED = {"verified_by": "HMRC", "verified_at": datetime(2026, 1, 1, tzinfo=UTC), "reference": "r"}

COMMANDS: dict[str, Callable[[Ledger, Closed], object]] = {
    "change_details": lambda ledger, c: ledger.change_details(c.id, **DETAILS),
    "record_tax_number": lambda ledger, c: ledger.record_tax_number(c.id, "GB980780684", **VERIFIED),
    "withdraw_tax_number": lambda ledger, c: ledger.withdraw_tax_number(c.id, "why"),
    "suspend": lambda ledger, c: ledger.suspend(c.id, "why"),
    "reinstate": lambda ledger, c: ledger.reinstate(c.id, "why"),
    "close_account": lambda ledger, c: ledger.close_account(c.id, "why", **KEY),
    "adjust": lambda ledger, c: ledger.adjust(c.id, gbp("1.00"), "why", **KEY),
    "grant_credit": lambda ledger, c: ledger.grant_credit(c.id, gbp("1.00"), "why", **KEY),
    "notify_below": lambda ledger, c: ledger.notify_below(c.id, gbp("1.00")),
    "checkout": lambda ledger, c: ledger.checkout(c.id, gbp("10.00")),
    "top_up": lambda ledger, c: ledger.top_up(c.id, c.quote, card_token="tok_visa", **KEY),
    "save_card": lambda ledger, c: ledger.save_card(c.id, "tok_visa", **KEY),
    "choose_default_card": lambda ledger, c: ledger.choose_default_card(c.id, c.card),
    "remove_card": lambda ledger, c: ledger.remove_card(c.id, c.card, **KEY),
    "spend": lambda ledger, c: ledger.spend(c.id, ONE_SEGMENT, **KEY),
    "spend_many": lambda ledger, c: ledger.spend_many(c.id, [ONE_SEGMENT], **KEY),
    "refund": lambda ledger, c: ledger.refund(c.id, c.paid, gbp("1.00"), "why", **KEY),
    "reverse_spend": lambda ledger, c: ledger.reverse_spend(c.id, c.spend, "why", **KEY),
    "hold": lambda ledger, c: ledger.hold(c.id, gbp("1.00"), "r", **KEY),
    "settle": lambda ledger, c: ledger.settle(c.id, c.hold, [ONE_SEGMENT], **KEY),
    "release": lambda ledger, c: ledger.release(c.id, c.hold, **KEY),
    "release_number": lambda ledger, c: ledger.release_number(c.id, "+442071234567"),
    "enable_auto_top_up": lambda ledger, c: ledger.enable_auto_top_up(c.id, card_id=c.card, **AGREED),
    "resume_auto_top_up": lambda ledger, c: ledger.resume_auto_top_up(c.id),
    "disable_auto_top_up": lambda ledger, c: ledger.disable_auto_top_up(c.id),
    "enable_monthly_recharge": lambda ledger, c: ledger.enable_monthly_recharge(c.id, card_id=c.card, **MONTHLY),
    "disable_monthly_recharge": lambda ledger, c: ledger.disable_monthly_recharge(c.id),
}

READING: dict[str, Callable[[Ledger, Closed], object]] = {
    "account": lambda ledger, c: ledger.account(c.id),
    "accounts": lambda ledger, _: ledger.accounts(),
    "balance": lambda ledger, c: ledger.balance(c.id),
    "cards": lambda ledger, c: ledger.cards(c.id),
    "disputes": lambda ledger, c: ledger.disputes(c.id),
    "checkout_summary": lambda ledger, c: ledger.checkout_summary(c.id, c.used_quote),
    "estimate": lambda ledger, c: ledger.estimate(c.id, [ONE_SEGMENT]),
    "granted_credit": lambda ledger, c: ledger.granted_credit(c.id),
    "history": lambda ledger, c: ledger.history(c.id),
    "numbers": lambda ledger, c: ledger.numbers(c.id),
    "automatic_payments": lambda ledger, c: ledger.automatic_payments(c.id),
    "payment_methods": lambda ledger, c: ledger.payment_methods(c.id),
    "receipt": lambda ledger, c: ledger.receipt(c.paid),
    "receipts": lambda ledger, c: ledger.receipts(c.id),
    "credit_note": lambda ledger, c: ledger.credit_note(c.credit_note),
    "credit_notes": lambda ledger, c: ledger.credit_notes(c.id),
    "refundable": lambda ledger, c: ledger.refundable(c.id, c.paid),
    "refund_result": lambda ledger, c: ledger.refund_result(c.id, c.refund),
    "statement": lambda ledger, c: ledger.statement(c.id),
    "top_up_result": lambda ledger, c: ledger.top_up_result(c.id, c.paid),
    # Asked about what is over, these return what became of it.
    "complete": lambda ledger, c: ledger.complete(c.id, c.paid),
    "top_up_elsewhere": lambda ledger, c: ledger.top_up_elsewhere(c.id, c.paid, gateway="g", card_token="t"),
    "cancel": lambda ledger, c: ledger.cancel(c.id, c.paid),
    "complete_saving": lambda ledger, c: ledger.complete_saving(c.id, c.saving),
    "cancel_saving": lambda ledger, c: ledger.cancel_saving(c.id, c.saving),
}

OF_NO_ACCOUNT = {
    *("audit", "open", "from_env", "open_account", "on_behalf_of", "receive", "recover", "run_due", "rebuild", "close"),
    "deliver_notifications",
    "look_again",
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_closed_account_takes_no_command(closed, verb):
    before = stored(closed.kit), at_gateway(closed.kit)
    with pytest.raises(AccountClosed) as refused:
        COMMANDS[verb](closed.kit.ledger, closed)
    assert refused.value.field == "account_id"
    assert (stored(closed.kit), at_gateway(closed.kit)) == before


@pytest.mark.parametrize("verb", READING)
def test_a_closed_account_can_be_read(closed, verb):
    before = stored(closed.kit), at_gateway(closed.kit)
    READING[verb](closed.kit.ledger, closed)
    assert (stored(closed.kit), at_gateway(closed.kit)) == before


def test_every_verb_is_known_as_a_command_or_as_reading():
    verbs = {name for name, _ in inspect.getmembers(Ledger, callable) if not name.startswith("_")}
    assert verbs == COMMANDS.keys() | READING.keys() | OF_NO_ACCOUNT


def test_repeating_what_was_done_before_it_was_closed_still_returns_what_was_done(closed):
    ledger, account_id = closed.kit.ledger, closed.id
    before = stored(closed.kit), at_gateway(closed.kit)
    repeated = ledger.top_up(account_id, closed.used_quote, card_token="tok_visa", idempotency_key="paid")
    assert (repeated.transaction_id, repeated.status) == (closed.paid, "succeeded")
    assert ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend").transaction_id == closed.spend
    again = ledger.close_account(
        account_id, "moved away", idempotency_key="close", paid_out=gbp("59.95"), payout_reference="bank-1"
    )
    assert again.standing == "closed"
    assert (stored(closed.kit), at_gateway(closed.kit)) == before


def test_recovery_and_the_schedule_leave_a_closed_account_alone(closed):
    before = stored(closed.kit), at_gateway(closed.kit)
    assert closed.kit.ledger.recover() == []
    assert closed.kit.ledger.run_due() == []
    assert (stored(closed.kit), at_gateway(closed.kit)) == before


FOUND_WITHOUT_ACCOUNT = {"accounts", "audit", "receipt", "credit_note", "checkout_summary"}


@pytest.mark.parametrize("verb", sorted((COMMANDS.keys() | READING.keys()) - FOUND_WITHOUT_ACCOUNT))
def test_an_unknown_account_is_not_found_by_any_verb(closed, verb):
    before = stored(closed.kit), at_gateway(closed.kit)
    unknown = Closed(closed.kit, "unknown", *["unknown"] * 9)
    with pytest.raises(AccountNotFound) as refused:
        (COMMANDS | READING)[verb](closed.kit.ledger, unknown)
    assert refused.value.field == "account_id"
    assert (stored(closed.kit), at_gateway(closed.kit)) == before


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(file_kit, tmp_path):
    funded(file_kit)
    file_kit.ledger.close()
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ledger_schema SET version = version + 1")
        before = list(connection.iterdump())
    connection.close()
    with SandboxGateway() as gateway, pytest.raises(SchemaTooNew, match="upgrade interact_ledger"):
        Ledger.open(f"sqlite:///{path}", gateways=[gateway])
    with sqlite3.connect(path) as connection:
        assert list(connection.iterdump()) == before
    connection.close()
