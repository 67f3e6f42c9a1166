"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

import api_page
import generate
import interact_ledger
from interact_ledger.domain.events import TOPICS
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS
from interact_ledger.ledger import TABLES, Ledger

PAGES = generate.pages()
VERBS = [name for name in dir(Ledger) if not name.startswith("_") and callable(getattr(Ledger, name))]
OUTCOMES = generate.REFERENCE.parent / "how-to" / "handle-payment-outcomes.md"
TUTORIAL = generate.REFERENCE.parent / "tutorial" / "first-top-up.md"
ON_OTHER_PAGES = {"Item", "LedgerError", "Ledger", "LedgerReplica", "Seller", "Settings", "__version__"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == PAGES[path], "run make docs"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("events.md", [f"### {topic}" for topic in TOPICS]),
        ("tables.md", [f"### {table.name}" for table in TABLES]),
        ("sandbox-tokens.md", [f"`{token}`" for token in SANDBOX_TOKENS]),
        ("ledger.md", [f"{name}(" for name in VERBS]),
        ("ledger.md", [f"### {name}\n" for name in interact_ledger.__all__ if name not in ON_OTHER_PAGES]),
    ],
)
def test_a_generated_page_names_everything(page, names):
    text = PAGES[generate.REFERENCE / page]
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("table", [api_page.statuses_table, api_page.reasons_table, api_page.advice_table])
def test_the_how_to_about_outcomes_has_the_same_tables_as_the_reference(table):
    assert table() in OUTCOMES.read_text(encoding="utf-8")


def test_the_tutorial_has_the_same_statuses_as_the_reference():
    assert api_page.statuses_table() in TUTORIAL.read_text(encoding="utf-8")
