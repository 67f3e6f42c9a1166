"""What was left open is brought to its true end, from the log and the gateway alone, however often it is asked for."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from interact_ledger import Ledger, Settings
from interact_ledger.clock import MovableClock
from interact_ledger.domain import events as e
from interact_ledger.errors import GatewayMisconfigured, QuoteExpired
from interact_ledger.gateways.protocol import Found, NotAttempted, Pending
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.ids import operation_id
from interact_ledger.processes import top_up
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import at_gateway, available, events_of, gbp, opened, pay, saved, stored, topics

SEND = timedelta(seconds=60)
SAFE = SEND + timedelta(seconds=10) + timedelta(seconds=60)
"""Nothing is sent after the first; what is not found after the second was never sent."""
SECOND = timedelta(seconds=1)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def account_id(kit: LedgerKit) -> str:
    return kit.account().account_id


def kill(monkeypatch: pytest.MonkeyPatch, gateway: SandboxGateway, verb: str, *, after: bool) -> None:
    """Let our process end in the next call of a gateway's verb, before or after it has its effect."""
    real = getattr(gateway, verb)

    def call(*arguments: object) -> None:
        monkeypatch.setattr(gateway, verb, real)
        if after:
            real(*arguments)
        raise Killed

    monkeypatch.setattr(gateway, verb, call)


def outcomes(kit: LedgerKit) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.outcome, one.is_over) for one in kit.ledger.recover()]


def repeated(kit: LedgerKit, account_id: str, token: str = "tok_visa"):
    quote_id = events_of(kit, account_id, e.CheckoutQuoted)[0].quote_id
    return kit.ledger.top_up(account_id, quote_id, card_token=token, idempotency_key="pay")


# A charge whose answer was lost -----------------------------------------------------------------------------------


def test_a_charge_that_never_arrived_is_left_alone_until_that_is_proven(kit, account_id):
    unknown = pay(kit, account_id, card_token="tok_timeout_before_charging")
    assert (unknown.status, unknown.balance) == ("unknown", gbp("0"))
    kit.clock.set(START + SEND - SECOND)
    assert outcomes(kit) == [("payment", "not due yet", False)]
    kit.clock.set(START + SAFE - SECOND)
    assert outcomes(kit) == [("payment", "unknown", False)]
    kit.clock.set(START + SAFE)
    assert outcomes(kit) == [("payment", "not_attempted", True)]
    assert kit.gateway.chargeable() == []
    assert kit.ledger.balance(account_id).pending == gbp("0")


def test_a_quote_that_expired_meanwhile_is_not_charged_by_a_repeat(kit, account_id):
    assert pay(kit, account_id, card_token="tok_timeout_before_charging").status == "unknown"
    kit.clock.advance(timedelta(days=1))
    with pytest.raises(QuoteExpired):
        repeated(kit, account_id, "tok_timeout_before_charging")
    assert kit.gateway.captured() == []


def test_a_charge_that_arrived_is_credited_as_soon_as_its_sender_is_surely_gone(kit, account_id):
    assert pay(kit, account_id, card_token="tok_timeout_after_charging").status == "unknown"
    kit.clock.advance(SEND)
    assert outcomes(kit) == [("payment", "succeeded", True)]
    assert available(kit, account_id) == gbp("50.00")


