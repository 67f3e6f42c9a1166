"""The product's rules hold on every database."""

from __future__ import annotations

import pytest

from interact_ledger.testing import LedgerKit


@pytest.fixture
def kit(kit_of_each_store: LedgerKit) -> LedgerKit:
    return kit_of_each_store
