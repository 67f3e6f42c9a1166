"""The story of one prepaid balance, from the first card to the audit: `make demo`, `make demo GATEWAY=stripe`.

It runs the real library on a real SQLite file. The payment gateway is the sandbox, which scripts every outcome, or a
vendor's library over HTTP to a server of this project's; no money moves. The clock is moved by hand, so that nothing
waits. Every figure is checked, and the story ends with an error if one is not as told.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from moneyed import Money

from interact_ledger import AccountDetails, Ledger, Message, Number, TopUpResult
from interact_ledger.errors import BelowMinimum, CardNumberRefused, InsufficientBalance
from interact_ledger.gateways.conformance import Behaviour, Bench, Fault
from interact_ledger.gateways.protocol import DeclineReason
from stages import STAGES, Stage
from telling import NotAsToldError, Teller, shown

REMINDER = Message("reminder", "GB", text="Your parcel arrives today between 10 and 12.")
CAMPAIGN = Message("spring sale", "GB", text="Spring sale: 20% off until Sunday.", quantity=1200)
TITLES = {
    "sandbox": "The gateway is the sandbox: no network, no money. The rest is real.",
    "stripe": "Stripe's own library, over HTTP to a server that stands in for it. No money; the rest is real.",
    "braintree": "Braintree's own library, over HTTP to a server that stands in for it. No money; the rest is real.",
}
LONDON_NUMBER = Number("sender", "+442071234567", "GB")


def pounds(amount: str) -> Money:
    return Money(amount, "GBP")


@dataclass(frozen=True, slots=True)
class Story:
    """What every chapter works with."""

    ledger: Ledger
    bench: Bench
    """The gateway, and a hand on the cards and networks around it."""
    teller: Teller
    customer: AccountDetails

    @property
    def account_id(self) -> str:
        return self.customer.account_id

    def card(self, kind: Behaviour | DeclineReason = Behaviour.SUCCEEDS) -> str:
        """Return the token of a card that the customer just typed into the gateway's fields."""
        token = self.bench.card(kind)
        assert token is not None, "every gateway has such a card"
        return token

    def top_up(
        self, amount: str, key: str, kind: Behaviour | DeclineReason = Behaviour.SUCCEEDS, *, save_card: bool = False
    ) -> TopUpResult:
        """Check out and pay with a new card."""
        summary = self.ledger.checkout(self.account_id, pounds(amount))
        return self.ledger.top_up(
            self.account_id, summary.quote_id, card_token=self.card(kind), save_card=save_card, idempotency_key=key
        )

    def expect_balance(self, told: str) -> None:
        self.teller.expect("the balance", self.ledger.balance(self.account_id).total, pounds(told))

    def confirm(self, result: TopUpResult, *, status: str, balance: str) -> None:
        """Show a payment confirmation, and check that it is as told."""
        declined = [("Reason", result.decline_reason), ("Advice", f"try again {result.decline_advice}")]
        self.teller.facts(
            ("Status", result.status),
            *(declined if result.decline_reason else []),
            ("New balance", result.balance),
            ("Transaction ID:", result.transaction_id),
        )
        self.teller.expect("the payment's status", result.status, status)
        self.teller.expect("the new balance", result.balance, pounds(balance))


# The chapters -----------------------------------------------------------------------------------------------------


def methods_on_offer(story: Story) -> None:
    story.teller.chapter("Which cards can be used")
    story.teller.say("The methods on offer depend on the account's currency and country.")
    in_japan = story.ledger.open_account("customer-2", "JPY", "JP", time_zone="Asia/Tokyo")
    offered = {
        account.country: ", ".join(method.name for method in story.ledger.payment_methods(account.account_id))
        for account in (story.customer, in_japan)
    }
    story.teller.facts(("GBP in the UK", offered["GB"]), ("JPY in Japan", offered["JP"]))
    story.teller.expect("Visa in both", all("Visa" in methods for methods in offered.values()), told=True)
    story.teller.expect("the two countries differ", offered["GB"] != offered["JP"], told=True)


def estimate_first(story: Story) -> None:
    story.teller.chapter("What will it cost?")
    story.teller.say("The customer plans a campaign of 1,200 messages in the UK, sent from a London number.")
    estimate = story.ledger.estimate(story.account_id, [CAMPAIGN, LONDON_NUMBER])
    story.teller.table(
        ("Item", "Quantity", "Unit price", "Cost"),
        [(item.item, item.quantity, item.unit_price, item.cost) for item in estimate.items],
        amounts_from=1,
    )
    story.teller.facts(
        ("Cost", estimate.cost),
        ("Balance", estimate.available),
        ("Shortfall", estimate.shortfall),
        ("Top-up to make", estimate.top_up),
        amounts=True,
    )
    story.teller.expect("the campaign and the number cost", estimate.cost, pounds("41.00"))
    story.teller.expect("the top-up to make", estimate.top_up, pounds("41.00"))


