"""Plausible wrong implementations, planted one at a time in the simulation's process; each must be found.

Each is what somebody might well have written. `plant` changes the library in memory and takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from unittest import mock

from moneyed import Money

from interact_ledger.domain import account as account_module
from interact_ledger.domain import agenda as agenda_module
from interact_ledger.domain import cards as card_life
from interact_ledger.domain import events as e
from interact_ledger.domain import holds, spending
from interact_ledger.domain import refunds as refund_life
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import UNDECIDED, AttemptStatus, TopUp, may_be_sent_again
from interact_ledger.gateways.protocol import (
    Cancelled,
    Declined,
    Indeterminate,
    NotAttempted,
    NotFound,
    Succeeded,
    Unknown,
)
from interact_ledger.processes import cards, notices, refunds, top_up
from interact_ledger.storage import accounts, index
from interact_ledger.storage.accounts import Accounts, Change
from interact_ledger.storage.log import Conflict, Link, Log, storage_errors

__all__ = ["BUGS", "Bug", "plant"]

Patch = Callable[[Any, str, Any], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """A wrong implementation."""

    name: str
    what: str
    plant: Callable[[Patch], None]


BUGS: dict[str, Bug] = {}


@contextmanager
def plant(name: str) -> Iterator[None]:
    """Change the library as a bug would have it, for a while."""
    with ExitStack() as stack:
        BUGS[name].plant(lambda where, what, wrong: stack.enter_context(mock.patch.object(where, what, wrong)))
        yield


def bug(function: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Register a bug under its function's name; its docstring says what is wrong."""
    name = function.__name__.removeprefix("_").replace("_", " ")
    assert function.__doc__ is not None
    BUGS[name] = Bug(name, function.__doc__.strip(), function)
    return function


# Before the gateway is called -----------------------------------------------------------------------------------


@bug
def _no_intent_event(patch: Patch) -> None:
    """The card is charged first, and intent and outcome are recorded together afterwards."""
    original = top_up.top_up

    def charged_first(context: Any, account_id: str, request: Any, **how: Any) -> Any:
        def history(subject: str) -> Any:
            return context.accounts.history(account_id, subject)

        if request.is_repeated(history(request.operation_id)) or not isinstance(how["card"], top_up.NewCard):
            return original(context, account_id, request, **how)
        quote = top_up.checkout.usable_quote(history(how["quote_id"]), context.now())
        events = life.request_top_up(
            context.accounts.load(account_id),
            request,
            quote,
            gateway=quote.gateway,
            card_id=None,
            save_card=how["save_card"],
            initiator=how["initiator"],
            send_before=context.now() + context.settings.send_within,
        )
        attempt = TopUp(intent=events[1])  # type: ignore[arg-type]
        gateway = context.gateway(quote.gateway)
        customer_id = context.customer_at(account_id, gateway)
        result = gateway.charge(top_up._charge_request(account_id, customer_id, attempt), how["card"])
        context.accounts.once(account_id, context.cause, request, lambda *_: events)
        top_up._record(context, account_id, attempt, result)
        return top_up._finish(context, account_id, request.operation_id)

    patch(top_up, "top_up", charged_first)


@bug
def _key_per_call(patch: Patch) -> None:
    """Each call to the gateway gets an idempotency key of its own."""
    original, numbers = top_up._charge_request, count(1)

    def request(*arguments: Any) -> Any:
        made = original(*arguments)
        return replace(made, attempt_id=f"{made.attempt_id}.{next(numbers)}")

    patch(top_up, "_charge_request", request)


@bug
def _key_per_try(patch: Patch) -> None:
    """A repeat while the first try is undecided opens an attempt with another key."""

    def again(present: TopUp, now: datetime) -> list[e.Event]:
        if not may_be_sent_again(present, now):
            return []
        number = present.intent.number + 1
        changed = {"attempt_id": f"{present.operation_id}.{number}", "number": number}
        return [present.intent.model_copy(update=changed)]

    patch(life, "send_again", again)


@bug
def _paused_sender(patch: Patch) -> None:
    """A sender does not look at the clock before it sends."""
    original = top_up._charge_request

    def request(*arguments: Any) -> Any:
        made = original(*arguments)
        return replace(made, send_before=made.send_before + timedelta(days=3650))

    patch(top_up, "_charge_request", request)


