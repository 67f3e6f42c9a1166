"""What both automatic payments have in common: what happens to the account, and to its payments, happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interact_ledger.domain import auto_top_up, monthly_recharge
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, TopUp
from interact_ledger.domain.pace import Pace

__all__ = ["account_closed", "card_removed", "charge_taken_back", "with_consequences"]

_TAKEN_BACK = {e.DisputeOpened: e.StopReason.DISPUTED, e.PaymentReversed: e.StopReason.REVERSED}


def with_consequences(
    account: Account, top_up: TopUp, facts: Sequence[e.Event], pace: Pace, now: datetime
) -> list[e.Event]:
    """Return facts about a top-up and what each means for the automatic payments, to be recorded in one append.

    Args:
        account: the account before the facts.
        top_up: the top-up before the facts.
        facts: what is recorded of it.
        pace: how long to wait.
        now: what time it is.
    """
    consequences = [
        consequence
        for fact in facts
        for follow in (auto_top_up.after_payment, monthly_recharge.after_payment)
        for consequence in follow(account, top_up, fact, pace, now)
    ]
    return [*facts, *consequences]


def card_removed(account: Account, card_id: str) -> list[e.Event]:
    """Return what the removal of a card means; for the same append."""
    return [*auto_top_up.card_removed(account, card_id), *monthly_recharge.card_removed(account, card_id)]


def charge_taken_back(account: Account, facts: Sequence[e.Event]) -> list[e.Event]:
    """Return what facts about a captured charge mean; for the same append. Refunds mean nothing for what is agreed."""
    reason = next((_TAKEN_BACK[type(fact)] for fact in facts if type(fact) in _TAKEN_BACK), None)
    if reason is None:
        return []
    return [*auto_top_up.pause(account, reason), *monthly_recharge.disable(account, reason)]


def account_closed(account: Account) -> list[e.Event]:
    """Return what the closing of the account means; for the same append."""
    reason = e.StopReason.ACCOUNT_CLOSED
    return [*auto_top_up.disable(account, reason), *monthly_recharge.disable(account, reason)]
