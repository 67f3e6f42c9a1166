"""A statement lists changes of the total, and nothing else."""

from __future__ import annotations

from moneyed import Money

from interact_ledger import Message
from interact_ledger.testing import ledger_kit


def test_what_leaves_the_total_as_it_is_makes_no_line_even_when_the_balance_has_many_decimals():
    with ledger_kit() as kit:
        account = kit.account()
        kit.top_up(account.account_id, Money("50.00", "GBP"))
        kit.ledger.spend(account.account_id, Message("m", "GB", segments=1), idempotency_key="m-1")
        kit.ledger.hold(account.account_id, Money("1.00", "GBP"), "campaign", idempotency_key="h-1")
        kinds = [line.kind for line in kit.ledger.statement(account.account_id).lines]
    assert kinds == ["payment-captured", "spent"]
