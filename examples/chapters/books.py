"""The whole story once more, in figures."""

from __future__ import annotations

from chapters.story import Story, captured_total, pounds

__all__ = ["audit", "show_statement"]


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
    story.teller.expect("the closing balance", statement.closing, pounds("58.9675"))


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
    accounts = [account for account in story.ledger.accounts().accounts if account.currency == "GBP"]
    receipts = [receipt for account in accounts for receipt in story.ledger.receipts(account.account_id)]
    charged = sum((receipt.total for receipt in receipts), pounds("0"))
    captured = captured_total(story)
    story.teller.say("The receipts and the gateway's own record agree to the penny:")
    story.teller.facts(("On receipts", charged), ("Captured by the gateway", captured), amounts=True)
    story.teller.expect("what the gateway captured", captured, charged)
