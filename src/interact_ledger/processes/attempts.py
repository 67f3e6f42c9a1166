"""What every attempt at a gateway has in common, whatever it is for: may it be replayed, and when is a no proven."""

from __future__ import annotations

from datetime import datetime

from interact_ledger.domain.account import CardSaving, TopUp
from interact_ledger.errors import LedgerError
from interact_ledger.gateways.protocol import NotAttempted, Unknown
from interact_ledger.processes.context import Context

__all__ = ["TOO_LATE", "can_replay", "proof_from", "refused"]

TOO_LATE = Unknown(why="too late to send; recovery looks it up")


def can_replay(context: Context, attempt: TopUp | CardSaving) -> bool:
    """Say whether the gateway remembers an attempt's key until the last of its tries has arrived or is lost."""
    capabilities, settings = context.gateway(attempt.intent.gateway).capabilities, context.settings
    last_arrival = settings.send_within + settings.clock_difference_max + capabilities.safe_delay
    return capabilities.replay_window >= last_arrival


def proof_from(context: Context, attempt: TopUp | CardSaving) -> datetime:
    """Return from when on "not found" proves that the attempt did nothing and never will."""
    safe_delay = context.gateway(attempt.intent.gateway).capabilities.safe_delay
    return attempt.intent.send_before + context.settings.clock_difference_max + safe_delay


def refused(error: LedgerError) -> NotAttempted:
    """Return what it says of this try that it was refused outright, by the gateway or by us."""
    return NotAttempted(why=f"refused: {error.code}")