@pytest.mark.parametrize("token", ["tok_timeout_before_charging", "tok_timeout_after_charging"])
def test_repeating_an_unknown_payment_in_time_sends_the_same_attempt_again(kit, account_id, token):
    pay(kit, account_id, card_token=token)
    kit.clock.set(START + SEND - SECOND)
    assert repeated(kit, account_id, token).status == ("unknown" if "before" in token else "succeeded")
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert [attempt.number for attempt in events_of(kit, account_id, e.PaymentAttempted)] == [1]
    assert len(kit.gateway.captured()) == ("after" in token)


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("verb", ["begin", "charge"])
def test_a_lost_answer_and_a_repeat_charge_once(kit, account_id, verb, fault):
    kit.gateway.fail_next(verb, fault)
    assert pay(kit, account_id).status == "unknown"
    assert repeated(kit, account_id).status == "succeeded"
    assert kit.gateway.captured_total("GBP") == gbp("60.00")
    assert available(kit, account_id) == gbp("50.00")


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("verb", ["begin", "charge"])
def test_too_late_to_be_sent_again_an_unknown_payment_waits_for_proof_and_is_then_attempted_anew(
    kit, account_id, verb, fault
):
    kit.gateway.fail_next(verb, fault)
    pay(kit, account_id)
    kit.clock.set(START + SAFE - SECOND)
    charged = (verb, fault) == ("charge", Fault.AFTER)
    assert repeated(kit, account_id).status == ("succeeded" if charged else "unknown")
    kit.clock.set(START + SAFE)
    assert repeated(kit, account_id).status == "succeeded"
    assert [a.number for a in events_of(kit, account_id, e.PaymentAttempted)] == ([1] if charged else [1, 2])
    assert kit.gateway.captured_total("GBP") == gbp("60.00")
    assert available(kit, account_id) == gbp("50.00")


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_an_unknown_payment_that_is_called_off_ends_cancelled_or_paid(kit, account_id, fault):
    kit.gateway.fail_next("charge", fault)
    unknown = pay(kit, account_id)
    ended = kit.ledger.cancel(account_id, unknown.transaction_id)
    assert ended.status == ("cancelled" if fault is Fault.BEFORE else "succeeded")
    assert kit.gateway.chargeable() == []
    assert available(kit, account_id) == (gbp("0") if fault is Fault.BEFORE else gbp("50.00"))


def test_while_the_gateway_cannot_be_asked_nothing_is_decided(kit, account_id):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    kit.clock.advance(timedelta(days=30))
    kit.gateway.lookups_available = False
    before = stored(kit)
    assert outcomes(kit) == [("payment", "unknown", False)]
    assert stored(kit) == before
    kit.gateway.lookups_available = True
    assert outcomes(kit) == [("payment", "succeeded", True)]


def test_a_gateway_without_keys_that_can_be_replayed_is_not_sent_the_same_attempt_again():
    clock = MovableClock(START)
    with (
        SandboxGateway(clock=clock, replay_window=timedelta(0)) as gateway,
        Ledger.open("sqlite://", gateways=[gateway], clock=clock) as ledger,
    ):
        kit = LedgerKit(ledger, clock, gateway)
        account_id = kit.account().account_id
        gateway.fail_next("charge", Fault.BEFORE)
        pay(kit, account_id)
        assert repeated(kit, account_id).status == "unknown"
        assert gateway.captured() == []


# A process that was killed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["link_customer", "begin", "charge"])
def test_a_top_up_whose_process_was_killed_ends_by_recovery(kit, account_id, monkeypatch, verb, after):
    kill(monkeypatch, kit.gateway, verb, after=after)
    with pytest.raises(Killed):
        pay(kit, account_id)
    kit.clock.advance(SAFE)
    charged = verb == "charge" and after
    assert outcomes(kit) == [("payment", "succeeded" if charged else "not_attempted", True)]
    assert kit.gateway.chargeable() == []
    assert available(kit, account_id) == (gbp("50.00") if charged else gbp("0"))
    assert repeated(kit, account_id).status == "succeeded"
    assert kit.gateway.captured_total("GBP") == gbp("60.00")
    assert available(kit, account_id) == gbp("50.00")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_decline_whose_cancellation_was_cut_off_is_cancelled_by_recovery(kit, account_id, monkeypatch, after):
    kill(monkeypatch, kit.gateway, "cancel", after=after)
    with pytest.raises(Killed):
        pay(kit, account_id, card_token="tok_declined_insufficient_funds")
    kit.clock.advance(SAFE)
    assert outcomes(kit) == [("payment", "declined", True)]
    assert kit.gateway.chargeable() == []
    assert topics(kit, account_id)[-1] == "payment-cancelled"


def test_a_declined_payment_that_the_old_tab_paid_before_it_could_be_cancelled_is_credited(
    kit, account_id, monkeypatch
):
    kill(monkeypatch, kit.gateway, "cancel", after=False)
    with pytest.raises(Killed):
        pay(kit, account_id, card_token="tok_declined_insufficient_funds")
    (declined,) = kit.gateway.chargeable()
    kit.gateway.pay_in_browser(declined.reference, "tok_visa")
    kit.clock.advance(SAFE)
    assert outcomes(kit) == [("payment", "succeeded", True)]
    assert available(kit, account_id) == gbp("50.00")


