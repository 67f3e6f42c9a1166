"""Thieves who try stolen card numbers."""

from __future__ import annotations

from datetime import timedelta

from chapters.story import Story
from interact_ledger.errors import CardAttemptRefused
from interact_ledger.gateways.protocol import DeclineReason
from telling import NotAsToldError

__all__ = ["keep_testers_out"]

DECLINES_MAX = 20


def keep_testers_out(story: Story) -> None:
    story.teller.chapter("Card testing")
    story.teller.say("Somebody opens an account to find out which of many stolen cards still work.")
    account_id = story.ledger.open_account("stranger", "GBP", "GB").account_id
    statuses = {_try(story, account_id, number) for number in range(DECLINES_MAX)}
    story.teller.expect("how the tries end", statuses, {"declined"})
    events = story.ledger.account(account_id).version
    try:
        _try(story, account_id, DECLINES_MAX)
    except CardAttemptRefused as refused:
        story.teller.facts(
            ("Cards tried", f"{DECLINES_MAX}, all declined"), ("The next one", f"refused ({refused.code}): {refused}")
        )
    else:
        raise NotAsToldError("one more stolen card was tried")
    attempted = story.ledger.account(account_id).version - events
    story.teller.say("The gateway did not hear of it. Within the hour nothing more is tried for this account.")
    story.teller.expect("what was recorded beside the quote", attempted, 1)
    story.bench.clock.advance(timedelta(hours=1))
    story.teller.expect("an hour later", _try(story, account_id, DECLINES_MAX + 1), "declined")


def _try(story: Story, account_id: str, number: int) -> str:
    return story.pay(account_id, "10.00", f"try-{number}", story.card(DeclineReason.FRAUD)).status