def refuse_too_little(story: Story) -> None:
    story.teller.chapter("Too little")
    story.teller.say("A top-up below the minimum is refused before anything is recorded or sent.")
    try:
        story.ledger.checkout(story.account_id, pounds("5.00"))
    except BelowMinimum as refused:
        story.teller.facts(("£5.00", f"refused ({refused.code}): {refused}"))
    else:
        raise NotAsToldError("a top-up of £5.00 was accepted")


def review_and_pay(story: Story) -> None:
    story.teller.chapter("Review and pay")
    story.teller.say("The customer enters £50.00 and reviews the checkout summary. What it shows is what is charged.")
    summary = story.ledger.checkout(story.account_id, pounds("50.00"))
    story.teller.facts(
        ("Recharge amount", summary.recharge),
        *((f"{tax.name} {tax.rate:f}%", tax.amount) for tax in summary.taxes),
        ("Total", summary.total),
        amounts=True,
    )
    story.teller.expect("the total", summary.total, pounds("60.00"))
    story.teller.say("The card goes into the gateway's own fields; the ledger gets a token, and the card is not saved.")
    token = story.card()
    paid = story.ledger.top_up(story.account_id, summary.quote_id, card_token=token, idempotency_key="order-1")
    story.confirm(paid, status="succeeded", balance="50.00")
    story.teller.expect("what the card was charged", captured_total(story), pounds("60.00"))
    show_receipt(story, paid.transaction_id)
    story.teller.say("The same request again (a double click, a retry) returns the same payment; nothing is charged.")
    again = story.ledger.top_up(story.account_id, summary.quote_id, card_token=token, idempotency_key="order-1")
    story.teller.expect("the repeated payment", again, paid)


def show_receipt(story: Story, transaction_id: str) -> None:
    story.teller.say("The receipt is looked up by that same transaction ID.")
    receipt = story.ledger.receipt(transaction_id)
    story.teller.facts(
        ("Transaction ID:", receipt.transaction_id),
        ("Invoice number", receipt.invoice_number),
        ("Seller", f"{receipt.seller_name}, {receipt.seller_tax_number}"),
        ("Paid at", f"{receipt.paid_at:%Y-%m-%d %H:%M} UTC"),
        ("Paid with", f"{receipt.brand} ending {receipt.last_four}"),
        ("Credit", receipt.credit),
        *((tax.name, tax.amount) for tax in receipt.taxes),
        ("Charged", receipt.total),
    )
    story.teller.expect("the receipt's transaction ID", receipt.transaction_id, transaction_id)
    story.teller.expect("the invoice number", receipt.invoice_number, "interact-gb-000001")
    story.teller.expect("the card's brand", receipt.brand, "visa")
    story.teller.expect("credit and charge", (receipt.credit, receipt.total), (pounds("50.00"), pounds("60.00")))


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


def keep_cards(story: Story) -> None:
    story.teller.chapter("Saving a card, choosing it, removing it")
    story.teller.say("One card is saved without a charge. Another is saved with a payment, as the customer chose.")
    kept = story.ledger.save_card(story.account_id, story.card(), idempotency_key="save-1").card
    paid = story.top_up("20.00", "order-2", Behaviour.ASKS_WHEN_SAVED, save_card=True)
    story.confirm(paid, status="succeeded", balance="32.2175")
    assert kept is not None
    assert paid.saved_card is not None
    show_cards(story, told=[kept.last_four, paid.saved_card.last_four])

    story.teller.say("Right on the confirmation, the customer thinks better of it and removes the card again.")
    story.ledger.remove_card(story.account_id, paid.saved_card.card_id, idempotency_key="remove-1")
    show_cards(story, told=[kept.last_four])
    story.teller.expect("how many cards the gateway keeps", len(story.bench.saved_cards()), 1)
    story.teller.say("The gateway keeps no other either: the card of the very first payment was never saved.")

    story.teller.say("A day later the customer returns and pays £10.00 with the saved card.")
    story.bench.clock.advance(timedelta(days=1))
    summary = story.ledger.checkout(story.account_id, pounds("10.00"))
    paid = story.ledger.top_up(story.account_id, summary.quote_id, card_id=kept.card_id, idempotency_key="order-3")
    story.confirm(paid, status="succeeded", balance="42.2175")


def show_cards(story: Story, *, told: list[str]) -> None:
    cards = story.ledger.cards(story.account_id)
    story.teller.facts(
        *((card.brand, f"ending {card.last_four}, {card.expiry_month}/{card.expiry_year}") for card in cards)
    )
    story.teller.expect("the saved cards", [card.last_four for card in cards], told)


def refuse_card_numbers(story: Story) -> None:
    story.teller.chapter("Card numbers are refused")
    story.teller.say("A card number where it must not be is refused, and the error does not repeat it.")
    try:
        story.ledger.save_card(story.account_id, "4242 4242 4242 4242", idempotency_key="save-2")
    except CardNumberRefused as refused:
        story.teller.facts(("A card number", f"refused ({refused.code}): {refused}"))
        story.teller.expect("the error is silent about it", "4242" in str(refused), told=False)
    else:
        raise NotAsToldError("a card number was taken for a token")


