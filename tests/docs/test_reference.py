"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

import generate
from interact_ledger.domain.events import TOPICS
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS
from interact_ledger.ledger import TABLES

PAGES = generate.pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == PAGES[path], "run make docs"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("events.md", [f"### {topic}" for topic in TOPICS]),
        ("tables.md", [f"### {table.name}" for table in TABLES]),
        ("sandbox-tokens.md", [f"`{token}`" for token in SANDBOX_TOKENS]),
    ],
)
def test_a_generated_page_names_everything(page, names):
    text = PAGES[generate.REFERENCE / page]
    assert [name for name in names if name not in text] == []