def test_a_sender_that_slept_past_its_time_sends_nothing(kit, account_id, monkeypatch):
    begin = kit.gateway.begin

    def slow_begin(request: object) -> object:
        answer = begin(request)
        kit.clock.advance(SEND)
        return answer

    monkeypatch.setattr(kit.gateway, "begin", slow_begin)
    assert pay(kit, account_id).status == "unknown"
    assert kit.gateway.captured() == []
    kit.clock.advance(SAFE)
    assert outcomes(kit) == [("payment", "not_attempted", True)]


def test_recovery_works_in_another_process_on_the_same_database(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id = kit.account().account_id
        kit.gateway.fail_next("charge", Fault.AFTER)
        pay(kit, account_id)
        kit.clock.advance(SEND)
        with Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) as other:
            assert [one.outcome for one in other.recover()] == ["succeeded"]
        assert available(kit, account_id) == gbp("50.00")
        assert outcomes(kit) == []


# However often, by however many -----------------------------------------------------------------------------------


def leave_all_kinds_open(kit: LedgerKit, accounts: int) -> list[str]:
    """Open accounts with a lost charge, a lost saving and a lost removal each; return them."""
    account_ids = []
    for number in range(accounts):
        account_id = opened(kit, f"customer-{number}").account_id
        card_id = saved(kit, account_id)
        kit.gateway.fail_next("charge", Fault.AFTER if number % 2 else Fault.BEFORE)
        pay(kit, account_id)
        kit.gateway.fail_next("save", Fault.AFTER if number % 3 else Fault.BEFORE)
        kit.ledger.save_card(account_id, "tok_mastercard", idempotency_key="lost")
        kit.gateway.fail_next("forget", Fault.AFTER if number % 2 else Fault.BEFORE)
        kit.ledger.remove_card(account_id, card_id, idempotency_key="remove")
        account_ids.append(account_id)
    return account_ids


def all_is_well(kit: LedgerKit, account_ids: list[str]) -> None:
    for number, account_id in enumerate(account_ids):
        assert available(kit, account_id) == (gbp("50.00") if number % 2 else gbp("0"))
        assert kit.gateway.captured_total("GBP", account_id=account_id) == gbp("60.00") * (number % 2)
        assert [card.brand for card in kit.ledger.cards(account_id)] == ["mastercard"] * bool(number % 3)
    known = sorted(card.token for a in account_ids for card in kit.ledger._context.accounts.load(a).cards.values())
    assert sorted(card.card_token for card in kit.gateway.saved_cards()) == known
    assert {one.kind for one in kit.gateway.chargeable()} == {"card"}


def test_recovery_settles_all_kinds_once_and_then_finds_nothing(kit):
    account_ids = leave_all_kinds_open(kit, 6)
    kit.clock.advance(SAFE)
    done = []
    recovered = kit.ledger.recover(on_progress=lambda count, of: done.append((count, of)))
    assert done == [(count, 18) for count in range(1, 19)]
    assert Counter(one.kind for one in recovered) == {"payment": 6, "card_saving": 6, "card_removal": 6}
    assert all(one.is_over for one in recovered)
    all_is_well(kit, account_ids)
    before = stored(kit), at_gateway(kit)
    assert kit.ledger.recover() == []
    assert (stored(kit), at_gateway(kit)) == before


def test_recovery_that_was_cut_short_is_gone_on_with(kit):
    account_ids = leave_all_kinds_open(kit, 4)
    kit.clock.advance(SAFE)

    def stop(count: int, of: int) -> None:
        if count == of // 2:
            raise Killed

    with pytest.raises(Killed):
        kit.ledger.recover(stop)
    assert len(kit.ledger.recover()) == 6
    all_is_well(kit, account_ids)


def test_one_account_that_cannot_be_recovered_does_not_keep_others_from_it(kit):
    account_ids = leave_all_kinds_open(kit, 2)
    kit.clock.advance(SAFE)
    kit.gateway.fail_next("find_charge", Fault.BEFORE)
    first = kit.ledger.recover()
    assert [one.is_over for one in first].count(False) == 1
    assert [one.is_over for one in kit.ledger.recover()] == [True]
    all_is_well(kit, account_ids)