@bug
def _retry_not_recorded(patch: Patch) -> None:
    """A repeat sends the same attempt again without recording that it does."""
    original = top_up._repeat

    def repeat(context: Any, account_id: str, operation_id: str, card: Any) -> Any:
        present = top_up.load(context, account_id, operation_id)
        if not may_be_sent_again(present, context.now()):
            return original(context, account_id, operation_id, card)
        account = context.accounts.load(account_id)
        recorded = e.Recorded(account_id, account.version, context.now(), "service", None, present.intent)
        return top_up._drive(context, account_id, operation_id, Change(account, (recorded,)), card)

    patch(top_up, "_repeat", repeat)


@bug
def _card_kept_though_not_saved(patch: Patch) -> None:
    """Every card is saved at the gateway, whatever the customer chose."""
    original = top_up._charge_request
    patch(top_up, "_charge_request", lambda *arguments: replace(original(*arguments), save_card=True))


@bug
def _removed_card_charged(patch: Patch) -> None:
    """A card can be charged until the gateway has confirmed its removal."""

    def usable(account: Any, card_id: str, past: Any) -> Any:
        return account.cards.get(card_id) or card_life.usable_card(account, card_id, past)

    patch(top_up, "usable_card", usable)


# What the gateway says ------------------------------------------------------------------------------------------


def _record_as(patch: Patch, change: Callable[[TopUp, Any], tuple[TopUp, Any] | None]) -> None:
    """Plant what `change` makes of a top-up and the gateway's result; None drops the result."""
    original = life.record_result

    def record(account: Any, present: TopUp, attempt: Any, result: Any, **how: Any) -> Any:
        changed = change(present, result)
        return [] if changed is None else original(account, changed[0], attempt, changed[1], **how)

    patch(life, "record_result", record)


@bug
def _credit_per_answer(patch: Patch) -> None:
    """A capture is credited for each answer that tells of it, not once for its reference."""
    _record_as(patch, lambda present, result: (replace(present, captured_references=()), result))


@bug
def _masked_retry(patch: Patch) -> None:
    """One try that reached nobody is taken for a no, though another may have arrived."""
    _record_as(patch, lambda present, result: (replace(present, tries=1), result))


@bug
def _amount_unchecked(patch: Patch) -> None:
    """What was asked for is credited, whatever was captured."""

    def asked(present: TopUp, result: Any) -> tuple[TopUp, Any]:
        if not isinstance(result, Succeeded):
            return present, result
        return present, replace(result, amount=Money(present.intent.total, present.intent.currency))

    _record_as(patch, asked)


@bug
def _capture_during_cancel_dropped(patch: Patch) -> None:
    """A capture is not expected any more while a top-up is being cancelled."""
    _record_as(patch, lambda p, result: None if p.cancelling and isinstance(result, Succeeded) else (p, result))


@bug
def _cancel_result_ignored(patch: Patch) -> None:
    """Whatever the gateway answers to a cancellation, the top-up counts as cancelled."""

    def cancelled(present: TopUp, result: Any) -> tuple[TopUp, Any]:
        return present, Cancelled() if present.cancelling and not isinstance(result, Succeeded) else result

    _record_as(patch, cancelled)


@bug
def _decline_ends_it(patch: Patch) -> None:
    """A declined payment counts as over, though a browser can yet pay it."""

    def final(present: TopUp, result: Any) -> tuple[TopUp, Any]:
        return present, replace(result, still_payable=False) if isinstance(result, Declined) else result

    _record_as(patch, final)


@bug
def _unknown_is_no(patch: Patch) -> None:
    """A time-out counts as not attempted."""

    def no(present: TopUp, result: Any) -> tuple[TopUp, Any]:
        return present, NotAttempted(why=result.why) if isinstance(result, Unknown) else result

    _record_as(patch, no)


@bug
def _saved_card_overlooked(patch: Patch) -> None:
    """A card that was saved with a payment is only noted when the first answer tells of it."""

    def without_card(present: TopUp, result: Any) -> tuple[TopUp, Any]:
        late = isinstance(result, Succeeded) and present.status is not AttemptStatus.REQUESTED
        return present, replace(result, saved_card=None) if late else result

    _record_as(patch, without_card)


@bug
def _begun_left_behind(patch: Patch) -> None:
    """What was begun and never charged is left at the gateway."""
    original = life._not_attempted
    patch(life, "_not_attempted", lambda present, why: original(replace(present, reference=None), why))


# Notices and refunds --------------------------------------------------------------------------------------------


