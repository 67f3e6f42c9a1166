"""Credit that nobody paid for."""

from __future__ import annotations

from datetime import timedelta

from chapters.automatic import run_due
from chapters.story import Story, messages, pounds
from telling import shown

__all__ = ["grant"]


def grant(story: Story) -> None:
    story.teller.chapter("A present")
    story.teller.say("The service grants £5.00 for a week. It bears no tax, and is spent before what was paid for.")
    expires_at = story.bench.clock.now() + timedelta(days=7)
    story.ledger.grant_credit(
        story.account_id, pounds("5.00"), "thank you", idempotency_key="thanks-1", expires_at=expires_at
    )
    show(story, "Granted", granted="5.00", purchased="92.2175")
    story.ledger.spend(story.account_id, messages("thank you", 100), idempotency_key="thanks-2")
    show(story, "100 messages later", granted="1.75", purchased="92.2175")
    story.teller.say("What is left of it expires after the week. Only it does.")
    story.bench.clock.set(expires_at)
    story.teller.expect("what was done", run_due(story), ["credit_expiry: expired"])
    show(story, "A week later", granted="0", purchased="92.2175")


def show(story: Story, when: str, *, granted: str, purchased: str) -> None:
    balance = story.ledger.balance(story.account_id)
    own = balance.total - balance.granted
    story.teller.facts((when, f"{shown(balance.granted)} granted, {shown(own)} purchased"))
    story.teller.expect("what is granted and what is not", (balance.granted, own), (pounds(granted), pounds(purchased)))
