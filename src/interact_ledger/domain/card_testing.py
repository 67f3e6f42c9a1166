"""Against card testing: who tries many cards, or is declined often, may not try any more for a while.

Thieves try stolen card numbers with small payments and savings. Each decline counts, and each new card that is to be
kept; what the ledger charges by itself does not. A service may add a policy of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from interact_ledger.domain.account import Account
from interact_ledger.errors import CardAttemptRefused

__all__ = ["AttemptPolicy", "CardAttempt", "refuse_card_testing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAttempt:
    """A customer is about to pay with a card, or to have one saved."""

    account_id: str
    owner: str
    kind: Literal["top_up", "save_card"]
    is_new_card: bool
    """Whether it was just typed in, rather than saved before."""
    at: datetime
    """UTC."""
    declined_at: tuple[datetime, ...]
    """When the account's latest declines were recorded, the oldest first; at most a hundred."""
    cards_added_at: tuple[datetime, ...]
    """When new cards were last asked to be kept, alone or with a payment; at most a hundred. What is attempted once
    more has its own among them."""


AttemptPolicy: TypeAlias = Callable[[CardAttempt], str | None]
"""A service's own rule: returns why an attempt is refused, None if it is not.

It may be asked more than once about one attempt, between reading and writing, so it must be quick and change nothing.
"""


def refuse_card_testing(
    account: Account,
    kind: Literal["top_up", "save_card"],
    *,
    is_new_card: bool,
    declines_max: int,
    cards_max: int | None,
    window: timedelta,
    policy: AttemptPolicy | None,
    now: datetime,
) -> None:
    """Refuse an attempt after too many declines or new cards within a while, or as the service's policy says.

    Args:
        account: whose.
        kind: what the card is for.
        is_new_card: whether it was just typed in.
        declines_max: how many declines there may be within the window before the next attempt is refused.
        cards_max: how many new cards may be asked to be kept within the window; None for a further attempt, whose card
            was counted when it was asked for.
        window: how long a decline or a card counts.
        policy: the service's own, if it has one.
        now: what time it is.

    Raises:
        CardAttemptRefused
    """
    for what, moments, most in (
        ("declined", account.declined_at, declines_max),
        ("given new cards to keep", account.cards_added_at, cards_max),
    ):
        if most is not None and len(moments) >= most and now < (free_at := moments[-most] + window):
            raise CardAttemptRefused(
                f"was {what} {most} times within {window}; try again after {free_at:%Y-%m-%d %H:%M} UTC",
                field="account_id",
            )
    if policy is None:
        return
    why = policy(
        CardAttempt(
            account_id=account.account_id,
            owner=account.owner,
            kind=kind,
            is_new_card=is_new_card,
            at=now,
            declined_at=account.declined_at,
            cards_added_at=account.cards_added_at,
        )
    )
    if why is not None:
        raise CardAttemptRefused(why, field="account_id")
