"""A real campaign from estimate to statement: 5,574 messages, held at once and settled one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from interact_ledger import Ledger, StatementLine, read_campaign
from interact_ledger.clock import MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import START
from ledger_helpers import gbp

MEMORY_DISK = Path("/dev/shm")
SECONDS_MAX = 60


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """An SQLite file, in a file system in memory where there is one: so the time is the ledger's and not the disk's."""
    if not MEMORY_DISK.is_dir():
        yield tmp_path / "ledger.db"
        return
    with TemporaryDirectory(dir=MEMORY_DISK) as folder:
        yield Path(folder) / "ledger.db"


def pages(ledger: Ledger, account_id: str, limit: int) -> list[StatementLine]:
    """Read a whole statement through its cursors."""
    lines: list[StatementLine] = []
    after: int | None = 0
    while after is not None:
        page = ledger.statement(account_id, after=after, limit=limit)
        assert len(page.lines) <= limit
        assert page.opening + sum((line.amount for line in page.lines), gbp("0")) == page.closing
        assert page.opening == (lines[-1].balance if lines else gbp("0"))
        lines.extend(page.lines)
        after = page.next_cursor
    return lines


def test_a_campaign_costs_exactly_what_was_estimated(file, real_messages):
    campaign = read_campaign(real_messages, "GB")
    assert len(campaign) == 5574
    clock = MovableClock(START)
    with (
        SandboxGateway(clock=clock) as gateway,
        Ledger.open(f"sqlite:///{file}", gateways=[gateway], clock=clock) as ledger,
    ):
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        estimate = ledger.estimate(account_id, campaign)
        assert estimate.messages == 5574
        assert estimate.cost == gbp("0.0325") * estimate.segments

        quote = ledger.checkout(account_id, estimate.top_up)
        paid = ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="top-up")
        assert paid.balance == estimate.top_up
        assert ledger.estimate(account_id, campaign).shortfall == gbp("0")

        hold = ledger.hold(account_id, estimate.cost, "campaign", idempotency_key="hold")
        assert hold.balance == estimate.top_up - estimate.cost

        begun = time.monotonic()
        debited = gbp("0")
        for message in campaign:
            settled = ledger.settle(account_id, hold.hold_id, [message], idempotency_key=message.reference)
            debited += settled.amount
        assert time.monotonic() - begun < SECONDS_MAX

        assert str(debited.amount) == str(estimate.cost.amount)
        balance = ledger.balance(account_id)
        assert (balance.held, balance.total) == (gbp("0"), estimate.top_up - estimate.cost)

        lines = pages(ledger, account_id, 1000)
        assert [line.kind for line in lines] == ["payment-captured"] + ["hold-settled"] * 5574
        assert -sum((line.amount.amount for line in lines[1:]), Decimal(0)) == estimate.cost.amount
        assert lines[-1].balance == balance.total
        assert pages(ledger, account_id, 333) == lines


def test_a_campaign_bought_at_once_costs_the_same_and_undelivered_messages_are_given_back(kit, real_messages):
    campaign = read_campaign(real_messages, "GB")
    account_id = kit.account().account_id
    estimate = kit.ledger.estimate(account_id, campaign)
    kit.top_up(account_id, estimate.top_up)
    bought = kit.ledger.spend_many(account_id, campaign, idempotency_key="campaign")
    assert bought.amount == estimate.cost
    undelivered = [(message.reference, 1) for message in campaign[::7]]
    back = kit.ledger.reverse_spend(
        account_id, bought.transaction_id, "undelivered", lines=undelivered, idempotency_key="back"
    )
    assert back.amount == gbp("0.0325") * sum(message.segments for message in campaign[::7])
    rest = kit.ledger.reverse_spend(account_id, bought.transaction_id, "all of it", idempotency_key="rest")
    assert back.amount + rest.amount == estimate.cost
    assert rest.balance == estimate.top_up
