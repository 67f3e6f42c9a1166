"""What takes a captured charge back without our asking: looked up at its gateway, and recorded as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from interact_ledger.domain import disputes as life
from interact_ledger.domain import events as e
from interact_ledger.domain.account import UNANSWERED, Account
from interact_ledger.domain.automatic import charge_taken_back
from interact_ledger.domain.charges import fold_charges
from interact_ledger.gateways.protocol import AfterCapture, Found, NotFound
from interact_ledger.processes import refunds, top_up
from interact_ledger.processes.attempts import Marked, unmarked
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Decide, History

__all__ = ["ChargeAt", "hear", "is_told", "look", "recording"]


class ChargeAt(NamedTuple):
    """A charge of ours, captured or not."""

    account_id: str
    transaction_id: str
    """The top-up."""
    gateway: str
    reference: str


def is_told(context: Context, gateway_id: str) -> bool:
    """Say whether a gateway tells what happens after a capture."""
    return context.gateway(gateway_id).capabilities.tells_after_capture


def look(context: Context, charge: ChargeAt, about: str | None) -> AfterCapture | NotFound | None:
    """Return all that left a charge, `NotFound` if there is no captured one, or None while that cannot be known.

    What is ours of it is recorded first, in its own story: but for what is `about`, which is heard with it.
    """
    found = context.gateway(charge.gateway).find_after_capture(charge.reference)
    if isinstance(found, NotFound):
        return found
    currency = context.accounts.load(charge.account_id).currency
    if not isinstance(found, Found) or not life.is_told_in(found.result, currency):
        return None
    return found.result if _ours_are_known(context, charge, found.result, about) else None


def _ours_are_known(context: Context, charge: ChargeAt, after: AfterCapture, about: str | None) -> bool:
    """Make sure that a dispute finds what refunds of ours left, and that none is taken for somebody else's.

    Not everything at a gateway can bear our id. A refund without one that is of an amount for which we asked without
    an answer may be ours, and its own look-up tells.
    """
    captured = fold_charges(context.accounts.history(charge.account_id, charge.transaction_id)).get(charge.reference)
    if captured is None:
        return True
    for made in after.refunds:
        if made.operation_id not in captured.refunds or made.reference in {about, *captured.refund_references}:
            continue
        if not refunds.hear(context, charge.account_id, made.operation_id, made.reference, unmarked):
            return False
    known = captured.refund_references | captured.elsewhere.keys()
    nobodys = {
        made.amount.amount for made in after.refunds if made.operation_id is None and made.reference not in known
    }
    for refund_id in sorted(captured.refunds) if nobodys else ():
        refund = refunds.load(context, charge.account_id, refund_id)
        if refund.intent.total in nobodys and refund.status in UNANSWERED:
            refund = refunds.settle_refund(context, charge.account_id, refund_id)
            if refund.status in UNANSWERED:
                return False
    return True


def recording(context: Context, charge: ChargeAt, after: AfterCapture) -> Decide:
    """Return the decision that records what is new of it, once the charge is known as captured."""
    hold = context.settings.hold_disputed_funds

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        captured = fold_charges(history(charge.transaction_id)).get(charge.reference)
        facts = life.record_after_capture(captured, after, hold=hold) if captured else []
        return [*facts, *charge_taken_back(account, facts)]

    return decide


def hear(context: Context, charge: ChargeAt, after: AfterCapture, marked: Marked) -> bool:
    """Record what left a charge with a notice's mark.

    Returns whether the charge is known as captured, or became so now.
    """
    account_id, transaction_id, _, reference = charge
    if reference not in fold_charges(context.accounts.history(account_id, transaction_id)):
        top_up.hear(context, account_id, transaction_id, reference, unmarked)
    if reference not in fold_charges(context.accounts.history(account_id, transaction_id)):
        return False
    context.transact(account_id, marked(recording(context, charge, after)))
    return True
