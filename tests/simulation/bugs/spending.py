"""What is wrong with spending and with checkouts."""

from __future__ import annotations

from typing import Any

from interact_ledger.domain import holds, spending
from interact_ledger.processes import top_up
from simulation.bugs.planting import Patch, bug


@bug
def _holds_not_counted(patch: Patch) -> None:
    """A purchase may take what is held."""

    original = spending.refuse_uncovered

    def refuse(account: Any, amount: Any, *how: Any) -> None:
        if amount > account.balance:
            original(account, amount, *how)

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
