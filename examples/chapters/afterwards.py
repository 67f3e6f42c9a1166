"""What happens to a payment after it was made, by other hands than ours."""

from __future__ import annotations

from chapters.story import Story, pounds
from interact_ledger import DisputeDetails
from telling import shown

__all__ = ["dispute", "refund_in_dashboard"]


def refund_in_dashboard(story: Story) -> None:
    story.teller.chapter("A refund in the vendor's dashboard")
    reference, others = _charge(story, 0), story.bench.others
    assert others is not None
    story.bench.settle(reference)
    story.hear()
    story.teller.say("A colleague pays £12.00 of the first payment back, in the vendor's dashboard.")
    others.refund_in_dashboard(reference, pounds("12.00"))
    story.hear()
    if story.scene.tells_of_refunds:
        story.teller.say("The webhook makes the ledger look. The balance falls by the refund's share without the tax.")
        story.teller.facts(("The balance falls to", story.ledger.balance(story.account_id).total))
        story.expect_balance("82.2175")
    else:
        story.teller.say("This vendor sends no webhook for it. The next one about the payment brings it to light.")
        story.expect_balance("92.2175")


def dispute(story: Story) -> None:
    story.teller.chapter("Disputes")
    story.teller.say("The cardholder's bank wants £24.00 of the first payment back. Its share of the balance is held.")
    lost = _open(story, charge=0, gross="24.00")
    story.teller.expect("what is held", lost.held, pounds("20.00"))
    if not story.scene.tells_of_refunds:
        story.teller.say("The same look shows the refund in the dashboard.")
    _show_balance(story, total="82.2175", available="62.2175")

    story.teller.say("Until the customer wants it again, nothing is charged automatically.")
    stands = story.ledger.automatic_payments(story.account_id).auto_top_up
    assert stands is not None
    story.teller.facts(("Auto top-up", f"{stands.status}: {stands.stopped_by}"))
    story.teller.expect("why it is paused", stands.stopped_by, "disputed")

    story.teller.say("The bank decides for its customer: what was held is gone.")
    lost = _decide(story, lost, won=False)
    story.teller.facts(("Dispute", lost.status), ("Lost", lost.lost))
    _show_balance(story, total="62.2175", available="62.2175")

    story.teller.say("Another payment is disputed in full. This time the bank decides for the seller.")
    won = _open(story, charge=-1, gross="24.00")
    _show_balance(story, total="62.2175", available="42.2175")
    won = _decide(story, won, won=True)
    story.teller.facts(("Dispute", won.status), ("Lost", won.lost))
    _show_balance(story, total="62.2175", available="62.2175")


def _charge(story: Story, number: int) -> str:
    """Return the gateway's reference of one of the customer's payments."""
    receipt = story.ledger.receipts(story.account_id)[number]
    reference = story.ledger.top_up_result(story.account_id, receipt.transaction_id).gateway_reference
    assert reference is not None
    return reference


def _open(story: Story, *, charge: int, gross: str) -> DisputeDetails:
    reference, others = _charge(story, charge), story.bench.others
    assert others is not None
    story.bench.settle(reference)
    known = {dispute.dispute_id for dispute in story.ledger.disputes(story.account_id)}
    others.open_dispute(reference, pounds(gross))
    story.hear()
    (opened,) = (one for one in story.ledger.disputes(story.account_id) if one.dispute_id not in known)
    story.teller.facts(
        ("Dispute", f"{opened.status}: {opened.reason}, {shown(opened.claimed)}"),
        ("Held", opened.held),
        ("Evidence by", f"{opened.evidence_due_by:%Y-%m-%d}" if opened.evidence_due_by else "not said"),
    )
    return opened


def _decide(story: Story, opened: DisputeDetails, *, won: bool) -> DisputeDetails:
    others = story.bench.others
    assert others is not None
    others.decide_dispute(opened.gateway_reference, won=won)
    story.hear()
    (decided,) = (one for one in story.ledger.disputes(story.account_id) if one.dispute_id == opened.dispute_id)
    story.teller.expect("the bank's decision", decided.status, "won" if won else "lost")
    return decided


def _show_balance(story: Story, *, total: str, available: str) -> None:
    balance = story.ledger.balance(story.account_id)
    story.teller.facts(("Balance", balance.total), ("Available", balance.available), amounts=True)
    story.teller.expect("balance and available", (balance.total, balance.available), (pounds(total), pounds(available)))