@bug
def _credit_per_notice(patch: Patch) -> None:
    """What a notice tells is credited once for each notice, not once for the charge."""
    original = top_up._recording

    def hear(context: Any, account_id: str, operation_id: str, reference: str, marked: Any) -> bool:
        def recording(context: Any, attempt: TopUp, result: Any) -> Any:
            decide = original(context, attempt, result)

            def again(account: Any, history: Any) -> Any:
                def unmindful(subject: str) -> Any:
                    return [r for r in history(subject) if not isinstance(r.event, e.PaymentCaptured)]

                return decide(account, unmindful)

            return again

        with mock.patch.object(top_up, "_recording", recording):
            return original_hear(context, account_id, operation_id, reference, marked)

    original_hear = top_up.hear
    patch(notices, "_BY_FIRST_EVENT", {**notices._BY_FIRST_EVENT, e.TopUpRequested: hear})


@bug
def _mark_before_effect(patch: Patch) -> None:
    """A notice is marked as acted on in an append of its own, before what it tells of is looked up."""
    original = notices._hear

    def hear(context: Any, whose: Any, mark: str, gateway_id: str, notice: Any) -> bool:
        received = e.NoticeReceived(
            operation_id=whose.operation_id,
            mark=mark,
            gateway=gateway_id,
            notice_id=notice.notice_id,
            subject=notice.subject,
            about=notice.reference,
            occurred_at=notice.occurred_at,
        )
        context.transact(whose.account_id, lambda _, history: () if history(mark) else (received,))
        return original(context, whose, f"{mark[:-1]}0", gateway_id, notice)

    patch(notices, "_hear", hear)


@bug
def _only_open_payments_heard(patch: Patch) -> None:
    """A notice about a top-up that is over is acknowledged and dropped: a late capture is lost."""
    original = top_up.hear

    def hear(context: Any, account_id: str, operation_id: str, reference: str, marked: Any) -> bool:
        if top_up.load(context, account_id, operation_id).is_over:
            context.transact(account_id, marked(lambda *_: ()))
            return True
        return original(context, account_id, operation_id, reference, marked)

    patch(notices, "_BY_FIRST_EVENT", {**notices._BY_FIRST_EVENT, e.TopUpRequested: hear})


@bug
def _late_capture_dropped(patch: Patch) -> None:
    """A capture of a top-up that is over is not credited."""
    _record_as(patch, lambda p, result: None if p.is_over and isinstance(result, Succeeded) else (p, result))


@bug
def _only_latest_attempt_heard(patch: Patch) -> None:
    """A notice is only held against the latest attempt of its operation."""
    original = top_up.makers

    def makers(past: Any, kind: Any, reference: str) -> Any:
        found = original(past, kind, reference)
        return replace(found, intents=found.intents[:1])

    patch(top_up, "makers", makers)


@bug
def _unreserved_refund(patch: Patch) -> None:
    """What a refund takes stays available until the gateway has confirmed it."""
    patch(account_module.Refund, "reserved", Decimal(0))


@bug
def _refund_limit_ignores_refunds(patch: Patch) -> None:
    """A charge can be paid back again, whatever was paid back of it before."""
    original = refunds.fold_charges

    def charges(past: Any) -> Any:
        return original(one for one in past if not isinstance(one.event, e.RefundEvent))

    patch(refunds, "fold_charges", charges)


@bug
def _refund_debited_per_answer(patch: Patch) -> None:
    """A refund is debited for each answer that tells of it."""
    original = refund_life.record_refund_result

    def record(present: Any, attempt_id: str, result: Any) -> Any:
        return original(replace(present, told_references=()), attempt_id, result)

    patch(refund_life, "record_refund_result", record)


@bug
def _refund_retry_masked(patch: Patch) -> None:
    """One try of a refund that reached nobody is taken for a no, though another may have arrived."""
    original = refund_life.record_refund_result

    def record(present: Any, attempt_id: str, result: Any) -> Any:
        return original(replace(present, tries=1), attempt_id, result)

    patch(refund_life, "record_refund_result", record)


@bug
def _returned_refund_dropped(patch: Patch) -> None:
    """A refund that succeeded is over: that the bank sent it back is not recorded."""
    original = refund_life.record_refund_result

    def record(present: Any, attempt_id: str, result: Any) -> Any:
        return [] if present.is_over else original(present, attempt_id, result)

    patch(refund_life, "record_refund_result", record)


@bug
def _refund_key_per_call(patch: Patch) -> None:
    """Each call to pay back gets an idempotency key of its own."""
    original, numbers = refunds._refund_request, count(1)

    def request(*arguments: Any) -> Any:
        made = original(*arguments)
        return replace(made, attempt_id=f"{made.attempt_id}.{next(numbers)}")

    patch(refunds, "_refund_request", request)


