"""A process that is forked while a ledger is open: nothing that it would be told was stored is lost."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Callable

import pytest
from storage_helpers import gbp

from interact_ledger import Ledger
from interact_ledger.errors import ConfigurationError
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import ledger_kit


def in_a_fork(work: Callable[[], None]) -> bool:
    """Work in a child process that shares nothing but what it inherits; return whether that went well."""
    gc.collect()
    child = os.fork()
    if child == 0:
        gc.disable()  # what earlier tests left may wait for threads that are not here
        try:
            work()
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_what_a_fork_inherits_is_refused_and_its_parent_goes_on(store_url):
    with ledger_kit(store_url) as kit:
        account_id = kit.account().account_id

        def use() -> None:
            with pytest.raises(ConfigurationError, match="forked"):
                kit.ledger.adjust(account_id, gbp("1.00"), "in the child", idempotency_key="child")
            with pytest.raises(ConfigurationError, match="forked"):
                kit.ledger.balance(account_id)

        assert in_a_fork(use)
        kit.ledger.adjust(account_id, gbp("2.00"), "in the parent", idempotency_key="parent")
        assert kit.ledger.balance(account_id).total == gbp("2.00")


def test_a_fork_opens_no_file_of_its_own_while_it_inherits_one(tmp_path):
    """SQLite would take the parent's locks for the child's, and the parent would delete what the child writes."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"

    def use() -> None:
        with pytest.raises(ConfigurationError, match="forked"):
            Ledger.open(url, gateways=[])

    with ledger_kit(url):
        assert in_a_fork(use)


def test_a_fork_of_a_process_that_closed_its_ledger_opens_its_own(store_url):
    with ledger_kit(store_url) as kit:
        account_id = kit.account().account_id

    def use() -> None:
        with Ledger.open(store_url, gateways=[SandboxGateway()]) as own:
            own.adjust(account_id, gbp("1.00"), "in the child", idempotency_key="child")

    assert in_a_fork(use)
    with ledger_kit(store_url) as kit:
        assert kit.ledger.balance(account_id).total == gbp("1.00")
