"""What customers are told of, by whatever sends the service's mail."""

from __future__ import annotations

from cloudevents.core.v1.event import CloudEvent

from chapters.story import Story, messages, pounds

__all__ = ["tell_customers"]

TOLD = (
    "monthly_recharge_disabled",
    "auto_top_up_failed",
    "auto_top_up_paused",
    "refund_done",
    "dispute_opened",
    "auto_top_up_paused",
    "dispute_opened",
    "low_balance",
)


class Mailer:
    """Takes CloudEvents and sends mail; the first time, it loses its server after three of them."""

    def __init__(self) -> None:
        self.sent: list[CloudEvent] = []
        self._fails_at = 3

    def __call__(self, event: CloudEvent) -> None:
        if len(self.sent) == self._fails_at:
            self._fails_at = -1
            raise ConnectionError("the mail server is away")
        self.sent.append(event)


def tell_customers(story: Story) -> None:
    story.teller.chapter("Telling the customers")
    story.teller.say(
        "Whatever customers should hear of was written down in the commit in which it happened. One thing is added:"
    )
    story.ledger.notify_below(story.account_id, pounds("60.00"))
    bought = story.ledger.spend(story.account_id, messages("last call", 100), idempotency_key="last-call-1")
    story.teller.facts(("Balance", bought.balance), ("Tell below", pounds("60.00")), amounts=True)

    story.teller.say("A mailer subscribes, and gets each as a CloudEvent. Its server goes away in between.")
    mailer = Mailer()
    try:
        story.ledger.deliver_notifications("mailer", mailer)
    except ConnectionError as error:
        story.teller.facts(("Delivered", f"{len(mailer.sent)}, then: {error}"))
    story.teller.say("The next delivery goes on with the one that was not sent, under the same id. None is lost.")
    story.ledger.deliver_notifications("mailer", mailer)
    customers = {account.account_id: account.owner for account in story.ledger.accounts().accounts}
    kinds = [event.get_type().removeprefix("interact_ledger.") for event in mailer.sent]
    story.teller.table(
        ("To", "About"),
        [(customers[event.get_subject() or ""], kind) for event, kind in zip(mailer.sent, kinds, strict=True)],
        amounts_from=2,
    )
    story.teller.expect("what was told", tuple(kinds), TOLD)
    story.teller.expect("different ids", len({event.get_id() for event in mailer.sent}), len(TOLD))
    story.teller.expect("what is left to deliver", story.ledger.deliver_notifications("mailer", mailer), 0)
    story.teller.say("The last of them, as the mailer got it:")
    last = mailer.sent[-1]
    story.teller.facts(
        ("id", last.get_id()), ("type", last.get_type()), ("subject", last.get_subject()), ("data", last.get_data())
    )
