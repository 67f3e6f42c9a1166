"""Balances of the past, statements by period and page: held against a replay of the account's events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from interact_ledger import Balance
from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import AccountNotFound, InvalidRequest
from interact_ledger.testing import START, LedgerKit
from ledger_helpers import NUMBER, ONE_SEGMENT, funded, gbp, pay, saved


@pytest.fixture
def busy(kit: LedgerKit) -> str:
    """An account to which everything happened that changes a balance, at most once an hour."""
    ledger, clock = kit.ledger, kit.clock
    account_id = funded(kit, "50.00")

    def next_hour() -> None:
        clock.advance(timedelta(hours=1))

    next_hour()
    ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend")
    ledger.spend(account_id, NUMBER, idempotency_key="number")
    next_hour()
    hold = ledger.hold(account_id, gbp("5.00"), "campaign", idempotency_key="hold").hold_id
    ledger.settle(account_id, hold, [ONE_SEGMENT], idempotency_key="settle")
    next_hour()
    ledger.release(account_id, hold, idempotency_key="release")
    saved(kit, account_id)
    pending = pay(kit, account_id, "pending", card_token="tok_pending")
    next_hour()
    kit.gateway.settle(pending.gateway_reference)
    ledger.complete(account_id, pending.transaction_id)
    spend = ledger.spend(account_id, ONE_SEGMENT, idempotency_key="again").transaction_id
    ledger.reverse_spend(account_id, spend, "undelivered", idempotency_key="reverse")
    next_hour()
    ledger.adjust(account_id, gbp("-1.25"), "a correction", idempotency_key="adjust")
    pay(kit, account_id, "declined", card_token="tok_declined_fraud")
    ledger.hold(account_id, gbp("2.00"), "r", idempotency_key="expires", expires_in=timedelta(hours=1))
    clock.set(datetime(2026, 12, 24, tzinfo=UTC))
    ledger.run_due()
    return account_id


def replay(kit: LedgerKit, account_id: str) -> list[Account]:
    """Return the account after each of its events."""
    states: list[Account] = []
    for recorded in kit.ledger.history(account_id, limit=1000):
        states.append(evolve(states[-1] if states else None, recorded))
    return states


def of(state: Account) -> Balance:
    return Balance(
        available=gbp(state.available),
        held=gbp(state.held),
        total=gbp(state.balance),
        pending=gbp(state.pending),
        granted=gbp(state.granted),
    )


# Balances ---------------------------------------------------------------------------------------------------------


def test_the_balance_after_each_version_is_that_of_a_replay(kit, busy):
    states = replay(kit, busy)
    assert len(states) > 25
    for version, state in enumerate(states, start=1):
        assert kit.ledger.balance(busy, version=version) == of(state)
    assert kit.ledger.balance(busy) == of(states[-1])


def test_the_balance_at_each_moment_is_that_of_the_events_recorded_until_then(kit, busy):
    history, states = kit.ledger.history(busy, limit=1000), replay(kit, busy)
    for moment in {recorded.recorded_at for recorded in history}:
        for at in (moment - timedelta(microseconds=1), moment, moment + timedelta(minutes=1)):
            until = [state for recorded, state in zip(history, states, strict=True) if recorded.recorded_at <= at]
            expected = of(until[-1]) if until else of(states[0])
            assert kit.ledger.balance(busy, at=at) == expected


def test_before_the_account_was_opened_its_balance_was_nothing(kit, busy):
    assert kit.ledger.balance(busy, at=START - timedelta(days=1)).total == gbp("0")


def test_a_moment_may_be_said_in_any_time_zone(kit, busy):
    moment = START.astimezone(datetime.fromisoformat("2026-01-01T00:00:00-05:00").tzinfo)
    assert kit.ledger.balance(busy, at=moment) == kit.ledger.balance(busy, at=START)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"version": 0}, "version"),
        ({"version": -1}, "version"),
        ({"version": 10_000}, "version"),
        ({"at": START, "version": 1}, "version"),
        ({"at": START.replace(tzinfo=None)}, "at"),
        ({"at": "2026-11-23"}, "at"),
    ],
)
def test_a_balance_of_no_version_or_moment_is_refused(kit, busy, how, field):
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.balance(busy, **how)
    assert refused.value.field == field


# Statements -------------------------------------------------------------------------------------------------------


def test_a_statement_has_a_line_for_each_change_of_the_total_and_for_nothing_else(kit, busy):
    statement = kit.ledger.statement(busy)
    states = replay(kit, busy)
    changes = [(b.version, b.balance - a.balance, b.balance) for a, b in pairwise(states)]
    expected = [change for change in changes if change[1]]
    assert [(line.version, line.amount.amount, line.balance.amount) for line in statement.lines] == expected
    assert [line.kind for line in statement.lines] == [
        *("payment-captured", "spent", "spent", "hold-settled", "payment-captured", "spent", "spend-reversed"),
        *("balance-adjusted", "number-rental-charged"),
    ]
    assert (statement.opening, statement.closing) == (gbp("0"), kit.ledger.balance(busy).total)
    assert statement.next_cursor is None


def test_the_lines_of_a_statement_say_when_and_by_which_transaction(kit, busy):
    history = {recorded.version: recorded for recorded in kit.ledger.history(busy, limit=1000)}
    for line in kit.ledger.statement(busy).lines:
        recorded = history[line.version]
        assert line.recorded_at == recorded.recorded_at
        assert line.kind == recorded.event.TOPIC
        assert line.transaction_id == recorded.event.operation_id


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
def test_pages_make_up_the_whole_statement(kit, busy, limit):
    whole = kit.ledger.statement(busy)
    lines, after = [], 0
    while after is not None:
        page = kit.ledger.statement(busy, after=after, limit=limit)
        assert page.opening == (lines[-1].balance if lines else gbp("0"))
        assert page.closing == page.lines[-1].balance
        lines.extend(page.lines)
        after = page.next_cursor
    assert tuple(lines) == whole.lines


def test_periods_that_meet_make_up_the_whole_statement(kit, busy):
    whole = kit.ledger.statement(busy)
    bounds = [None, *(START + timedelta(hours=hour, minutes=30) for hour in range(8)), None]
    lines, closing = [], gbp("0")
    for start, end in pairwise(bounds):
        period = kit.ledger.statement(busy, start=start, end=end)
        assert period.opening == closing
        assert period.opening + sum((line.amount for line in period.lines), gbp("0")) == period.closing
        lines.extend(period.lines)
        closing = period.closing
    assert tuple(lines) == whole.lines
    assert closing == whole.closing


def test_a_period_begins_at_its_first_moment_and_ends_before_its_last(kit, busy):
    moment = START + timedelta(hours=1)
    assert [line.kind for line in kit.ledger.statement(busy, start=moment).lines][:2] == ["spent", "spent"]
    assert [line.kind for line in kit.ledger.statement(busy, end=moment).lines] == ["payment-captured"]
    assert kit.ledger.statement(busy, start=moment, end=moment).lines == ()


def test_a_period_in_which_nothing_happened_opens_and_closes_alike(kit, busy):
    whole = kit.ledger.statement(busy)
    later = kit.ledger.statement(busy, start=datetime(2030, 1, 1, tzinfo=UTC))
    assert (later.lines, later.opening, later.closing) == ((), whole.closing, whole.closing)
    before = kit.ledger.statement(busy, end=START)
    assert (before.lines, before.opening, before.closing) == ((), gbp("0"), gbp("0"))
    behind = kit.ledger.statement(busy, after=whole.lines[-1].version)
    assert (behind.lines, behind.opening, behind.closing) == ((), whole.closing, whole.closing)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"start": datetime(2026, 1, 1)}, "start"),  # noqa: DTZ001 - without a time zone, on purpose
        ({"end": datetime(2026, 1, 1)}, "end"),  # noqa: DTZ001
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": True}, "limit"),
    ],
)
def test_a_statement_of_no_period_or_page_is_refused(kit, busy, how, field):
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.statement(busy, **how)
    assert refused.value.field == field


def test_reading_an_unknown_account_is_refused(kit):
    for read in (kit.ledger.balance, kit.ledger.statement, kit.ledger.history, kit.ledger.receipts):
        with pytest.raises(AccountNotFound):
            read("unknown")


def test_a_clock_that_is_set_back_does_not_disorder_a_statement(kit):
    account_id = funded(kit, "10.00")
    kit.clock.advance(timedelta(hours=-3))
    kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend")
    lines = kit.ledger.statement(account_id).lines
    assert [line.recorded_at for line in lines] == [START, START]
    assert lines[-1].balance.amount == Decimal("9.9675")
