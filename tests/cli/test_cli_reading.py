"""Operators and auditors read balances, receipts, statements and histories."""

from __future__ import annotations

from cli_runner import Cli


def pounds(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


def spent(cli: Cli) -> str:
    """An account that was topped up and then spent from."""
    account_id = cli.funded()
    cli.text("spend", "message", account_id, "GB", "--segments", 1)
    return account_id


def test_a_balance_now_and_its_parts(cli: Cli):
    account_id = spent(cli)
    cli.text("hold", "place", account_id, "5", "--reference", "r")
    assert cli.json("balance", account_id) == {
        "available": pounds("44.9675"),
        "held": pounds("5.00"),
        "total": pounds("49.9675"),
        "granted": pounds("0.00"),
        "pending": pounds("0.00"),
    }


def test_a_balance_in_the_past_by_moment_and_by_version(cli: Cli):
    account_id = spent(cli)
    events = cli.json("history", account_id)["events"]
    captured = next(event for event in events if event["topic"] == "payment-captured")
    for past in (("--at", captured["recorded_at"]), ("--version", captured["version"])):
        assert cli.json("balance", account_id, *past)["total"] == pounds("50.00")
    assert cli.json("balance", account_id, "--at", "2020-01-01")["total"] == pounds("0.00")


def test_a_moment_without_an_offset_is_utc_and_nonsense_is_refused(cli: Cli):
    account_id = spent(cli)
    moment = cli.json("history", account_id)["events"][-2]["recorded_at"]
    assert cli.json("balance", account_id, "--at", moment) == cli.json(
        "balance", account_id, "--at", moment.removesuffix("Z")
    )
    assert cli.refused("balance", account_id, "--at", "yesterday")["field"] == "at"


def test_a_receipt_by_its_transaction_and_all_of_an_account(cli: Cli):
    account_id = cli.account()
    transaction_id = cli.top_up(account_id)["transaction_id"]
    receipt = cli.json("receipt", transaction_id)
    assert (receipt["transaction_id"], receipt["total"]) == (transaction_id, pounds("60.00"))
    assert cli.json("receipts", account_id)["receipts"] == [receipt]
    assert cli.json("receipts", account_id, "--after", str(receipt["version"]))["receipts"] == []
    assert "Interact Messaging Ltd" in cli.text("receipt", transaction_id)
    assert transaction_id in cli.text("receipts", account_id)


def test_a_receipt_shows_its_credit_notes_which_are_found_by_their_own_ids_too(cli: Cli):
    account_id = cli.account()
    transaction_id = cli.top_up(account_id)["transaction_id"]
    assert "credit notes" not in cli.text("receipt", transaction_id)
    cli.text("payment", "refund", account_id, transaction_id, "--amount", "12", "--reason", "why")
    receipt = cli.json("receipt", transaction_id)
    (note,) = receipt["credit_notes"]
    assert (receipt["left"], receipt["dispute"], receipt["is_reversed"]) == (pounds("48.00"), None, False)
    assert (note["credit_note_number"], note["credit"]) == ("interact-gb-CN-000001", pounds("10.00"))
    assert cli.json("credit-note", note["credit_note_id"]) == note
    assert cli.json("credit-notes", account_id) == {"credit_notes": [note]}
    assert cli.json("credit-notes", account_id, "--after", str(note["version"])) == {"credit_notes": []}
    assert cli.refused("credit-note", "crn_unknown")["field"] == "credit_note_id"
    for shown in (
        cli.text("receipt", transaction_id),
        cli.text("credit-notes", account_id),
        cli.text("credit-note", note["credit_note_id"]),
    ):
        assert note["credit_note_id"] in shown
        assert "interact-gb-CN-000001" in shown
        assert "interact-gb-000001" in shown
        assert "£12.00" in shown
    assert "No credit notes." in cli.text("credit-notes", cli.account())


def test_a_statement_adds_up_to_the_last_digit(cli: Cli):
    account_id = spent(cli)
    statement = cli.json("statement", account_id)
    assert statement["opening"] == pounds("0.00")
    assert [line["amount"] for line in statement["lines"]] == [pounds("50.00"), pounds("-0.0325")]
    assert statement["closing"] == pounds("49.9675")
    assert "-£0.0325" in cli.text("statement", account_id)


def test_a_statement_a_page_at_a_time_and_of_a_period(cli: Cli):
    account_id = spent(cli)
    first = cli.json("statement", account_id, "--limit", 1)
    rest = cli.json("statement", account_id, "--after", first["next_cursor"])
    assert len(first["lines"] + rest["lines"]) == 2
    assert rest["next_cursor"] is None
    assert f"--after {first['next_cursor']}" in cli.text("statement", account_id, "--limit", 1)
    empty = cli.text("statement", account_id, "--start", "2020-01-01", "--end", "2020-02-01")
    assert "Nothing changed." in empty


def test_a_history_a_page_at_a_time(cli: Cli):
    account_id = spent(cli)
    first = cli.json("history", account_id, "--limit", 3)
    assert [event["version"] for event in first["events"]] == [1, 2, 3]
    rest = cli.json("history", account_id, "--after", first["next_cursor"])
    assert rest["events"][0]["version"] == 4
    assert rest["next_cursor"] is None
    assert "More: add --after 3" in cli.text("history", account_id, "--limit", 3)


def test_a_history_says_what_happened_when_by_whom_with_exact_amounts(cli: Cli):
    account_id = spent(cli)
    shown = cli.text("history", account_id)
    assert "payment-captured  by operator:olga" in shown
    assert "amount: £0.0325" in shown
    last = cli.json("history", account_id)["events"][-1]
    assert last["data"]["amount"] == "0.0325"
    assert last["recorded_at"].endswith("Z")


def test_whoever_only_reads_needs_no_gateway(cli: Cli):
    account_id = spent(cli)
    assert cli.json("balance", account_id, "--gateways", "not-installed")["total"] == pounds("49.9675")
    assert cli.refused("payment", "methods", account_id, "--gateways", "not-installed")["field"] == "gateways"
