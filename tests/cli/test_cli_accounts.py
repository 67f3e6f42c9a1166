"""Operators open, look at, change, suspend, close and adjust accounts."""

from __future__ import annotations

from cli_runner import Cli


def test_an_account_is_opened_and_shown(cli: Cli):
    opened = cli.json("account", "open", "customer-1", "USD", "US", "--region", "CA", "--time-zone", "America/New_York")
    shown = cli.json("account", "show", opened["account_id"])
    assert opened == shown | {"idempotency_key": opened["idempotency_key"]}
    assert (shown["currency"], shown["region"], shown["standing"]) == ("USD", "CA", "open")
    assert shown["opened_at"].endswith("Z")


def test_opening_again_under_the_printed_key_returns_the_same_account(cli: Cli):
    opened = cli.json("account", "open", "customer-1", "GBP", "GB")
    again = cli.json("account", "open", "customer-1", "GBP", "GB", "--key", opened["idempotency_key"])
    assert again == opened


def test_a_key_that_was_made_is_told_before_anything_is_done_so_that_it_can_be_repeated(cli: Cli):
    ran = cli.run("account", "open", "customer-1", "GBP", "GB")
    key = ran.stderr.split()[-1]
    assert key.startswith("key_")
    assert key not in ran.stdout
    assert cli.json("account", "open", "customer-1", "GBP", "GB", "--key", key)["account_id"] in ran.stdout


def test_a_refused_request_tells_its_key_too(cli: Cli):
    error = cli.refused("spend", "message", cli.account(), "GB", "--segments", 1)
    assert error["code"] == "insufficient_balance"
    assert error["idempotency_key"].startswith("key_")


def test_accounts_are_listed_by_owner_a_page_at_a_time(cli: Cli):
    ids = sorted(cli.account("customer-1", "GBP", "GB") for _ in range(3))
    cli.account("customer-2", "GBP", "GB")
    first = cli.json("account", "list", "--owner", "customer-1", "--limit", 2)
    rest = cli.json("account", "list", "--owner", "customer-1", "--after", first["next_cursor"])
    assert [account["account_id"] for page in (first, rest) for account in page["accounts"]] == ids
    assert rest["next_cursor"] is None
    assert f"--after {first['next_cursor']}" in cli.text("account", "list", "--owner", "customer-1", "--limit", 2)


def test_no_accounts_is_a_sentence(cli: Cli):
    assert cli.text("account", "list") == "No accounts.\n"


def test_changing_one_detail_leaves_the_others(cli: Cli):
    account_id = cli.account("customer-1", "USD", "US", "--region", "CA", "--tax-status", "business")
    changed = cli.json("account", "change", account_id, "--time-zone", "America/Los_Angeles")
    assert (changed["country"], changed["region"], changed["tax_status"]) == ("US", "CA", "business")
    assert changed["time_zone"] == "America/Los_Angeles"


def test_moving_abroad_leaves_the_region_behind(cli: Cli):
    account_id = cli.account("customer-1", "USD", "US", "--region", "CA")
    assert cli.json("account", "change", account_id, "--country", "GB")["region"] is None


def test_a_tax_number_is_recorded_and_withdrawn(cli: Cli):
    account_id = cli.account("customer-1", "EUR", "FR", "--tax-status", "business")
    how = ("--verified-by", "VIES", "--verified-at", "2026-01-02T03:04:05Z", "--reference", "WAPI-1")
    assert cli.json("account", "record-tax-number", account_id, "FR40303265045", *how)["tax_number_verified"]
    withdrawn = cli.json("account", "withdraw-tax-number", account_id, "--reason", "no longer registered")
    assert not withdrawn["tax_number_verified"]


def test_an_account_is_suspended_reinstated_and_closed(cli: Cli):
    account_id = cli.account()
    for verb, standing in (("suspend", "suspended"), ("reinstate", "open"), ("close", "closed")):
        assert cli.json("account", verb, account_id, "--reason", "as asked")["standing"] == standing


def test_closing_pays_out_what_is_left(cli: Cli):
    account_id = cli.funded()
    assert cli.refused("account", "close", account_id, "--reason", "moved")["code"] == "account_not_empty"
    paid = ("--paid-out", "50.00 GBP", "--payout-reference", "BACS 7")
    assert cli.json("account", "close", account_id, "--reason", "moved", *paid)["standing"] == "closed"
    assert cli.json("balance", account_id)["total"] == {"amount": "0.00", "currency": "GBP"}


def test_a_balance_is_adjusted_up_and_down_to_fractions_of_a_penny(cli: Cli):
    account_id = cli.account()
    up = cli.json("account", "adjust", account_id, "--add", "1", "--reason", "goodwill")
    down = cli.json("account", "adjust", account_id, "--take", "0.0325", "--reason", "a message too many")
    assert up["available"] == {"amount": "1.00", "currency": "GBP"}
    assert down["adjusted_by"] == {"amount": "-0.0325", "currency": "GBP"}
    assert down["available"] == {"amount": "0.9675", "currency": "GBP"}


def test_an_adjustment_has_one_direction(cli: Cli):
    account_id = cli.account()
    for amounts in ((), ("--add", "1", "--take", "1"), ("--take", "-1")):
        assert cli.refused("account", "adjust", account_id, *amounts, "--reason", "typo")["field"] == "amount"


def test_the_log_says_which_operator_did_it_and_why(cli: Cli):
    account_id = cli.account()
    cli.text("account", "suspend", account_id, "--reason", "fraud check", "--correlation-id", "TICKET-7")
    cli.text("account", "reinstate", account_id, "--reason", "all is well", "--actor", "support:7")
    _, suspended, reinstated = cli.json("history", account_id)["events"]
    assert (suspended["actor"], suspended["correlation_id"]) == ("operator:olga", "TICKET-7")
    assert (reinstated["actor"], reinstated["correlation_id"]) == ("support:7", None)
    assert suspended["data"] == {"reason": "fraud check"}
