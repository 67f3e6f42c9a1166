"""A year of accounts with both agreements: each charge explained, no month twice, none missed while the card worked."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from automatic_helpers import AGREED, MONTHLY, charged_as, spend, with_card
from interact_ledger.domain import events as e
from interact_ledger.errors import InsufficientBalance
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import gbp

BEGIN = datetime(2027, 1, 1, 12, tzinfo=UTC)
DAYS = 366
ZONES = ("Europe/London", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata", "America/Havana")
MAX_PER_MONTH = 4


def opened(kit: LedgerKit, chance: random.Random) -> str:
    """Open an account that spends, with both agreements."""
    account_id, card_id = with_card(kit, balance="30.00", time_zone=chance.choice(ZONES))
    agreed = {"card_id": card_id, "given_at": BEGIN}
    caps = {"max_per_month": MAX_PER_MONTH, "max_value_per_day": gbp("50.00")}
    kit.ledger.enable_auto_top_up(account_id, **AGREED | agreed | caps)
    kit.ledger.enable_monthly_recharge(account_id, **MONTHLY | agreed | {"day": chance.randint(1, 31)})
    return account_id


def live(kit: LedgerKit, accounts: Sequence[str], chance: random.Random) -> None:
    """Let a year go by: spends on most days, a schedule with outages of up to four weeks, a gateway with faults."""
    until_up = 0
    for day in range(DAYS):
        kit.clock.set(BEGIN + timedelta(days=day, minutes=chance.randrange(600)))
        for account_id in accounts:
            if chance.random() < 0.4:
                with suppress(InsufficientBalance):
                    spend(kit, account_id, f"{chance.randint(1, 9)}.00", f"{day}")
        if day == DAYS // 2:
            fail_for_good(kit, accounts[::10])
        if until_up == 0 and chance.random() < 0.01:
            until_up = chance.randint(2, 28)
        until_up = max(0, until_up - 1)
        if not until_up:
            run(kit, chance, faults=0.2)
    for _ in range(3):
        kit.clock.advance(timedelta(days=1))
        run(kit, chance, faults=0)


def run(kit: LedgerKit, chance: random.Random, *, faults: float) -> None:
    if chance.random() < faults:
        kit.gateway.fail_next("charge", chance.choice(list(Fault)), times=chance.randint(1, 3))
    for minutes in (6, 6):
        kit.ledger.run_due()
        kit.clock.advance(timedelta(minutes=minutes))
        kit.ledger.recover()


def fail_for_good(kit: LedgerKit, accounts: Sequence[str]) -> None:
    """From here on the cards of these accounts are declined."""
    working, declined = kit.gateway.charge, charged_as(kit, "tok_declined_expired_card")
    kit.gateway.charge = lambda request, source: (declined if request.account_id in accounts else working)(
        request, source
    )


@pytest.mark.programme(row=13, what="accounts charged automatically for a year", ci=30, release=1_000, each=10)
def test_a_year_of_automatic_payments_is_explained_and_complete(part, tried):
    chance = random.Random(part.start)
    with ledger_kit(start=BEGIN) as kit:
        accounts = [opened(kit, chance) for _ in part]
        live(kit, accounts, chance)
        paid = Counter(captured.transaction_id for captured in kit.gateway.captured())
        explained = 0
        for position, account_id in enumerate(accounts):
            explained += check(kit, account_id, paid, card_works=position % 10 != 0)
        assert explained == paid.total() > 12 * len(accounts)
        assert set(paid.values()) == {1}
        assert kit.ledger.audit().counts.keys() <= {"unsettled"}
    tried(len(part))


def check(kit: LedgerKit, account_id: str, paid: Counter[str], *, card_works: bool) -> int:
    """Check one account's year; return how many of the gateway's captures its agreements explain."""
    recorded = list(read(kit, account_id))
    recharges = [event for event in recorded if isinstance(event, e.MonthlyRechargeStarted)]
    top_ups = [event for event in recorded if isinstance(event, e.AutoTopUpStarted)]
    months = [event.month for event in recharges]
    assert len(set(months)) == len(months), "a month was charged twice"
    assert all(event.passed_over == () for event in recharges), "a month was missed"
    if card_works:
        agreed = next(event for event in recorded if isinstance(event, e.MonthlyRechargeEnabled))
        missing = set(every_month(agreed.next_month, "2027-12")) - {
            one.month for one in recharges if paid[one.operation_id]
        }
        assert missing == set(), "a month was not charged"
    per_month: dict[str, int] = defaultdict(int)
    for event in top_ups:
        per_month[event.month] += paid[event.operation_id]
    assert max(per_month.values(), default=0) <= MAX_PER_MONTH
    credited = {event.operation_id for event in recorded if isinstance(event, e.PaymentCaptured)}
    explained = {event.operation_id for event in (*recharges, *top_ups)}
    assert credited <= explained
    return sum(paid[operation_id] for operation_id in explained)


def every_month(first: str, last: str) -> list[str]:
    return [f"2027-{month:02}" for month in range(1, 13) if first <= f"2027-{month:02}" <= last]


def read(kit: LedgerKit, account_id: str):
    after = 0
    while page := kit.ledger.history(account_id, after=after, limit=1000):
        yield from (recorded.event for recorded in page)
        after = page[-1].version
