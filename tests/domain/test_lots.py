"""Granted credit: which lot pays, what a hold keeps alive, what comes back, what expires."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from domain_helpers import NOW, account, balance, history_of, request
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.domain import adjustments, grants, holds, lots, spending, standing
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.errors import InsufficientBalance, InvalidAmount, InvalidRequest

D = Decimal
DAY = timedelta(days=1)


def granted(number, amount, *, priority=50, days=None):
    (event,) = grants.grant(
        account(),
        request(number),
        D(amount),
        "welcome",
        priority=priority,
        expires_at=None if days is None else NOW + days * DAY,
        now=NOW,
    )
    return event


def spent(*events, amount, number=1, now=NOW):
    line = e.SpendLine("a", "message/GB", 1, 1, D(amount))
    return spending.spend(account(*events), request(number), (line,), "v1", now)


def used(event):
    return {part.lot_id: part.amount for part in event.lots}


PURCHASED = balance("10.00")
SOON_OVER, LONG, FOR_EVER = granted(11, "3.00", days=1), granted(12, "3.00", days=9), granted(13, "3.00")
FIRST, LAST = granted(14, "3.00", priority=10, days=30), granted(15, "3.00", priority=60, days=1)
ALL = (PURCHASED, LAST, FOR_EVER, LONG, SOON_OVER, FIRST)


def test_priority_counts_first_then_granted_before_purchased_then_the_earlier_expiry():
    assert used(spent(*ALL, amount="1.00")) == {"txn_14": D("1.00")}
    assert used(spent(*ALL, amount="10.00")) == {"txn_14": 3, "txn_11": 3, "txn_12": 3, "txn_13": 1}
    assert used(spent(*ALL, amount="22.00")) == {"txn_14": 3, "txn_11": 3, "txn_12": 3, "txn_13": 3}
    assert used(spent(*ALL, amount="22.01")) == {
        "txn_14": 3,
        "txn_11": 3,
        "txn_12": 3,
        "txn_13": 3,
        "txn_15": D("0.01"),
    }


def test_a_lot_that_is_used_up_is_gone_and_the_parts_add_up():
    after = account(*ALL, spent(*ALL, amount="4.00"))
    assert set(after.lots) == {"txn_11", "txn_12", "txn_13", "txn_15"}
    assert (after.balance, after.granted, after.purchased) == (D("21.00"), D("11.00"), D("10.00"))


def test_what_is_over_by_the_clock_pays_for_nothing_though_its_expiry_is_not_recorded():
    events = (balance("1.00"), SOON_OVER)
    assert spent(*events, amount="4.00")
    with pytest.raises(InsufficientBalance, match=r"but 1\.00 is available"):
        spent(*events, amount="1.01", now=NOW + DAY)
    assert used(spent(*events, amount="1.00", now=NOW + DAY)) == {}


def test_an_expiry_takes_what_is_left_once_and_not_before_its_time():
    state = account(PURCHASED, SOON_OVER)
    assert lots.expire(state, "txn_11", NOW + DAY - timedelta(microseconds=1)) == []
    (expired,) = lots.expire(state, "txn_11", NOW + DAY)
    assert expired.amount == 3
    after = account(PURCHASED, SOON_OVER, expired)
    assert (after.balance, after.lots) == (D("10.00"), {})
    assert lots.expire(after, "txn_11", NOW + DAY) == []


def test_what_a_hold_reserves_of_a_lot_does_not_expire_before_the_hold_ends():
    events = (balance("1.00"), SOON_OVER)
    (held,) = holds.hold(account(*events), request(2), D("2.00"), "campaign", NOW + 9 * DAY, NOW)
    events = (*events, held)
    (expired,) = lots.expire(account(*events), "txn_11", NOW + DAY)
    assert expired.amount == 1
    events = (*events, expired)
    lines = (e.SpendLine("a", "message/GB", 1, 1, D("0.50")),)
    (settled,) = holds.settle(account(*events), request(3), "txn_2", [], lines, "v1", NOW + 2 * DAY)
    assert used(settled) == {"txn_11": D("0.50")}
    events = (*events, settled)
    assert lots.expire(account(*events), "txn_11", NOW + 2 * DAY) == []
    (released,) = holds.release(account(*events), request(4), "txn_2", [])
    events = (*events, released)
    assert lots.available(account(*events), NOW + 2 * DAY) == 1
    (rest,) = lots.expire(account(*events), "txn_11", NOW + 2 * DAY)
    assert rest.amount == D("1.50")
    assert account(*events, rest).balance == 1


def test_what_is_given_back_goes_where_it_came_from_the_last_taken_first():
    before = (balance("1.00"), LAST, SOON_OVER)
    line = e.SpendLine("a", "message/GB", 5, 1, D("1.00"))
    bought = spending.spend(account(*before), request(1), (line,), "v1", NOW)
    assert used(bought) == {"txn_11": 3, "txn_15": 1}
    events = (*before, bought)
    parts = []
    for number in range(5, 10):
        (back,) = spending.reverse_spend(
            account(*events), request(number), "txn_1", history_of(*events), [("a", 1)], "undelivered"
        )
        parts.append(used(back))
        events = (*events, back)
    assert parts == [{"txn_15": 1}, {}, {"txn_11": 1}, {"txn_11": 1}, {"txn_11": 1}]
    after = account(*events)
    assert after.lots == account(*before).lots
    assert after.balance == account(*before).balance


def test_closing_forfeits_what_was_granted():
    events = (granted(11, "3.00"), granted(12, "1.00"))
    closing = standing.close(
        account(*events), request(1), "asked", paid_out=D(0), payout_reference=None, minor_unit=D("0.01")
    )
    assert [event.TOPIC for event in closing] == ["credit-expired", "credit-expired", "account-closed"]
    assert account(*events, *closing).balance == 0


def test_a_grant_is_of_something_and_not_over_yet():
    with pytest.raises(InvalidAmount):
        granted(1, "0.00")
    with pytest.raises(InvalidRequest):
        granted(1, "1.00", days=0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "spend", "hold", "settle", "release", "back", "take", "expire"]),
        st.integers(1, 400),
        st.sampled_from([10, 50, 50, 60]),
        st.sampled_from([None, 1, 2, 5]),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_happens_the_parts_add_up_and_no_lot_is_overdrawn(steps):
    """Money is conserved with lots in play, and each lot ends where its own events put it."""
    told: list[e.Event] = [balance("5.00")]
    for number, (step, cents, priority, days) in enumerate(steps, start=100):
        now, amount = NOW + number * DAY / 30, D(cents) / 100
        state = account(*told)
        try:
            events = list(decided(step, state, told, number, amount, priority, days, now))
        except InsufficientBalance:
            continue
        told += events
        after = account(*told)
        assert after.balance == after.granted + after.purchased + after.held - held_of_lots(after)
        assert all(0 <= lot.held <= lot.remaining for lot in after.lots.values())
        assert held_of_lots(after) == sum(sum(hold.lots.values()) for hold in after.holds.values())
        assert lots.available(after, now) >= 0
    final = account(*told)
    given = sum(event.amount for event in told if isinstance(event, e.CreditGranted))
    gone = sum(event.amount for event in told if isinstance(event, e.CreditExpired))
    took = sum(
        part.amount for event in told if isinstance(event, e.Purchase | e.BalanceAdjusted) for part in event.lots
    )
    back = sum(part.amount for event in told if isinstance(event, e.SpendReversed) for part in event.lots)
    assert final.granted == given - gone - took + back


def held_of_lots(state: Account) -> Decimal:
    return sum((lot.held for lot in state.lots.values()), D(0))


def decided(step, state, told, number, amount, priority, days, now):
    line = e.SpendLine("a", "message/GB", 1, 1, amount)
    hold_id = next(iter(state.holds), None)
    match step:
        case "grant":
            over_at = None if days is None else now + days * DAY
            yield from grants.grant(
                state, request(number), amount, "why", priority=priority, expires_at=over_at, now=now
            )
        case "spend":
            yield spending.spend(state, request(number), (line,), "v1", now)
        case "hold":
            yield from holds.hold(state, request(number), amount, "r", now + 3 * DAY, now)
        case "settle" if hold_id and amount <= state.holds[hold_id].remaining and now < state.holds[hold_id].expires_at:
            yield from holds.settle(state, request(number), hold_id, [], (line,), "v1", now)
        case "release" if hold_id:
            yield from holds.release(state, request(number), hold_id, [])
        case "back":
            given_back = {event.spend_id for event in told if isinstance(event, e.SpendReversed)}
            bought = [event.operation_id for event in told if isinstance(event, e.Purchase)]
            for spend_id in [one for one in bought if one not in given_back][:1]:
                yield from spending.reverse_spend(state, request(number), spend_id, history_of(*told), None, "why")
        case "take":
            yield from adjustments.adjust(state, request(number), -amount, "why", now)
        case "expire":
            for lot_id in list(state.lots)[:1]:
                yield from lots.expire(state, lot_id, now)
