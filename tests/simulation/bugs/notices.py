"""What is wrong with how notices, and what comes late, are taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from interact_ledger.domain import events as e
from interact_ledger.domain.account import TopUp
from interact_ledger.processes import notices, top_up
from interact_ledger.processes.attempts import unmarked
from simulation.bugs.planting import Patch, bug


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

    def hear(context: Any, whose: Any, gateway_id: str, notice: Any, marked: Any) -> bool:
        context.transact(whose.account_id, marked(lambda *_: ()))
        return original(context, whose, gateway_id, notice, unmarked)

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
def _only_latest_attempt_heard(patch: Patch) -> None:
    """A notice is only held against the latest attempt of its operation."""
    original = top_up.makers

    def makers(past: Any, kind: Any, reference: str) -> Any:
        found = original(past, kind, reference)
        return replace(found, intents=found.intents[:1])

    patch(top_up, "makers", makers)
