"""What every attempt at a gateway has in common: may it be replayed, when is a no proven, how an answer is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Generic, TypeAlias, TypeVar

from interact_ledger.domain.account import Account, CardSaving, Refund, TopUp
from interact_ledger.domain.events import CardSavingAttempted, Event, PaymentAttempted, Recorded, RefundAttempted
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import LedgerError
from interact_ledger.gateways.protocol import Cancelled, NotAttempted, Unknown
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Decide, History

__all__ = [
    "TOO_LATE",
    "Makers",
    "Marked",
    "can_replay",
    "followed_by",
    "makers",
    "may_yet_come",
    "nothing",
    "proof_from",
    "refused",
    "unmarked",
]

Marked: TypeAlias = Callable[[Decide], Decide]
"""Lets a decision also record that a notice was acted on; once it was, the decision decides nothing."""

Intent = TypeVar("Intent", PaymentAttempted, CardSavingAttempted, RefundAttempted)

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


def may_yet_come(context: Context, attempt: TopUp | CardSaving, result: object) -> bool:
    """Say whether an attempt is called cancelled because nothing is there, while a sender may still be asleep."""
    nothing_there = isinstance(result, Cancelled) and result.reference is None
    return nothing_there and context.now() < proof_from(context, attempt)


@dataclass(frozen=True, slots=True)
class Makers(Generic[Intent]):
    """The attempts of an operation that may have made a gateway's object."""

    intents: Sequence[Intent]
    """The one that is known to have made it; if none is, all of them, an earlier one too, the latest first."""
    is_known: bool
    about: str
    """The object's reference."""

    @property
    def reference(self) -> str | None:
        """What to look up by, beside the attempt."""
        return self.about if self.is_known else None

    def explain(self, result: object) -> bool:
        """Say whether what a look-up found is the object; one without a reference is, if nothing else can be."""
        reference = getattr(result, "reference", None)
        return reference == self.about or (reference is None and len(self.intents) == 1)


def makers(past: Sequence[Recorded], kind: type[Intent], reference: str) -> Makers[Intent]:
    """Return which attempts may have made the object under a gateway's reference."""
    made = next((recorded.event for recorded in past if getattr(recorded.event, "reference", None) == reference), None)
    intents = [recorded.event for recorded in reversed(past) if isinstance(recorded.event, kind)]
    known = [intent for intent in intents if intent.attempt_id == getattr(made, "attempt_id", None)]
    return Makers(known or intents, is_known=bool(known), about=reference)


def nothing(_account: Account, _history: History) -> Sequence[Event]:
    """Decide nothing."""
    return ()


def unmarked(decide: Decide) -> Decide:
    """Record what is decided and no mark: the notice comes again."""
    return decide


def followed_by(first: Decide, second: Decide) -> Decide:
    """Decide twice for one append: the second time on what the first decision makes of the account."""

    def both(account: Account, history: History) -> Sequence[Event]:
        events = first(account, history)
        new = [
            Recorded(account.account_id, version, account.recorded_at, "", None, event)
            for version, event in enumerate(events, account.version + 1)
        ]

        def with_new(subject: str) -> Sequence[Recorded]:
            return [*history(subject), *(recorded for recorded in new if subject in recorded.event.operations())]

        return [*events, *second(reduce(evolve, new, account), with_new)]

    return both


def refused(error: LedgerError) -> NotAttempted:
    """Return what it says of this try that it was refused outright, by the gateway or by us."""
    return NotAttempted(why=f"refused: {error.code}")
