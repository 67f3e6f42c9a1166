"""Eight processes spend one balance and run the schedule at the same time: automatic payments stay one at a time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import work
from work import Files, opened

from interact_ledger.domain import events as e
from tellers import gbp

MAX_PER_MONTH = 12
ENDS = (e.PaymentCaptured, e.PaymentDeclined, e.PaymentNotAttempted, e.PaymentCancelled)


def prepared(files: Files) -> str:
    """Open an account with £20, topped up by £10 below £15, at most twelve times a month."""
    with opened(files) as (ledger, _):
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        ledger.adjust(account_id, gbp("20"), "carried over", idempotency_key="start")
        card = ledger.save_card(account_id, "tok_visa", idempotency_key="card").card
        ledger.enable_auto_top_up(
            account_id,
            threshold=gbp("15"),
            amount=gbp("10"),
            card_id=card.card_id,
            max_per_month=MAX_PER_MONTH,
            ceiling=gbp("12"),
            consent_text="yes",
            given_by="customer-1",
            given_at=datetime.now(UTC) - timedelta(minutes=1),
        )
        return account_id


@pytest.mark.programme(row=6, what="spends of 8 processes, topped up automatically", ci=200, release=4_000, each=200)
def test_of_spenders_and_schedulers_in_eight_processes_one_charges_at_a_time(part, files_of_store, together):
    account_id = prepared(files_of_store)
    bought = together(work.spend_and_run_due, files_of_store, account_id, -(-len(part) // work.PROCESSES))
    with opened(files_of_store) as (ledger, gateway):
        history = [recorded.event for recorded in ledger.history(account_id, limit=1000)]
        captured = Counter(payment.transaction_id for payment in gateway.captured())
        started = [event.operation_id for event in history if isinstance(event, e.AutoTopUpStarted)]
        assert 2 < len(started) == len(set(started)) <= MAX_PER_MONTH
        assert set(captured.values()) == {1}
        assert set(captured) == set(started)
        assert one_at_a_time(history)
        spent = sum(isinstance(event, e.Spent) for event in history)
        assert spent == sum(bought)
        left = gbp("20") + gbp("10") * len(started) - gbp("1.30") * spent
        assert ledger.balance(account_id).available == left
        report = ledger.audit()
        assert report.clean, report.findings


def one_at_a_time(history: list[e.Event]) -> bool:
    in_flight = 0
    for event in history:
        in_flight += isinstance(event, e.AutoTopUpStarted) - isinstance(event, ENDS)
        if in_flight not in {0, 1}:
            return False
    return True