def declined(story: Story) -> None:
    story.teller.chapter("A declined card")
    result = story.top_up("30.00", "order-4", DeclineReason.INSUFFICIENT_FUNDS)
    story.confirm(result, status="declined", balance="42.2175")
    story.teller.say("The gateway's payment is cancelled, so that no old browser tab can pay it after all.")
    still_open = [thing for thing in story.bench.chargeable() if thing.kind == "payment"]
    story.teller.expect("what can still be paid at the gateway", still_open, [])


def authenticate(story: Story) -> None:
    story.teller.chapter("A card that asks for authentication")
    if story.bench.card(Behaviour.ASKS_CUSTOMER) is None:
        story.teller.say("At this gateway the customer authenticates in its own fields, before there is a token.")
        story.confirm(story.top_up("30.00", "order-5"), status="succeeded", balance="72.2175")
        return
    waiting = story.top_up("30.00", "order-5", Behaviour.ASKS_CUSTOMER)
    story.confirm(waiting, status="action_required", balance="42.2175")
    assert waiting.gateway_reference is not None
    story.teller.say("The customer authenticates in the browser; the service then completes the payment.")
    story.bench.authenticate(waiting.gateway_reference)
    done = story.ledger.complete(story.account_id, waiting.transaction_id)
    story.confirm(done, status="succeeded", balance="72.2175")
    story.teller.expect("the transaction ID", done.transaction_id, waiting.transaction_id)


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


def show_statement(story: Story) -> None:
    story.teller.chapter("The statement")
    statement = story.ledger.statement(story.account_id)
    story.teller.table(
        ("Time (UTC)", "What", "Amount", "Balance"),
        [(f"{line.recorded_at:%d %b %H:%M}", line.kind, line.amount, line.balance) for line in statement.lines],
        amounts_from=2,
    )
    story.teller.facts(("Opening", statement.opening), ("Closing", statement.closing), amounts=True)
    moved = sum((line.amount for line in statement.lines), pounds("0"))
    kinds = {line.kind for line in statement.lines if not line.amount}
    story.teller.expect("lines that change nothing", kinds, set())
    story.teller.expect("the lines' sum", statement.opening + moved, statement.closing)
    story.teller.expect("the closing balance", statement.closing, pounds("102.4675"))


def audit(story: Story) -> None:
    story.teller.chapter("The audit")
    story.teller.say("The audit replays every event by code of its own and compares the figures.")
    report = story.ledger.audit()
    story.teller.facts(
        ("Accounts", report.accounts),
        ("Events", report.events),
        ("Findings", len(report.findings)),
        ("Verdict", "clean" if report.clean else "NOT CLEAN"),
    )
    story.teller.expect("the audit's verdict", report.clean, told=True)
    charged = sum((receipt.total for receipt in story.ledger.receipts(story.account_id)), pounds("0"))
    captured = captured_total(story)
    story.teller.say("The receipts and the gateway's own record agree to the penny:")
    story.teller.facts(("On receipts", charged), ("Captured by the gateway", captured), amounts=True)
    story.teller.expect("what the gateway captured", captured, charged)


def captured_total(story: Story) -> Money:
    """Return what the gateway's own books show as captured."""
    return sum((captured.amount for captured in story.bench.captured()), pounds("0"))


CHAPTERS: Sequence[Callable[[Story], None]] = (
    methods_on_offer,
    estimate_first,
    refuse_too_little,
    review_and_pay,
    spend,
    refuse_overspending,
    keep_cards,
    refuse_card_numbers,
    declined,
    authenticate,
    recover,
    hold,
    show_statement,
    audit,
)


def tell(database: Path, stage: Stage, title: str) -> None:
    """Tell the whole story on a fresh database."""
    teller = Teller()
    gateway_file = database.with_suffix(".gateway.db")
    for file in (database, gateway_file):
        for leftover in file.parent.glob(f"{file.name}*"):
            leftover.unlink()
    url = f"sqlite:///{database.absolute()}"
    with (
        stage(gateway_file) as bench,
        Ledger.open(url, gateways=[bench.gateway], clock=bench.clock) as ledger,
    ):
        teller.title("A prepaid balance", title)
        customer = ledger.open_account("customer-1", "GBP", "GB", time_zone="Europe/London")
        story = Story(ledger, bench, teller, customer)
        for chapter in CHAPTERS:
            chapter(story)
            bench.clock.advance(timedelta(minutes=7))


def main() -> None:
    parser = argparse.ArgumentParser(description="Tell the story of a prepaid balance.")
    parser.add_argument("database", nargs="?", type=Path, help="keep the ledger in this file, overwriting it")
    parser.add_argument("--gateway", choices=STAGES, default="sandbox", help="who takes the payments")
    arguments = parser.parse_args()
    stage, title = STAGES[arguments.gateway], TITLES[arguments.gateway]
    database: Path | None = arguments.database
    if database is None:
        with tempfile.TemporaryDirectory() as folder:
            tell(Path(folder) / "demo.db", stage, title)
    else:
        database.parent.mkdir(parents=True, exist_ok=True)
        tell(database, stage, title)
        print(f"\nThe ledger stays in {database}; any SQLite client can read it.")


if __name__ == "__main__":
    main()
