"""Charged without being asked each time: what the customer agreed to, what is charged of it, and what is not."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from chapters.story import Story, messages, pounds
from interact_ledger import AutoTopUpDetails

__all__ = ["auto_top_up", "failing_card", "monthly_recharge"]

BELOW_FIFTY = "Charge my card £25 plus VAT whenever my balance is below £50, at most three times a month."
BELOW_TWENTY = "Charge my card £25 plus VAT whenever my balance is below £20, at most three times a month."
EACH_FIFTH = "Charge my card £20 plus VAT on the 5th of each month."


class Consent(TypedDict):
    consent_text: str
    given_by: str
    given_at: datetime


def auto_top_up(story: Story) -> None:
    story.teller.chapter("Auto top-up")
    story.teller.say("The customer agrees to have the saved card charged when the balance is low. The log keeps it:")
    (card,) = story.ledger.cards(story.account_id)
    agreed = story.ledger.enable_auto_top_up(
        story.account_id,
        threshold=pounds("50.00"),
        amount=pounds("25.00"),
        card_id=card.card_id,
        max_per_month=3,
        ceiling=pounds("30.00"),
        **given(story, BELOW_FIFTY),
    ).auto_top_up
    assert agreed is not None
    story.teller.facts(
        ("Consent", f"“{agreed.consent_text}”"),
        ("Given by", f"{agreed.given_by}, {agreed.given_at:%Y-%m-%d %H:%M} UTC"),
        ("Never more than", agreed.ceiling),
    )
    bought = story.ledger.spend(story.account_id, messages("newsletter", 1700), idempotency_key="newsletter-1")
    story.teller.say(
        "A newsletter leaves less than that. The next `run_due`, from cron or elsewhere, charges the card."
    )
    story.teller.facts(("Balance after it", bought.balance))
    story.teller.expect("what was done", run_due(story), ["auto_top_up: succeeded"])
    story.teller.facts(("Balance then", story.ledger.balance(story.account_id).total))
    story.expect_balance("72.2175")
    story.teller.say("Run again, by another machine or by mistake, it charges nothing.")
    story.teller.expect("what was done again", run_due(story), ["nothing was due"])


def monthly_recharge(story: Story) -> None:
    story.teller.chapter("Monthly recharge")
    story.teller.say("The customer also agrees to a recharge on a day of each month, where the customer lives.")
    (card,) = story.ledger.cards(story.account_id)
    agreed = story.ledger.enable_monthly_recharge(
        story.account_id,
        day=5,
        amount=pounds("20.00"),
        card_id=card.card_id,
        ceiling=pounds("24.00"),
        **given(story, EACH_FIFTH),
    ).monthly_recharge
    assert agreed is not None
    assert agreed.next_due_at is not None
    story.teller.facts(("Consent", f"“{agreed.consent_text}”"), ("Next", f"{agreed.next_due_at:%Y-%m-%d %H:%M} UTC"))
    story.teller.expect("before the day", run_due(story, "Before the day"), ["nothing was due"])
    story.bench.clock.set(agreed.next_due_at)
    story.teller.expect("on the day", run_due(story, "On the day"), ["monthly_recharge: succeeded"])
    story.expect_balance("92.2175")
    stopped = story.ledger.disable_monthly_recharge(story.account_id).monthly_recharge
    assert stopped is not None
    story.teller.say("The customer stops it again, in one step.")
    story.teller.facts(("Monthly recharge", f"{stopped.status}, because it was {stopped.stopped_by}"))
    story.teller.expect("how it stands", (stopped.status, stopped.next_due_at), ("disabled", None))


def failing_card(story: Story) -> None:
    story.teller.chapter("A card that runs dry")
    story.teller.say("Another customer's saved card has no money when it is charged. The waits between tries double.")
    account_id = story.ledger.open_account("customer-3", "GBP", "GB", time_zone="Europe/London").account_id
    paid = story.pay(account_id, "30.00", "order-1", story.scene.card_that_runs_dry(), save_card=True)
    assert paid.saved_card is not None
    story.ledger.enable_auto_top_up(
        account_id,
        threshold=pounds("20.00"),
        amount=pounds("25.00"),
        card_id=paid.saved_card.card_id,
        max_per_month=3,
        ceiling=pounds("30.00"),
        **given(story, BELOW_TWENTY, by="customer-3"),
    )
    story.ledger.spend(account_id, messages("invitation", 400), idempotency_key="invitation-1")
    rows = []
    for _ in range(3):
        story.teller.expect("the charge", run_due(story, None), ["auto_top_up: declined"])
        stands = _auto_top_up(story, account_id)
        next_try = f"{stands.next_try_at:%d %b %H:%M}" if stands.next_try_at else f"paused: {stands.stopped_by}"
        rows.append((f"{story.bench.clock.now():%d %b %H:%M}", "declined", next_try))
        story.teller.expect("too early", run_due(story, None), ["nothing was due"])
        if stands.next_try_at is not None:
            story.bench.clock.set(stands.next_try_at)
    story.teller.table(("Tried at", "Outcome", "Next try"), rows, amounts_from=3)
    story.teller.expect("after the third", _auto_top_up(story, account_id).stopped_by, "failures")
    story.teller.say("The customer is told, and pays with another card. That ends the pause.")
    again = story.pay(account_id, "20.00", "order-2", story.card())
    story.teller.facts(
        ("Balance of customer-3", again.balance), ("Auto top-up", _auto_top_up(story, account_id).status)
    )
    story.teller.expect("the balance", again.balance, pounds("37.00"))
    story.teller.expect("the agreement", _auto_top_up(story, account_id).status, "enabled")


def given(story: Story, text: str, *, by: str = "customer-1") -> Consent:
    return {"consent_text": text, "given_by": by, "given_at": story.bench.clock.now()}


def run_due(story: Story, name: str | None = "run_due") -> list[str]:
    """Do what is due as a schedule would; return what was done, and tell it under a name unless there is none."""
    said = [f"{done.kind}: {done.outcome}" for done in story.ledger.run_due()] or ["nothing was due"]
    if name is not None:
        story.teller.facts((name, ", ".join(said)))
    return said


def _auto_top_up(story: Story, account_id: str) -> AutoTopUpDetails:
    stands = story.ledger.automatic_payments(account_id).auto_top_up
    assert stands is not None
    return stands
