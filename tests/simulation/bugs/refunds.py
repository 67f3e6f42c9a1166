"""What is wrong with paying back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from interact_ledger.domain import account as account_module
from interact_ledger.domain import events as e
from interact_ledger.domain import refunds as refund_life
from interact_ledger.processes import refunds
from simulation.bugs.planting import Patch, bug, with_a_key_per_call


def _record_of(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Plant what `change` makes of a refund when the gateway's result is recorded; None drops the result."""
    original = refund_life.record_refund_result

    def record(present: Any, *about: Any) -> Any:
        changed = change(present)
        return [] if changed is None else original(changed, *about)

    patch(refund_life, "record_refund_result", record)


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
    _record_of(patch, lambda present: replace(present, told_references=()))


@bug
def _returned_refund_dropped(patch: Patch) -> None:
    """A refund that succeeded is over: that the bank sent it back is not recorded."""
    _record_of(patch, lambda present: None if present.is_over else present)


@bug
def _refund_key_per_call(patch: Patch) -> None:
    """Each call to pay back gets an idempotency key of its own."""
    patch(refunds, "_refund_request", with_a_key_per_call(refunds._refund_request))
