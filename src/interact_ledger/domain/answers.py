"""What a gateway named in its answer, in a form that every database can hold.

A reference is an identity: it is kept as the gateway says it, whatever it looks like. Only what cannot be stored is
changed, the same way each time, so that it is recognised when it comes again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from interact_ledger.free_text import storable
from interact_ledger.gateways.protocol import CardResult, ChargeResult, RefundResult

__all__ = ["REFERENCE_LENGTH_MAX", "storable_names"]

REFERENCE_LENGTH_MAX = 500

ResultT = TypeVar("ResultT", bound=ChargeResult | CardResult | RefundResult)


def storable_names(result: ResultT) -> ResultT:
    """Return a result whose references and tokens can be stored and compared with those that were."""
    changes: dict[str, Any] = {}
    for name in ("reference", "token"):
        said = getattr(result, name, None)
        if said is not None and (kept := storable(said, REFERENCE_LENGTH_MAX)) != said:
            changes[name] = kept
    card = getattr(result, "saved_card", None)
    if card is not None and (kept_card := storable_names(card)) is not card:
        changes["saved_card"] = kept_card
    return replace(result, **changes) if changes else result