def test_several_ledgers_recover_at_once_and_each_thing_ends_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_ids = leave_all_kinds_open(kit, 6)
        kit.clock.advance(SAFE)
        ledgers = [Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            rounds = [future.result() for future in [threads.submit(ledger.recover) for ledger in ledgers]]
        for ledger in ledgers:
            ledger.close()
        assert all(one.is_over for recovered in rounds for one in recovered)
        all_is_well(kit, account_ids)
        captures = [receipt for a in account_ids for receipt in kit.ledger.receipts(a)]
        assert sorted(r.invoice_number for r in captures) == [f"interact-gb-{n:06d}" for n in (1, 2, 3)]


def test_several_threads_that_repeat_one_payment_charge_once(kit, account_id):
    quote_id = kit.ledger.checkout(account_id, gbp("50.00")).quote_id

    def pay_it(_: int) -> str:
        return kit.ledger.top_up(account_id, quote_id, card_token="tok_visa", idempotency_key="pay").status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(pay_it, range(24))) <= {"succeeded", "requested", "unknown"}
    kit.clock.advance(SAFE)
    kit.ledger.recover()
    assert kit.gateway.captured_total("GBP") == gbp("60.00")
    assert available(kit, account_id) == gbp("50.00")


def test_recovery_waits_for_the_times_that_the_settings_and_the_gateway_say():
    times = {"send_within": timedelta(seconds=10), "clock_difference_max": timedelta(seconds=5)}
    content = Settings.default().model_dump() | times
    with ledger_kit(settings=Settings.model_validate(content)) as kit:
        account_id = kit.account().account_id
        pay(kit, account_id, card_token="tok_timeout_before_charging")
        kit.clock.set(START + timedelta(seconds=74))
        assert outcomes(kit) == [("payment", "unknown", False)]
        kit.clock.set(START + timedelta(seconds=75))
        assert outcomes(kit) == [("payment", "not_attempted", True)]


@pytest.mark.parametrize("refused", [False, True], ids=["reached nobody", "refused outright"])
def test_a_repeat_that_failed_leaves_unknown_what_an_earlier_try_did(kit, account_id, monkeypatch, refused):
    """An adapter speaks of its own call only; that an earlier one may have charged is the ledger's to remember."""
    kit.gateway.fail_next("charge", Fault.AFTER)
    pay(kit, account_id)

    def fail(*_: object) -> NotAttempted:
        if refused:
            raise GatewayMisconfigured("the key was revoked")
        return NotAttempted(why="the connection was refused")

    with monkeypatch.context() as patch:
        patch.setattr(kit.gateway, "charge", fail)
        if refused:
            with pytest.raises(GatewayMisconfigured):
                repeated(kit, account_id)
        else:
            assert repeated(kit, account_id).status == "unknown"
    kit.clock.advance(SAFE)
    assert outcomes(kit) == [("payment", "succeeded", True)]
    assert available(kit, account_id) == gbp("50.00")


def test_a_gateway_that_refuses_our_credentials_charges_nothing_and_is_tried_again_when_they_are_right(
    kit, account_id, monkeypatch
):
    def refuse(*_: object) -> None:
        raise GatewayMisconfigured("the key was revoked")

    with monkeypatch.context() as patch:
        patch.setattr(kit.gateway, "charge", refuse)
        with pytest.raises(GatewayMisconfigured):
            pay(kit, account_id)
    assert kit.gateway.chargeable() == []
    assert topics(kit, account_id)[-3:] == ["payment-cancel-requested", "payment-not-attempted", "payment-cancelled"]
    assert repeated(kit, account_id).status == "succeeded"


def test_a_gateway_that_cannot_be_asked_by_recovery_is_reported_and_asked_again(kit, account_id, monkeypatch):
    pay(kit, account_id, card_token="tok_timeout_after_charging")
    kit.clock.advance(SAFE)

    def refuse(*_: object) -> None:
        raise GatewayMisconfigured("the key was revoked")

    with monkeypatch.context() as patch:
        patch.setattr(kit.gateway, "find_charge", refuse)
        assert outcomes(kit) == [("payment", "gateway_misconfigured: the key was revoked", False)]
    assert outcomes(kit) == [("payment", "succeeded", True)]


@pytest.mark.parametrize("result", [RuntimeError("sk_live_secret"), Found(Pending(reference=None))])
def test_an_adapter_that_fails_on_one_payment_holds_up_no_other(kit, monkeypatch, result):
    accounts = [opened(kit).account_id, opened(kit, "customer-2").account_id]
    for account_id in accounts:
        pay(kit, account_id, card_token="tok_timeout_after_charging")
    kit.clock.advance(SAFE)
    real = kit.gateway.find_charge

    def find_charge(request):
        if request.account_id != accounts[0]:
            return real(request)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(kit.gateway, "find_charge", find_charge)
    assert sorted(outcomes(kit)) == [
        ("payment", f"failed: {'RuntimeError' if isinstance(result, Exception) else 'ValidationError'}", False),
        ("payment", "succeeded", True),
    ]

    monkeypatch.undo()
    assert outcomes(kit) == [("payment", "succeeded", True)]


