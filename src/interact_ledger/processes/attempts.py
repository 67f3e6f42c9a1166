"""What every attempt at a gateway has in common, whatever it is for: may it be replayed, and when is a no proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from interact_ledger.domain.account import Account, CardSaving, Refund, TopUp
from interact_ledger.domain.events import Event
from interact_ledger.errors import LedgerError
from interact_ledger.gateways.protocol import NotAttempted, Unknown
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Decide, History

__all__ = ["TOO_LATE", "Marked", "can_replay", "nothing", "proof_from", "refused"]

Marked: TypeAlias = Callable[[Decide], Decide]
"""Lets a decision also record that a notice was acted on; once it was, the decision decides nothing."""

TOO_LATE = Unknown(why="too late to send; recovery looks it up")


def can_replay(context: Context, attempt: TopUp | CardSaving | Refund) -> bool:
    """Say whether the gateway remembers an attempt's key until the last of its tries has arrived or is lost."""
    capabilities, settings = context.gateway(attempt.intent.gateway).capabilities, context.settings
    last_arrival = settings.send_within + settings.clock_difference_max + capabilities.safe_delay
    return capabilities.replay_window >= last_arrival


def proof_from(context: Context, attempt: TopUp | CardSaving | Refund) -> datetime:
    """Return from when on "not found" proves that the attempt did nothing and never will."""
    safe_delay = context.gateway(attempt.intent.gateway).capabilities.safe_delay
    return attempt.intent.send_before + context.settings.clock_difference_max + safe_delay


def nothing(_account: Account, _history: History) -> Sequence[Event]:
    """Decide nothing."""
    return ()


def refused(error: LedgerError) -> NotAttempted:
    """Return what it says of this try that it was refused outright, by the gateway or by us."""
    return NotAttempted(why=f"refused: {error.code}")
