"""Before the first payment, and the first payment."""

from __future__ import annotations

from chapters.story import CAMPAIGN, LONDON_NUMBER, Story, captured_total, pounds
from interact_ledger.errors import BelowMinimum
from telling import NotAsToldError

__all__ = ["estimate_first", "methods_on_offer", "refuse_too_little", "review_and_pay"]


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
