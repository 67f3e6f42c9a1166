"""The demo tells its story to the end, with the very figures that it promises."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from moneyed import Money

from chapters import CHAPTERS
from interact_ledger.testing import ledger_kit
from telling import NotAsToldError, Teller, shown

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("the demo") / "demo.db"


@pytest.fixture(scope="module")
def story(database) -> str:
    """What the demo prints into a pipe."""
    run = subprocess.run(
        [sys.executable, DEMO, database], capture_output=True, text=True, encoding="utf-8", env=quiet(), check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def quiet(**variables: str) -> dict[str, str]:
    """Return this environment with nothing in it that asks for colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "CLICOLOR_FORCE"}}
    return {**kept, "PYTHONIOENCODING": "utf-8", **variables}


def facts(story: str, name: str) -> Iterator[str]:
    """Yield the values that the story gives to a name, in order."""
    return (match[1] for match in re.finditer(rf"^  {re.escape(name)} +(\S.*?) *$", story, re.MULTILINE))


def test_fifty_pounds_with_twenty_per_cent_tax_charge_sixty(story):
    assert next(facts(story, "Recharge amount")) == "£50.00"
    assert next(facts(story, "VAT 20%")) == "£10.00"
    assert next(facts(story, "Total")) == "£60.00"
    assert next(facts(story, "New balance")) == "£50.00"


def test_the_receipt_bears_the_transaction_id_of_the_confirmation(story):
    ids = list(facts(story, "Transaction ID:"))
    assert ids[0] == ids[1]
    assert re.fullmatch(r"txn_[0-9a-z]{26}", ids[0])
    assert next(facts(story, "Paid with")) == "visa ending 4242"


@pytest.mark.parametrize("gateway", ["stripe", "braintree"])
def test_the_same_story_is_told_over_a_vendors_own_library(story, gateway):
    run = subprocess.run(
        [sys.executable, DEMO, "--gateway", gateway],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=quiet(),
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for name in ("Captured by the gateway", "Verdict", "Total", "Balance", "run_due", "Held", "Closing"):
        assert list(facts(run.stdout, name)) == list(facts(story, name))
    assert ("sends no webhook" in run.stdout) is (gateway == "braintree")


def test_one_message_leaves_the_exact_rest(story):
    assert next(facts(story, "Spent")) == "£0.0325"
    assert list(facts(story, "Balance"))[1] == "£49.9675"


def test_every_chapter_is_told(story):
    assert len(re.findall(r"^\d+\. ", story, re.MULTILINE)) == len(CHAPTERS) == 22
    assert (list(facts(story, "Findings")), list(facts(story, "Verdict"))) == (["0"], ["clean"])


def test_what_was_agreed_to_is_charged_once_when_it_is_due(story):
    assert list(facts(story, "run_due"))[:2] == ["auto_top_up: succeeded", "nothing was due"]
    assert list(facts(story, "Before the day")) == ["nothing was due"]
    assert list(facts(story, "On the day")) == ["monthly_recharge: succeeded"]


def test_the_waits_after_a_decline_double_until_the_third(story):
    tried = re.findall(r"^  \d\d \w{3} (\d\d:\d\d)  declined  (.+)$", story, re.MULTILINE)
    assert tried == [("00:07", "05 Mar 06:07"), ("06:07", "05 Mar 18:07"), ("18:07", "paused: failures")]


def test_granted_credit_goes_first_and_what_is_left_of_it_expires(story):
    assert next(facts(story, "100 messages later")) == "£1.75 granted, £92.2175 purchased"
    assert next(facts(story, "A week later")) == "£0.00 granted, £92.2175 purchased"


def test_a_dispute_that_is_lost_takes_what_was_held_and_one_that_is_won_nothing(story):
    assert list(facts(story, "Held"))[-2:] == ["£20.00", "£20.00"]
    assert list(facts(story, "Lost")) == ["£20.00", "£0.00"]


def test_what_was_not_delivered_is_delivered_the_next_time(story):
    assert next(facts(story, "Delivered")) == "3, then: the mail server is away"
    told = re.findall(r"^  customer-\d +([a-z_]+)$", story, re.MULTILINE)
    assert len(told) == 8
    assert told[-1] == "low_balance"


def test_card_testers_are_refused(story):
    assert "card_attempt_refused" in next(facts(story, "The next one"))


def test_a_pipe_gets_no_colours(story):
    assert "\x1b" not in story


def test_no_color_is_respected_where_colours_are_forced():
    run = subprocess.run(
        [sys.executable, DEMO],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=quiet(FORCE_COLOR="1", NO_COLOR="1"),
        check=True,
    )
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", run.stdout)


def test_the_ledger_stays_and_can_be_read(story, database):
    with closing(sqlite3.connect(database)) as connection:
        closing_balance = connection.execute(
            "SELECT total FROM statement_lines JOIN accounts USING (account_id) WHERE owner = 'customer-1'"
            " ORDER BY statement_lines.version DESC"
        ).fetchone()[0]
    assert f"£{closing_balance}" == "£58.9675"


def test_a_figure_that_is_not_as_told_stops_the_story():
    with pytest.raises(NotAsToldError, match=r"told '£50\.00', came out as '£49\.99'"):
        Teller().expect("the balance", Money("49.99", "GBP"), Money("50.00", "GBP"))


def test_amounts_are_shown_with_all_their_decimals():
    assert shown(Money("49.967500", "GBP")) == "£49.9675"
    with ledger_kit() as kit:
        account = kit.account("JPY", "JP")
        assert shown(kit.ledger.balance(account.account_id).total) == "JP¥0"
