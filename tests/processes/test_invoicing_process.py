"""Every captured payment gets one number of its seller, without gaps, whoever asks and however many at once."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from interact_ledger import Ledger, Settings
from interact_ledger.errors import TransactionNotFound
from interact_ledger.processes import invoicing
from interact_ledger.testing import ledger_kit
from ledger_helpers import funded, gbp, opened, pay


def numbers(kit, account_id):
    return [receipt.invoice_number for receipt in kit.ledger.receipts(account_id)]


def test_numbers_count_up_from_one_over_all_accounts(kit):
    first, second = opened(kit).account_id, opened(kit).account_id
    for key, account_id in enumerate([first, second, first]):
        pay(kit, account_id, str(key))
    assert numbers(kit, first) == ["interact-gb-000001", "interact-gb-000003"]
    assert numbers(kit, second) == ["interact-gb-000002"]


def test_what_was_not_captured_takes_no_number(kit):
    account_id = kit.account().account_id
    for key, token in enumerate(["tok_declined_fraud", "tok_pending", "tok_captures_less", "tok_unreachable"]):
        with pytest.raises(TransactionNotFound):
            kit.ledger.receipt(pay(kit, account_id, str(key), card_token=token).transaction_id)
    pay(kit, account_id, "captured")
    assert numbers(kit, account_id) == ["interact-gb-000001"]


def test_a_payment_that_was_captured_by_recovery_is_numbered_by_it(kit):
    account_id = kit.account().account_id
    pending = pay(kit, account_id, card_token="tok_pending")
    kit.gateway.settle(pending.gateway_reference)
    kit.clock.advance(timedelta(minutes=2))
    kit.ledger.recover()
    assert kit.ledger._query("SELECT * FROM invoices_due", []) == []
    assert kit.ledger.receipt(pending.transaction_id).invoice_number == "interact-gb-000001"


@pytest.mark.parametrize("ask", ["receipt", "receipts", "recover", "run_due"])
def test_a_payment_whose_process_died_before_it_was_numbered_is_numbered_later(kit, monkeypatch, ask):
    account_id = kit.account().account_id
    with monkeypatch.context() as patch:
        patch.setattr(invoicing, "issue_invoices", lambda *_: 0)
        transaction_id = pay(kit, account_id).transaction_id
    assert len(kit.ledger._query("SELECT * FROM invoices_due", [])) == 1
    arguments = {"receipt": [transaction_id], "receipts": [account_id]}.get(ask, [])
    getattr(kit.ledger, ask)(*arguments)
    assert kit.ledger._query("SELECT * FROM invoices_due", []) == []
    assert kit.ledger.receipt(transaction_id).invoice_number == "interact-gb-000001"


def test_an_invoice_keeps_the_seller_as_it_was(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id = funded(kit)
        (receipt,) = kit.ledger.receipts(account_id)
    content = Settings.default().model_dump()
    content["seller"] |= {"name": "Interact Messaging plc", "address": ["2 New Street"], "tax_number": None}
    with ledger_kit(url, settings=Settings.model_validate(content)) as later:
        assert later.ledger.receipts(account_id) == [receipt]
        assert receipt.seller_address == ("1 Example Street", "London EC1A 1AA")
        new = later.ledger.open_account("customer-2", "GBP", "GB", idempotency_key="new").account_id
        pay(later, new)
        (newer,) = later.ledger.receipts(new)
        assert (newer.invoice_number, newer.seller_name) == ("interact-gb-000002", "Interact Messaging plc")
        assert (newer.seller_address, newer.seller_tax_number) == (("2 New Street",), None)


def test_another_seller_counts_from_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        funded(kit)
    content = Settings.default().model_dump()
    content["seller"]["id"] = "interact-fr"
    with ledger_kit(url, settings=Settings.model_validate(content)) as other:
        account_id = other.ledger.open_account("customer-2", "GBP", "GB", idempotency_key="new").account_id
        pay(other, account_id)
        assert numbers(other, account_id) == ["interact-fr-000001"]


def test_threads_of_several_ledgers_take_numbers_without_gaps_and_each_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_ids = [opened(kit, f"customer-{n}").account_id for n in range(4)]
        ledgers = [Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) for _ in range(2)]

        def top_up(n: int) -> str:
            ledger, account_id = ledgers[n % 2], account_ids[n % 4]
            quote = ledger.checkout(account_id, gbp("10.00"))
            result = ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key=f"k{n}")
            return ledger.receipt(result.transaction_id).invoice_number

        with ThreadPoolExecutor(8) as threads:
            taken = list(threads.map(top_up, range(24)))
        for ledger in ledgers:
            ledger.close()
        assert sorted(taken) == [f"interact-gb-{number:06d}" for number in range(1, 25)]
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        query = "SELECT COUNT(*), MAX(originator_version) FROM stored_events WHERE originator_id LIKE 'seller_%'"
        assert connection.execute(query).fetchone() == (24, 24)
    connection.close()


def test_a_payment_that_is_numbered_during_a_rebuild_is_not_due_a_number_after_it(kit):
    account_id = funded(kit)
    told = []

    def pay_once(_done, _of):
        if not told:
            told.append(pay(kit, account_id))

    kit.ledger.rebuild(pay_once)

    assert kit.ledger._query("SELECT * FROM invoices_due", []) == []
    assert kit.ledger.audit().clean
