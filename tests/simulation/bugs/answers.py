"""What is wrong with how a gateway's answer about a payment is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from moneyed import Money

from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import AttemptStatus, TopUp
from interact_ledger.gateways.protocol import Cancelled, Declined, NotAttempted, Succeeded, Unknown
from simulation.bugs.planting import Patch, bug


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


@bug
def _late_capture_dropped(patch: Patch) -> None:
    """A capture of a top-up that is over is not credited."""
    _record_as(patch, lambda p, result: None if p.is_over and isinstance(result, Succeeded) else (p, result))
