"""One exercised ledger for all tests of the audit; who tampers with it gets a copy of the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tampering import Tampered

from exercised import attention_account, exercise
from interact_ledger.testing import ledger_kit


@pytest.fixture(scope="session")
def exercised_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file with something of every kind in it, closed."""
    path = tmp_path_factory.mktemp("audit") / "exercised.db"
    with ledger_kit(f"sqlite:///{path}") as kit:
        exercise(kit)
    return path


@pytest.fixture(scope="session")
def attention_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger's file with nothing wrong in it, and two things that a person must decide about."""
    path = tmp_path_factory.mktemp("audit") / "attention.db"
    with ledger_kit(f"sqlite:///{path}") as kit:
        attention_account(kit)
    return path


@pytest.fixture
def tampered(exercised_file: Path, tmp_path: Path) -> Iterator[Tampered]:
    """A copy of the exercised ledger, open to whoever can write to its file."""
    copy = tmp_path / "tampered.db"
    shutil.copy(exercised_file, copy)
    with Tampered(copy) as opened:
        yield opened