# Looking up and recovery ----------------------------------------------------------------------------------------


@bug
def _not_found_believed_at_once(patch: Patch) -> None:
    """A look-up that finds nothing is believed at any time."""
    patch(top_up, "proof_from", lambda _context, attempt: attempt.intent.send_before - timedelta(days=1))


@bug
def _safe_delay_ignored(patch: Patch) -> None:
    """A look-up that finds nothing is believed as soon as nothing may be sent any more."""
    patch(top_up, "proof_from", lambda _context, attempt: attempt.intent.send_before)
    patch(cards, "proof_from", lambda _context, attempt: attempt.intent.send_before)


@bug
def _look_up_lag_ignored(patch: Patch) -> None:
    """Look-ups are taken for up to date."""

    def proof(context: Any, attempt: Any) -> datetime:
        settles = context.gateway(attempt.intent.gateway).capabilities.settles_within
        return attempt.intent.send_before + context.settings.clock_difference_max + settles

    patch(top_up, "proof_from", proof)
    patch(cards, "proof_from", proof)


@bug
def _clock_difference_ignored(patch: Patch) -> None:
    """The clocks of two machines are taken for the same."""

    def proof(context: Any, attempt: Any) -> datetime:
        return attempt.intent.send_before + context.gateway(attempt.intent.gateway).capabilities.safe_delay

    patch(top_up, "proof_from", proof)
    patch(cards, "proof_from", proof)


@bug
def _failed_look_up_believed(patch: Patch) -> None:
    """A look-up that fails is taken for one that finds nothing."""
    original = top_up._look_up

    def look_up(context: Any, account_id: str, gateway: Any, attempt: TopUp) -> Any:
        class Believing:
            def __getattr__(self, name: str) -> Any:
                return getattr(gateway, name)

            def find_charge(self, request: Any) -> Any:
                found = gateway.find_charge(request)
                return NotFound() if isinstance(found, Indeterminate) else found

        return original(context, account_id, Believing(), attempt)

    patch(top_up, "_look_up", look_up)


@bug
def _second_attempt_after_unknown(patch: Patch) -> None:
    """A repeat opens the next attempt although the last one is unknown."""
    original = life.attempt_again

    def again(account: Any, present: TopUp, **how: Any) -> Any:
        if present.status is AttemptStatus.UNKNOWN and not present.cancelling:
            present = replace(present, status=AttemptStatus.NOT_ATTEMPTED)
        return original(account, present, **how)

    patch(life, "attempt_again", again)


@bug
def _unknown_not_in_flight(patch: Patch) -> None:
    """A top-up whose outcome is unknown counts as over."""
    patch(account_module, "UNDECIDED", UNDECIDED - {AttemptStatus.UNKNOWN})


@bug
def _expiry_forgotten(patch: Patch) -> None:
    """A payment that nobody authenticates is never cancelled."""
    patch(life, "expire", lambda *_: [])


@bug
def _recovery_charges(patch: Patch) -> None:
    """Recovery charges a saved card once more if the gateway knows nothing of the payment."""
    original = top_up.settle

    def settle(context: Any, account_id: str, operation_id: str) -> Any:
        present = top_up.load(context, account_id, operation_id)
        if present.status is AttemptStatus.UNKNOWN and present.intent.card_id and not present.cancelling:
            gateway = context.gateway(present.intent.gateway)
            top_up._charge(context, account_id, gateway, present, present.intent.card_id)
        return original(context, account_id, operation_id)

    patch(top_up, "settle", settle)


@bug
def _agenda_forgets_removals(patch: Patch) -> None:
    """Removing a card is not on the agenda: after a crash nobody tells the gateway."""
    original = agenda_module._items

    def items(account: Any) -> Any:
        return (item for item in original(account) if item.kind is not agenda_module.AgendaKind.CARD_REMOVAL)

    patch(agenda_module, "_items", items)


@bug
def _agenda_row_dropped(patch: Patch) -> None:
    """The agenda is only written when a top-up is opened or over, not when one is added beside another."""
    patch(index, "_same_work", lambda before, after: bool(before.top_ups) == bool(after.top_ups))


