"""A command line with a fresh ledger and sandbox, and no setting of the machine's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli_runner import Cli


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """An operator's shell in an empty folder."""
    for name in [name for name in os.environ if name.startswith("INTERACT_LEDGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("INTERACT_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setenv("INTERACT_LEDGER_SANDBOX_FILE", str(tmp_path / "sandbox.db"))
    monkeypatch.setenv("LOGNAME", "olga")
    return Cli()


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A file of three messages of one segment and one of two."""
    file = tmp_path / "campaign.tsv"
    file.write_text(f"ham\tHello\nspam\tHello again\nOnly a text\nham\t{'x' * 161}\n", encoding="utf-8")
    return file
