"""What is left open by banks that take their time, and by networks that lose answers."""

from __future__ import annotations

from datetime import timedelta

from chapters.story import Story
from interact_ledger.gateways.conformance import Behaviour, Fault
from telling import shown

__all__ = ["recover"]


def recover(story: Story) -> None:
    story.teller.chapter("Payments that end later")
    pending = story.top_up("15.00", "order-6", Behaviour.PENDS)
    story.bench.fail_next("charge", Fault.AFTER)
    answer_lost = story.top_up("25.00", "order-7")
    story.bench.fail_next("charge", Fault.BEFORE)
    request_lost = story.top_up("35.00", "order-8")
    story.teller.say("One payment is pending, and two requests timed out. Nobody knows yet whether they charged.")
    results = (pending, answer_lost, request_lost)
    story.teller.facts(*((result.transaction_id, f"{result.status}, {shown(result.total)}") for result in results))
    statuses = [result.status for result in results]
    story.teller.expect("where they stand", statuses, ["pending", "unknown", "unknown"])
    story.expect_balance("72.2175")

    story.teller.say("Later the bank settles the first. Recovery asks the gateway about all; it never charges.")
    assert pending.gateway_reference is not None
    story.bench.settle(pending.gateway_reference)
    story.bench.clock.advance(timedelta(minutes=30))
    recovered = {one.subject: one.outcome for one in story.ledger.recover()}
    outcomes = [recovered[result.transaction_id] for result in results]
    ids = [result.transaction_id for result in results]
    story.teller.facts(*zip(ids, outcomes, strict=True))
    story.teller.expect("how they ended", outcomes, ["succeeded", "succeeded", "not_attempted"])
    story.teller.say(
        "The lost answer was a charge: credited once. The lost request never arrived: nothing was charged."
    )
    story.expect_balance("112.2175")