def test_a_late_capture_leaves_no_later_attempt_unwatched(kit, account_id, monkeypatch):
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    asked = {"card_token": "tok_pending", "idempotency_key": "k"}
    real = kit.gateway.charge
    sent = []

    def charge(request, source):  # says that nothing was sent, which it was
        sent.append((request, source))
        return NotAttempted(why="a false no") if len(sent) == 1 else real(request, source)

    monkeypatch.setattr(kit.gateway, "begin", lambda _: None)
    monkeypatch.setattr(kit.gateway, "charge", charge)
    assert kit.ledger.top_up(account_id, quote.quote_id, **asked).status == "not_attempted"
    first = top_up.load(kit.ledger._context, account_id, operation_id(account_id, "k"))
    second = kit.ledger.top_up(account_id, quote.quote_id, **asked)
    assert second.status == "pending"

    pending = real(*sent[0])
    kit.gateway.settle(pending.reference)
    top_up._record(kit.ledger._context, account_id, first, kit.gateway.find_charge(sent[0][0]).result)
    kit.gateway.settle(second.gateway_reference)
    kit.clock.advance(SAFE)

    assert outcomes(kit) == [("payment", "succeeded", True)]
    assert len(kit.gateway.captured()) == 2
    assert available(kit, account_id) == gbp("100.00")
    found = {finding.code for finding in kit.ledger.audit().findings}
    assert "capture_late" in found
    assert "capture_differs" not in found


def test_a_recovery_that_looked_before_another_ended_the_attempt_leaves_the_next_alone(kit, account_id, monkeypatch):
    kit.gateway.fail_next("charge", Fault.BEFORE)
    assert pay(kit, account_id, card_token="tok_authentication_required").status == "unknown"
    kit.clock.set(START + SAFE)
    real = kit.gateway.find_charge

    def find(request):
        found = real(request)
        monkeypatch.setattr(kit.gateway, "find_charge", real)
        assert outcomes(kit) == [("payment", "not_attempted", True)]
        assert repeated(kit, account_id, "tok_authentication_required").status == "action_required"
        return found

    monkeypatch.setattr(kit.gateway, "find_charge", find)
    assert outcomes(kit) == [("payment", "action_required", False)]
    first, second = (begun.reference for begun in events_of(kit, account_id, e.PaymentBegun))
    kit.gateway.authenticate(second)
    kit.clock.advance(timedelta(hours=1))
    assert outcomes(kit) == [("payment", "succeeded", True)]
    assert first != second


@pytest.mark.parametrize("short_by", [timedelta(0), timedelta(microseconds=1)])
def test_an_attempt_is_only_repeated_where_its_key_outlives_the_last_of_its_tries_on_the_way(monkeypatch, short_by):
    clock = MovableClock(START)
    with (
        SandboxGateway(clock=clock, replay_window=SAFE - short_by) as gateway,
        Ledger.open("sqlite://", gateways=[gateway], clock=clock) as ledger,
    ):
        kit = LedgerKit(ledger, clock, gateway)
        account_id = kit.account().account_id
        gateway.fail_next("charge", Fault.BEFORE)
        pay(kit, account_id)
        assert repeated(kit, account_id).status == ("unknown" if short_by else "succeeded")


def test_an_attempt_is_not_repeated_at_a_gateway_that_may_have_forgotten_its_key(monkeypatch):
    clock = MovableClock(START)
    with (
        SandboxGateway(clock=clock, replay_window=SEND / 2) as gateway,
        Ledger.open("sqlite://", gateways=[gateway], clock=clock) as ledger,
    ):
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        quote = ledger.checkout(account_id, gbp("50.00"))
        asked = {"card_token": "tok_visa", "idempotency_key": "k"}
        kill(monkeypatch, gateway, "charge", after=False)
        with pytest.raises(Killed):
            ledger.top_up(account_id, quote.quote_id, **asked)
        clock.advance(SEND - SECOND)
        monkeypatch.setattr(gateway, "charge", lambda *_: pytest.fail("sent again"))
        assert ledger.top_up(account_id, quote.quote_id, **asked).status == "requested"
