"""What is wrong with what takes a charge back without our asking."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from interact_ledger.domain import disputes
from interact_ledger.domain.charges import Charge, Parts
from interact_ledger.gateways.protocol import DisputeStatus
from interact_ledger.ids import derived_id
from interact_ledger.processes import disputes as process
from simulation.bugs.planting import Patch, bug


@bug
def _lost_dispute_takes_refunds(patch: Patch) -> None:
    """A lost dispute takes all that it claims, the part that was paid back before, too."""
    original = disputes._lost

    def lost(charge: Charge, *told: Any) -> Any:
        whole = Parts.of(charge.captured)
        return original(replace(charge, left=whole, under_way=whole.nothing, disputes={}), *told)

    patch(disputes, "_lost", lost)


@bug
def _lost_dispute_takes_what_is_promised(patch: Patch) -> None:
    """A lost dispute takes what a refund of ours is about to take."""
    original = disputes._lost

    def lost(charge: Charge, *told: Any) -> Any:
        return original(replace(charge, left=charge.left.plus(charge.under_way)), *told)

    patch(disputes, "_lost", lost)


@bug
def _dispute_held_per_answer(patch: Patch) -> None:
    """An open dispute holds its share once for each answer that tells of it."""
    original, numbers = disputes._dispute, count(1)

    def dispute(charge: Charge, said: Any, **how: Any) -> Any:
        is_open = said.status is DisputeStatus.OPEN
        return original(replace(charge, disputes={}) if is_open else charge, said, **how)

    def dispute_id(gateway: str, reference: str) -> str:
        return derived_id("dsp", gateway, reference, str(next(numbers)))

    patch(disputes, "_dispute", dispute)
    patch(disputes, "dispute_id", dispute_id)


@bug
def _dispute_lost_per_answer(patch: Patch) -> None:
    """A lost dispute is debited once for each answer that tells of it, as far as there is something left."""
    original = disputes._lost

    def lost(charge: Charge, known: Any, said: Any) -> Any:
        return original(charge, replace(known, takes=charge.left.nothing), said)

    patch(disputes, "_lost", lost)


@bug
def _lost_dispute_is_final(patch: Patch) -> None:
    """That a lost dispute was won after all is not recorded."""
    original = disputes._moved

    def moved(charge: Charge, known: Any, said: Any) -> Any:
        return [] if known.status is DisputeStatus.LOST else original(charge, known, said)

    patch(disputes, "_moved", moved)


@bug
def _own_refund_taken_for_another(patch: Patch) -> None:
    """A refund of ours that a look-up tells of counts as made in the dashboard, too."""
    original = disputes._refund

    def refund(charge: Charge, made: Any) -> Any:
        return original(replace(charge, refunds=frozenset(), refund_references=frozenset()), made)

    patch(disputes, "_refund", refund)


@bug
def _settlement_is_final(patch: Patch) -> None:
    """What was captured counts as settled: that it failed later is not recorded."""
    original = process.life.record_after_capture

    def record(charge: Charge, after: Any, **how: Any) -> Any:
        return original(charge, replace(after, reversed_at=None), **how)

    patch(process.life, "record_after_capture", record)
