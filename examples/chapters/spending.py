"""What the balance is for: messages, numbers, and what is reserved for them."""

from __future__ import annotations

from moneyed import Money

from chapters.story import CAMPAIGN, LONDON_NUMBER, REMINDER, Story, pounds
from interact_ledger import Message
from interact_ledger.errors import InsufficientBalance
from telling import NotAsToldError

__all__ = ["hold", "refuse_overspending", "spend"]


def spend(story: Story) -> None:
    story.teller.chapter("One balance for messages and numbers")
    story.teller.say("One message of one segment costs £0.0325. Nothing is rounded.")
    message = story.ledger.spend(story.account_id, REMINDER, idempotency_key="reminder-1")
    story.teller.facts(("Spent", message.amount), ("Balance", message.balance), amounts=True)
    story.teller.expect("the balance after one message", message.balance, pounds("49.9675"))

    story.teller.say("Now the campaign and the number, all or nothing, as one purchase.")
    bought = story.ledger.spend_many(story.account_id, [CAMPAIGN, LONDON_NUMBER], idempotency_key="campaign-1")
    story.teller.table(
        ("Line", "Item", "Amount"),
        [(line.reference, line.item, Money(line.amount, "GBP")) for line in bought.lines],
        amounts_from=2,
    )
    story.teller.facts(("Spent", bought.amount), ("Balance", bought.balance), amounts=True)

    story.teller.say("100 of the messages were not delivered: they are given back.")
    back = story.ledger.reverse_spend(
        story.account_id,
        bought.transaction_id,
        "not delivered",
        lines=[("spring sale", 100)],
        idempotency_key="undelivered-1",
    )
    story.teller.facts(("Given back", back.amount), ("Balance", back.balance), amounts=True)
    story.expect_balance("12.2175")


def refuse_overspending(story: Story) -> None:
    story.teller.chapter("Too much")
    story.teller.say("The balance never goes below zero by spending.")
    try:
        story.ledger.spend(story.account_id, CAMPAIGN, idempotency_key="campaign-2")
    except InsufficientBalance as refused:
        story.teller.facts(("The campaign again", f"refused ({refused.code}): {refused}"))
    else:
        raise NotAsToldError("a campaign was sold that the balance does not cover")
    story.expect_balance("12.2175")


def hold(story: Story) -> None:
    story.teller.chapter("Holds")
    story.teller.say("A campaign is about to run: £20.00 is reserved, 300 messages are sent, the rest is released.")
    held = story.ledger.hold(story.account_id, pounds("20.00"), "night campaign", idempotency_key="hold-1")
    batch = Message("night batch", "GB", segments=1, quantity=300)
    settled = story.ledger.settle(story.account_id, held.hold_id, [batch], idempotency_key="settle-1")
    left = pounds("20.00") - settled.amount
    story.teller.facts(
        ("Held", pounds("20.00")),
        ("Available meanwhile", held.balance),
        ("Settled", settled.amount),
        ("Released", left),
        amounts=True,
    )
    story.ledger.release(story.account_id, held.hold_id, idempotency_key="release-1")
    story.teller.expect("what the messages took", settled.amount, pounds("9.75"))
    story.expect_balance("102.4675")
