"""Customers are told at least once, in order, from where it was left off, whatever happens to who tells them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat

from automatic_helpers import MONTHLY, with_auto_top_up, with_monthly_recharge
from interact_ledger import Message
from interact_ledger.errors import InvalidAmount, InvalidRequest
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, ledger_kit
from ledger_helpers import funded, gbp


def told(kit, subscriber="mailer"):
    seen = []
    kit.ledger.deliver_notifications(subscriber, seen.append)
    return [(event.get_type(), event.get_data()) for event in seen]


def kinds(kit, subscriber="mailer"):
    return [kind.removeprefix("interact_ledger.") for kind, _ in told(kit, subscriber)]


def spend(kit, account_id, key, quantity):
    kit.ledger.spend(account_id, Message(key, "GB", segments=1, quantity=quantity), idempotency_key=key)


def test_a_low_balance_is_told_each_time_it_becomes_low_and_not_while_it_is(kit):
    account_id = funded(kit, "10.00")
    kit.ledger.notify_below(account_id, gbp("9.00"))
    assert kinds(kit) == []
    for key, quantity in (("a", 10), ("b", 30), ("c", 30)):  # 9.675, 8.70, 7.725
        spend(kit, account_id, key, quantity)
    assert [(kind, data["available"], data["threshold"]) for kind, data in told(kit)] == [
        ("interact_ledger.low_balance", "8.7000", "9.00")
    ]
    kit.top_up(account_id, gbp("10.00"))
    spend(kit, account_id, "d", 300)
    assert kinds(kit) == ["low_balance"]
    kit.ledger.notify_below(account_id, None)
    kit.ledger.adjust(account_id, gbp("5.00"), "goodwill", idempotency_key="up")
    spend(kit, account_id, "e", 100)
    assert kinds(kit) == []


def test_what_is_held_is_not_available(kit):
    account_id = funded(kit, "10.00")
    kit.ledger.notify_below(account_id, gbp("9.00"))
    kit.ledger.hold(account_id, gbp("2.00"), "campaign", idempotency_key="hold")
    assert kinds(kit) == ["low_balance"]


def test_a_threshold_is_more_than_zero_and_repeating_it_changes_nothing(kit):
    account_id = funded(kit, "10.00")
    with pytest.raises(InvalidAmount):
        kit.ledger.notify_below(account_id, gbp("0"))
    version = kit.ledger.notify_below(account_id, gbp("1.00")).version
    assert kit.ledger.notify_below(account_id, gbp("1.00")).version == version
    assert kit.ledger.notify_below(account_id, None).version == version + 1
    assert kit.ledger.notify_below(account_id, None).version == version + 1


def test_automatic_payments_tell_of_the_first_failure_of_a_pause_and_of_what_ended(kit):
    account_id, card_id = with_auto_top_up(kit, "tok_later_insufficient_funds")
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.ledger.adjust(account_id, gbp("-10.00"), "spent", idempotency_key="down")
    for hours in (0, 6, 12):
        kit.clock.advance(timedelta(hours=hours))
        kit.ledger.run_due()
    kit.clock.set(START + timedelta(days=10))
    kit.ledger.run_due()
    (failed, paused, ended) = told(kit)
    assert (failed[0], failed[1]["next_try_at"]) == ("interact_ledger.auto_top_up_failed", "2026-11-23T15:30:00Z")
    assert (paused[0], paused[1]["reason"]) == ("interact_ledger.auto_top_up_paused", "failures")
    assert (ended[0], ended[1]["reason"]) == ("interact_ledger.monthly_recharge_disabled", "card_refused")
    assert kit.ledger.audit().clean


@pytest.mark.parametrize("token", ["tok_later_authentication_required", "tok_later_action_required"])
def test_an_auto_top_up_that_wants_its_owner_is_told_once_with_why_and_with_no_next_try(kit, token):
    account_id, _ = with_auto_top_up(kit, token)
    kit.ledger.adjust(account_id, gbp("-10.00"), "spent", idempotency_key="down")
    kit.ledger.run_due()
    ((kind, data),) = told(kit)
    assert (kind, data["reason"]) == ("interact_ledger.auto_top_up_paused", "authentication")
    payment = kit.ledger.top_up_result(account_id, data["transaction_id"])
    assert (payment.status, payment.decline_advice) in {("declined", "customer_present"), ("action_required", None)}
    assert kit.ledger.audit().clean


def test_a_monthly_recharge_that_wants_its_owner_is_told_while_it_can_be_completed(kit):
    with_monthly_recharge(kit, "tok_later_action_required")
    kit.clock.set(START + timedelta(days=10))
    kit.ledger.run_due()
    ((kind, data),) = told(kit)
    assert (kind, data["expires_at"]) == ("interact_ledger.monthly_recharge_action_required", "2026-12-03T10:30:00Z")
    kit.clock.advance(timedelta(hours=2))
    kit.ledger.recover()
    ((kind, data),) = told(kit)
    assert (kind, data["reason"]) == ("interact_ledger.monthly_recharge_disabled", "authentication")
    assert kit.ledger.audit().clean


def test_a_monthly_recharge_that_is_declined_for_want_of_its_owner_says_so(kit):
    with_monthly_recharge(kit, "tok_later_authentication_required")
    kit.clock.set(START + timedelta(days=10))
    kit.ledger.run_due()
    ((kind, data),) = told(kit)
    assert (kind, data["reason"]) == ("interact_ledger.monthly_recharge_disabled", "authentication")


def test_a_cap_that_is_reached_is_told_and_an_unreached_gateway_is_not(kit):
    with_auto_top_up(kit, threshold=gbp("100.00"), max_per_month=1)
    kit.gateway.fail_next("charge", Fault.REFUSED)
    for _ in range(3):
        kit.ledger.run_due()
        kit.clock.advance(timedelta(minutes=10))
    ((kind, data),) = told(kit)
    assert (kind, data["cap"], data["next_try_at"]) == (
        "interact_ledger.auto_top_up_capped",
        "max_per_month",
        "2026-12-01T00:00:00Z",
    )


def test_a_refund_and_a_suspension_are_told_in_their_order(kit):
    account_id = kit.account().account_id
    paid = kit.top_up(account_id, gbp("10.00"))
    refund = kit.ledger.refund(account_id, paid.transaction_id, gbp("6.00"), "asked", idempotency_key="back")
    kit.ledger.suspend(account_id, "review")
    kit.ledger.suspend(account_id, "review once more")
    (done, suspended) = told(kit)
    assert done == (
        "interact_ledger.refund_done",
        {
            "account_id": account_id,
            "version": done[1]["version"],
            "refund_id": refund.refund_id,
            "transaction_id": paid.transaction_id,
            "total": "6.00",
            "currency": "GBP",
        },
    )
    assert suspended[0] == "interact_ledger.account_suspended"


def test_a_dispute_and_what_somebody_paid_back_elsewhere_are_told(kit):
    account_id = kit.account().account_id
    paid = kit.top_up(account_id, gbp("10.00"))
    kit.gateway.refund_in_dashboard(paid.gateway_reference, gbp("3.00"))
    kit.gateway.open_dispute(paid.gateway_reference)
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    assert sorted(kinds(kit)) == ["dispute_opened", "refund_done"]
    assert kit.ledger.audit().integrity == ()


def test_each_subscriber_has_a_position_of_its_own(kit):
    kit.ledger.suspend(funded(kit), "review")
    assert kinds(kit) == ["account_suspended"]
    assert kinds(kit) == []
    assert kinds(kit, "archive") == ["account_suspended"]


def test_what_a_handler_could_not_take_comes_again_under_the_same_id_and_nothing_before_it(kit):
    accounts = [funded(kit) for _ in range(3)]
    for account_id in accounts:
        kit.ledger.suspend(account_id, "review")
    seen = []

    def fails_once(event):
        seen.append(event.get_id())
        if len(seen) == 2:
            raise ConnectionError("the mail server is away")

    with pytest.raises(ConnectionError):
        kit.ledger.deliver_notifications("mailer", fails_once)
    assert kit.ledger.deliver_notifications("mailer", fails_once) == 2
    assert [name.partition("/")[0] for name in seen] == [accounts[0], accounts[1], accounts[1], accounts[2]]
    assert seen[1] == seen[2]


def test_a_notification_is_a_cloud_event_that_its_own_library_reads_back(kit):
    kit.ledger.suspend(funded(kit), "review")
    seen = []
    kit.ledger.deliver_notifications("mailer", seen.append)
    written = JSONFormat().write(seen[0])
    assert json.loads(written)["specversion"] == "1.0"
    assert JSONFormat().read(None, written).get_attributes() == seen[0].get_attributes()


def test_rebuilding_tells_nobody_again(kit):
    kit.ledger.suspend(funded(kit), "review")
    assert kinds(kit) == ["account_suspended"]
    kit.ledger.rebuild()
    assert kinds(kit) == []
    assert kinds(kit, "new") == ["account_suspended"]


def test_nothing_is_missed_beside_writers(kit):
    accounts = [funded(kit) for _ in range(6)]
    seen = []

    def suspend_all(_):
        for account_id in accounts:
            kit.ledger.suspend(account_id, "review")
            kit.ledger.reinstate(account_id, "reviewed")

    with ThreadPoolExecutor(3) as threads:
        work = [threads.submit(suspend_all, number) for number in range(3)]
        while not all(one.done() for one in work):
            kit.ledger.deliver_notifications("mailer", seen.append)
        for one in work:
            one.result()
    kit.ledger.deliver_notifications("mailer", seen.append)
    recorded = [
        f"{one.stream_id}/{one.version}/account_suspended"
        for account_id in accounts
        for one in kit.ledger.history(account_id, limit=1000)
        if one.event.TOPIC == "account-suspended"
    ]
    assert sorted(event.get_id() for event in seen) == sorted(recorded)


def test_progress_is_told_and_what_cannot_be_called_is_refused(kit):
    kit.ledger.suspend(funded(kit), "review")
    steps = []
    kit.ledger.deliver_notifications("mailer", lambda _: None, lambda done, of: steps.append((done, of)))
    assert steps[-1][0] == steps[-1][1] > 0
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.deliver_notifications("mailer", "no function")
    assert refused.value.field == "handle"


DELIVERING = """
import sys
import time
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, ledger_kit
with ledger_kit(sys.argv[1]) as kit:
    kit.ledger.deliver_notifications("mailer", lambda event: [print(event.get_id(), flush=True), time.sleep(0.05)])
"""


def test_whoever_delivers_may_be_killed_at_any_moment(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_kit(url) as kit:
        accounts = [kit.account().account_id for _ in range(40)]
        for account_id in accounts:
            kit.ledger.suspend(account_id, "review")
    seen: list[str] = []
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", DELIVERING, url], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            seen += [process.stdout.readline().strip() for _ in range(5)]
            os.kill(process.pid, signal.SIGKILL)
            seen += process.stdout.read().split()
        assert process.returncode == -signal.SIGKILL, "it was killed before it had delivered everything"
    with ledger_kit(url) as kit:
        kit.ledger.deliver_notifications("mailer", lambda event: seen.append(event.get_id()))
    assert {name.partition("/")[0] for name in seen} == set(accounts)
    assert len(seen) <= len(accounts) + 5, "each kill repeats one at most"
