"""What the sandbox remembers: the same on every run, through crashes, and shared by threads and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moneyed import Money
from sandbox_helpers import NOON, TWELVE, changing_calls, charge, paid, payment, picture, refund_of, save, saved, saving

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.protocol import ActionRequired, Begun, CardSaved, Forgotten, Found, NotFound, Refunded
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.ids import is_own_id


def test_the_same_calls_leave_the_same_bytes(tmp_path: Path) -> None:
    pictures = []
    for name in ("a.db", "b.db"):
        with SandboxGateway(tmp_path / name, clock=MovableClock(NOON)) as gateway:
            results = [call() for call in changing_calls(gateway).values()]
            pictures.append((results, picture(gateway), gateway.notices_due()))
    assert pictures[0] == pictures[1]
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()


def test_references_have_the_form_of_our_own_ids(gateway: SandboxGateway) -> None:
    kept = save(gateway)
    assert isinstance(kept, CardSaved)
    for identifier in (paid(gateway).reference, kept.reference, kept.token, gateway.link_customer("acct_1")):
        assert is_own_id(identifier)


def test_no_secret_shows_in_a_repr(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    asked = charge(gateway, "tok_authentication_required", "att_2")
    kept = save(gateway)
    assert isinstance(begun, Begun)
    assert isinstance(asked, ActionRequired)
    assert isinstance(kept, CardSaved)
    shown = repr((gateway, begun, asked, kept, picture(gateway), gateway.saved_cards()))
    shown += repr((gateway.notices_due(), gateway.find_charge(payment())))
    for secret in (begun.client_secret, asked.client_secret, kept.token, "whsec_sandbox", "tok_visa"):
        assert secret
        assert secret not in shown


def test_totals_are_told_by_currency_and_account(gateway: SandboxGateway) -> None:
    paid(gateway)
    paid(gateway, attempt="att_2", account_id="acct_2")
    paid(gateway, attempt="att_3", amount=Money(500, "JPY"))
    assert gateway.captured_total("GBP") == 2 * TWELVE
    assert gateway.captured_total("GBP", account_id="acct_2") == TWELVE
    assert gateway.captured_total("JPY") == Money(500, "JPY")
    assert gateway.captured_total("USD") == Money(0, "USD")


@pytest.mark.parametrize("path", [":memory:", "sandbox.db"])
def test_threads_that_repeat_one_attempt_charge_once(tmp_path: Path, clock: MovableClock, path: str) -> None:
    place = path if path == ":memory:" else tmp_path / path
    with SandboxGateway(place, clock=clock) as gateway, ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: charge(gateway, save_card=True), range(64)))
        assert len(set(map(repr, results))) == 1
        assert len(gateway.captured()) == len(gateway.saved_cards()) == 1


def test_threads_share_a_memory_that_is_in_no_file(gateway: SandboxGateway) -> None:
    def whole_life(number: int) -> None:
        attempt, saving_attempt = f"att_{number}", f"sav_{number}"
        gateway.begin(payment(attempt))
        charged = paid(gateway, attempt=attempt)
        card = saved(gateway, attempt=saving_attempt)
        assert isinstance(gateway.refund(refund_of(charged.reference, f"ref_{number}")), Refunded)
        assert gateway.find_charge(payment(attempt)) == Found(charged)
        assert isinstance(gateway.complete_save(saving(saving_attempt)), CardSaved)
        assert gateway.forget(card, "cus_1") == Forgotten()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(whole_life, range(48)))
    assert gateway.captured_total("GBP") == gateway.refunded_total("GBP") == 48 * TWELVE
    assert gateway.chargeable() == []
    # Each was told of its payment, its saving, its refund, and the saving's end.
    assert len({delivery.notice_id for delivery in gateway.notices_due()}) == 4 * 48


CHARGE_IN_A_PROCESS = textwrap.dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta
    from moneyed import Money
    from interact_ledger.clock import SystemClock
    from interact_ledger.gateways.protocol import ChargeRequest, Initiator, NewCard
    from interact_ledger.gateways.sandbox import SandboxGateway

    print("ready", flush=True)
    sys.stdin.readline()
    gateway = SandboxGateway(sys.argv[1], clock=SystemClock())
    for number in range(int(sys.argv[2])):
        gateway.charge(ChargeRequest(
            attempt_id=f"att_{number}", transaction_id=f"txn_{number}", account_id="acct_1", customer_id="cus_1",
            amount=Money("12.00", "GBP"), save_card=False,
            initiator=Initiator.CUSTOMER, send_before=datetime(2999, 1, 1, tzinfo=UTC),
        ), NewCard("tok_visa"))
        print(f"att_{number}", flush=True)
    gateway.close()
    """
)


def charging_process(path: Path, attempts: int) -> subprocess.Popen[str]:
    """A process that is ready to charge, and begins when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHARGE_IN_A_PROCESS, str(path), str(attempts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell_to_begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")


def test_what_was_answered_survives_kill_9(tmp_path: Path, clock: MovableClock) -> None:
    path = tmp_path / "sandbox.db"
    with charging_process(path, 100_000) as process:
        assert process.stdout is not None
        tell_to_begin(process)
        answered = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        answered += process.stdout.read().split()
    with SandboxGateway(path, clock=clock) as gateway:
        captured = [c.attempt_id for c in gateway.captured()]
        assert len(captured) == len(set(captured))
        # The last charge may have been captured without anyone having been told.
        assert set(answered) <= set(captured)
        assert len(captured) - len(set(answered)) <= 1
        assert gateway.chargeable() == []


def test_processes_that_start_at_once_share_a_new_file_and_charge_once(tmp_path: Path, clock: MovableClock) -> None:
    path = tmp_path / "sandbox.db"
    processes = [charging_process(path, 40) for _ in range(6)]
    for process in processes:
        tell_to_begin(process)
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with SandboxGateway(path, clock=clock) as gateway:
        assert gateway.captured_total("GBP") == 40 * TWELVE


def test_every_answer_is_on_the_disk(gateway: SandboxGateway) -> None:
    (row,) = gateway._memory._rows("PRAGMA synchronous")
    full = 2
    assert row[0] == full


def test_a_write_that_fails_leaves_no_trace(gateway: SandboxGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(gateway._memory, "add_notice", full)
        with pytest.raises(OSError, match="space"):
            charge(gateway)
    assert gateway.find_charge(payment()) == NotFound()
    paid(gateway)


def test_a_place_that_cannot_be_used_is_a_misconfiguration(tmp_path: Path, clock: MovableClock) -> None:
    (tmp_path / "not_a_database").write_text("no database at all, but long enough to be read as one" * 10)
    for path in (tmp_path / "missing" / "sandbox.db", tmp_path / "not_a_database"):
        with pytest.raises(GatewayMisconfigured, match="path"):
            SandboxGateway(path, clock=clock)


@pytest.mark.parametrize("secrets", [[], [""], ["good", ""], "whsec"])
def test_webhook_secrets_are_needed(clock: MovableClock, secrets: Any) -> None:
    with pytest.raises(GatewayMisconfigured, match="secrets"):
        SandboxGateway(clock=clock, secrets=secrets)


def test_the_windows_can_be_chosen(clock: MovableClock) -> None:
    hour = timedelta(hours=1)
    with SandboxGateway(clock=clock, replay_window=hour, settles_within=2 * hour, lookup_lag=3 * hour) as gateway:
        assert gateway.capabilities.replay_window == hour
        assert gateway.capabilities.safe_delay == 5 * hour
        assert gateway.capabilities.countries is None