@bug
def _forgetting_not_confirmed(patch: Patch) -> None:
    """A card counts as removed, whatever the gateway answers."""
    original = cards.forget

    def forget(context: Any, account_id: str, card_id: str) -> bool:
        card = context.accounts.load(account_id).cards.get(card_id)
        if card is not None and not original(context, account_id, card_id):
            context.transact(account_id, lambda account, _: card_life.removed(account, card_id))
        return True

    patch(cards, "forget", forget)


# Storage --------------------------------------------------------------------------------------------------------


@bug
def _no_look_after_lost_answer(patch: Patch) -> None:
    """A request is looked for once, and not again after a conflict; no unique row stops the second append."""

    def once(self: Accounts, account_id: str, cause: Any, request: Any, decide: Any) -> Change:
        account = self.load(account_id)
        if request.is_repeated(self.history(account_id, request.operation_id)):
            return Change(account, ())
        return self.transact(account_id, cause, decide)

    patch(Accounts, "once", once)
    patch(type(index.OPERATIONS), "insert", type(index.OPERATIONS).put)


@bug
def _no_unique_row(patch: Patch) -> None:
    """Nothing in the database stops a second operation under the same key."""
    patch(type(index.OPERATIONS), "insert", type(index.OPERATIONS).put)


@bug
def _conflict_is_success(patch: Patch) -> None:
    """An append that lost a race counts as done."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        try:
            return original(self, link, events, changes)
        except Conflict:
            return Link(events[-1].version, link.chain)

    patch(Log, "append", append)


@bug
def _lost_answer_is_success(patch: Patch) -> None:
    """An append whose answer was lost counts as done."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        try:
            return original(self, link, events, changes)
        except Conflict as conflict:
            if conflict.storage_error is None:
                raise
            return Link(events[-1].version, link.chain)

    patch(Log, "append", append)


@bug
def _last_writer_wins(patch: Patch) -> None:
    """Events are appended behind whatever is there, not behind what was decided on."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        if link.version:
            link = self.last(events[0].stream_id)[1]
            events = [replace(recorded, version=link.version + n) for n, recorded in enumerate(events, start=1)]
        return original(self, link, events, changes)

    patch(Log, "append", append)


@bug
def _rows_behind_the_append(patch: Patch) -> None:
    """Tables are written in a transaction of their own behind the events."""
    original = Log.append

    def append(self: Log, link: Link, events: Any, changes: Any) -> Link:
        unique = [change for change in changes if change.table is index.OPERATIONS]
        end = original(self, link, events, unique)
        with storage_errors(), self.recorder.transaction(write=True) as cursor:
            self.recorder.write_changes(cursor, [change for change in changes if change.table is not index.OPERATIONS])
        return end

    patch(Log, "append", append)


@bug
def _stale_snapshot(patch: Patch) -> None:
    """An account that has a snapshot is what the snapshot says."""
    original = Accounts._fresh

    def fresh(self: Accounts, account_id: str) -> Any:
        if self._cached(account_id) is None and (known := accounts.from_snapshot(self._log, account_id)):
            return self._remember(known)
        return original(self, account_id)

    patch(Accounts, "_fresh", fresh)


@bug
def _stale_cache(patch: Patch) -> None:
    """What this process has in memory counts as the newest."""
    original = Accounts._fresh
    patch(Accounts, "_fresh", lambda self, account_id: self._cached(account_id) or original(self, account_id))


@bug
def _snapshot_without_open_top_ups(patch: Patch) -> None:
    """A snapshot leaves out the top-ups that are under way."""
    original = accounts.snapshot_of

    def snapshot(loaded: Any) -> Any:
        return original(loaded._replace(account=replace(loaded.account, top_ups={})))

    patch(accounts, "snapshot_of", snapshot)


# Spending -------------------------------------------------------------------------------------------------------


@bug
def _holds_not_counted(patch: Patch) -> None:
    """A purchase may take what is held."""

    original = spending.refuse_uncovered

    def refuse(account: Any, amount: Any, field: str) -> None:
        if amount > account.balance:
            original(account, amount, field)

    patch(spending, "refuse_uncovered", refuse)
    patch(holds, "refuse_uncovered", refuse)


@bug
def _reversed_twice(patch: Patch) -> None:
    """What was given back before can be given back again."""
    original = spending._left_to_give_back
    patch(spending, "_left_to_give_back", lambda purchase, past: original(purchase, past[:1]))


@bug
def _quote_used_twice(patch: Patch) -> None:
    """A quote can be charged again under another key."""

    original = top_up.checkout.usable_quote
    patch(top_up.checkout, "usable_quote", lambda past, now: original(past[:1], now))
