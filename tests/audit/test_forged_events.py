"""Somebody forges events and writes the whole chain anew; what gives them away is what they mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from moneyed import Money
from tampering import Tampered

from interact_ledger import Message
from interact_ledger.testing import ledger_kit


def forge(topic: str, nth: int = 0, **fields: object):
    forging = partial(Tampered.forge, topic=topic, nth=nth, **fields)
    return pytest.param(forging, id=f"{topic} {' '.join(fields)}")


def event_of(t: Tampered, topic: str, nth: int = 0) -> dict:
    return t.state(*t.event(topic, nth))["event"]


def spend_on_a_closed_account(t: Tampered) -> None:
    t.append(t.event("account-closed")[0], "spent", event_of(t, "spent") | {"operation_id": "txn_forged"})


def spend_on_a_suspended_account(t: Tampered) -> None:
    t.append(t.event("account-suspended", 1)[0], "spent", event_of(t, "spent") | {"operation_id": "txn_forged"})


def charge_a_quote_twice(t: Tampered) -> None:
    stream_id = t.event("top-up-requested")[0]
    t.append(stream_id, "top-up-requested", event_of(t, "top-up-requested") | {"operation_id": "txn_forged"})


def attempt_without_a_request(t: Tampered) -> None:
    stream_id = t.event("payment-attempted")[0]
    t.append(stream_id, "payment-attempted", event_of(t, "payment-attempted") | {"operation_id": "txn_forged"})


def save_without_a_request(t: Tampered) -> None:
    stream_id = t.event("card-saving-attempted")[0]
    t.append(stream_id, "card-saving-attempted", event_of(t, "card-saving-attempted") | {"operation_id": "txn_forged"})


def credit_a_capture_twice(t: Tampered) -> None:
    t.append(t.event("payment-captured")[0], "payment-captured", event_of(t, "payment-captured") | {"late": True})


def credit_a_charge_on_two_accounts(t: Tampered) -> None:
    reference = event_of(t, "payment-captured")["reference"]
    last = len(t.sql("SELECT 1 FROM stored_events WHERE topic='payment-captured'")) - 1
    t.forge("payment-captured", last, reference=reference)
    t.rebuild()


def keep_a_card_twice(t: Tampered) -> None:
    t.append(t.event("card-saved")[0], "card-saved", event_of(t, "card-saved", 1))


def give_back_an_unknown_purchase(t: Tampered) -> None:
    t.forge("spend-reversed", spend_id="txn_forged")


def rent_a_number_twice(t: Tampered) -> None:
    t.append(t.event("number-rented")[0], "number-rented", event_of(t, "number-rented"))


def settle_more_than_was_held(t: Tampered) -> None:
    lines = [[reference, item, 100, segments, price] for reference, item, _, segments, price in (
        event_of(t, "hold-settled")["lines"])]  # fmt: skip
    t.forge("hold-settled", lines=lines, amount="3.25")


def close_with_a_card_on_it(t: Tampered) -> None:
    card = event_of(t, "card-saved")
    stream_id, version = t.event("account-closed")
    t.insert(stream_id, version, "card-saved", card)


def mismatch_an_unknown_attempt(t: Tampered) -> None:
    captured = event_of(t, "payment-captured") | {"operation_id": "txn_forged"}
    mismatched = {field: captured[field] for field in ("operation_id", "attempt_id", "gateway", "reference")}
    amounts = {"expected_amount": "1", "captured_amount": "2"}
    currencies = {"expected_currency": "GBP", "captured_currency": "GBP"}
    event = mismatched | amounts | currencies | {"captured_at": captured["captured_at"]}
    t.append(t.event("payment-captured")[0], "capture-mismatched", event)


def number_an_unknown_payment(t: Tampered) -> None:
    t.forge("invoice-issued", transaction_id="txn_forged")


ZERO_VAT = {"name": "VAT", "rate": "20", "amount": "0.00", "reverse_charge": False}


def debit_a_refund_twice(t: Tampered) -> None:
    t.append(t.event("refunded")[0], "refunded", event_of(t, "refunded") | {"late": True})


def let_a_refund_wait_that_is_over(t: Tampered) -> None:
    about = {
        name: event_of(t, "refunded")[name] for name in ("operation_id", "transaction_id", "attempt_id", "gateway")
    }
    queued = event_of(t, "refund-queued") | about
    t.append(t.event("refunded")[0], "refund-queued", queued)


def return_what_was_never_refunded(t: Tampered) -> None:
    refunded = event_of(t, "refunded") | {"reference": "rfd_forged", "reason": "other", "detail": "forged"}
    event = {name: value for name, value in refunded.items() if name not in {"taxes", "refunded_at", "late"}}
    t.append(t.event("refunded")[0], "refund-returned", event)


def lose_twice(t: Tampered) -> None:
    t.append(t.event("dispute-lost")[0], "dispute-lost", event_of(t, "dispute-lost"))


def win_twice(t: Tampered) -> None:
    t.append(t.event("dispute-won")[0], "dispute-won", event_of(t, "dispute-won"))


def win_what_was_lost_for_more(t: Tampered) -> None:
    lost, won = event_of(t, "dispute-lost"), event_of(t, "dispute-won")
    more = {"operation_id": lost["operation_id"], "reference": lost["reference"], "credit": "11.00", "total": "13.00"}
    t.append(t.event("dispute-lost")[0], "dispute-won", won | more | {"taxes": lost["taxes"]})


def move_the_evidence_of_a_dispute_that_is_over(t: Tampered) -> None:
    event = event_of(t, "dispute-evidence-due") | {"operation_id": event_of(t, "dispute-lost")["operation_id"]}
    t.append(t.event("dispute-lost")[0], "dispute-evidence-due", event)


def return_elsewhere_twice(t: Tampered) -> None:
    t.append(t.event("refund-elsewhere-returned")[0], "refund-elsewhere-returned", event_of(
        t, "refund-elsewhere-returned"))  # fmt: skip


def reverse_twice(t: Tampered) -> None:
    t.append(t.event("payment-reversed")[0], "payment-reversed", event_of(t, "payment-reversed"))


def detach_twice(t: Tampered) -> None:
    t.append(t.event("card-detached")[0], "card-detached", event_of(t, "card-detached"))


def update_a_card_that_is_gone(t: Tampered) -> None:
    gone = event_of(t, "card-detached")["card_id"]
    t.append(t.event("card-detached")[0], "card-updated", event_of(t, "card-updated") | {"card_id": gone})


def spend_while_the_balance_is_below_zero(t: Tampered) -> None:
    """The debt is forged too: a dashboard refund of all that there is, and of more."""
    stream_id, _ = t.event("dispute-opened")
    debt = {name: event_of(t, "spent")[name] for name in ("idempotency_key", "fingerprint")}
    debt |= {"operation_id": "txn_debt", "amount": "-500.00", "currency": "GBP", "reason": "forged"}
    t.append(stream_id, "balance-adjusted", debt)
    t.append(stream_id, "spent", event_of(t, "spent") | {"operation_id": "txn_forged"})


def put_a_spend_into_a_gateways_book(t: Tampered) -> None:
    place = t.event("spent")
    t.sql("INSERT INTO stored_events SELECT 'gateway_sandbox', 1, topic, state FROM stored_events"
          " WHERE originator_id=? AND originator_version=?", *place)  # fmt: skip
    t.rechain("gateway_sandbox")


SHARE = {"credit": "40.00", "taxes": [{"name": "VAT", "rate": "20", "amount": "8.00", "reverse_charge": False}]}


def forge_lots(topic: str, edit: Callable[[list], list]) -> Callable[[Tampered], None]:
    def tamper(t: Tampered) -> None:
        count = len(t.sql("SELECT 1 FROM stored_events WHERE topic=?", topic))
        nth = next(nth for nth in range(count) if event_of(t, topic, nth)["lots"])
        t.forge(topic, nth, lots=edit(event_of(t, topic, nth)["lots"]))

    return pytest.param(tamper, id=f"{topic} lots")


FORGED = [
    (forge("dispute-opened", charge_reference="pay_forged"), "dispute_wrong"),
    (forge("dispute-opened", total="48.00", claimed="48.00", **SHARE), "dispute_wrong"),
    (forge("dispute-opened", claimed="1.00"), "dispute_wrong"),
    (forge("dispute-opened", held="0.01"), "dispute_wrong"),
    (forge("dispute-opened", total="1.00"), "breakdown_wrong"),
    (forge("dispute-lost", total="48.00", **SHARE), "dispute_wrong"),
    (forge("dispute-lost", operation_id="dsp_forged"), "dispute_wrong"),
    (forge("dispute-lost", credit="9.00"), "breakdown_wrong"),
    (forge("dispute-won", operation_id="dsp_forged"), "dispute_wrong"),
    (forge("dispute-won", total="48.00", **SHARE), "dispute_wrong"),
    (lose_twice, "dispute_wrong"),
    (win_twice, "dispute_wrong"),
    (win_what_was_lost_for_more, "dispute_wrong"),
    (move_the_evidence_of_a_dispute_that_is_over, "dispute_wrong"),
    (forge("refund-made-elsewhere", charge_reference="pay_forged"), "refund_elsewhere_wrong"),
    (forge("refund-made-elsewhere", total="48.00", claimed="48.00", **SHARE), "refund_elsewhere_wrong"),
    (forge("refund-made-elsewhere", claimed="0.01"), "refund_elsewhere_wrong"),
    (forge("refund-elsewhere-returned", credit="0.01"), "refund_elsewhere_wrong"),
    (return_elsewhere_twice, "refund_elsewhere_wrong"),
    (forge("payment-reversed", total="48.00", **SHARE), "settlement_wrong"),
    (forge("payment-reversed", reference="pay_forged"), "settlement_wrong"),
    (reverse_twice, "settlement_wrong"),
    (detach_twice, "card_unknown"),
    (update_a_card_that_is_gone, "card_unknown"),
    (spend_while_the_balance_is_below_zero, "standing_ignored"),
    (put_a_spend_into_a_gateways_book, "event_misplaced"),
    (forge("spent", amount="0.01"), "amount_wrong"),
    (forge("spent", lines=[]), "amount_wrong"),
    (forge("spent", amount="-0.0325", lines=[["a", "message/GB", 1, 1, "-0.0325"]]), "amount_wrong"),
    (forge("spent", amount="0.065", lines=[["a", "m", 1, 1, "0.0325"], ["a", "m", 1, 1, "0.0325"]]), "amount_wrong"),
    (forge("hold-settled", amount="0.01"), "amount_wrong"),
    (forge("number-rental-charged", amount="0.01"), "amount_wrong"),
    (forge("spend-reversed", amount="0.01"), "amount_wrong"),
    (forge("spent", currency="EUR"), "currency_wrong"),
    (spend_on_a_closed_account, "standing_ignored"),
    (spend_on_a_suspended_account, "standing_ignored"),
    (forge("checkout-quoted", total="1.00"), "breakdown_wrong"),
    (forge("checkout-quoted", recharge="1.00"), "breakdown_wrong"),
    (forge("payment-captured", total="1.00"), "breakdown_wrong"),
    (forge("checkout-quoted", credit="56.00", recharge="56.00", taxes=[
        {"name": "VAT", "rate": "20", "amount": "4.00", "reverse_charge": False}]), "tax_wrong"),
    (forge("checkout-quoted", taxes=[
        {"name": "VAT", "rate": "20", "amount": "10.00", "reverse_charge": True}]), "tax_wrong"),
    (forge("account-closed", written_off="0.001"), "closing_unbalanced"),
    (forge("account-closed", written_off="-1", paid_out="10.9675"), "closing_unbalanced"),
    (close_with_a_card_on_it, "closing_unbalanced"),
    (forge("top-up-requested", total="1.00"), "quote_differs"),
    (forge("top-up-requested", quote_id="quote_forged"), "quote_differs"),
    (charge_a_quote_twice, "quote_reused"),
    (forge("payment-attempted", credit="60.00", taxes=[]), "attempt_differs"),
    (attempt_without_a_request, "attempt_differs"),
    (save_without_a_request, "attempt_differs"),
    (forge("payment-attempted", number=2), "attempt_misplaced"),
    (forge("card-saving-attempted", number=2), "attempt_misplaced"),
    (forge("payment-begun", attempt_id="txn_forged.1"), "attempt_unknown"),
    (forge("card-saving-failed", attempt_id="txn_forged.1"), "attempt_unknown"),
    (forge("card-saved", operation_id="txn_forged"), "attempt_unknown"),
    (mismatch_an_unknown_attempt, "attempt_unknown"),
    (forge("payment-captured", attempt_id="txn_forged.1"), "capture_without_attempt"),
    (forge("payment-captured", gateway="elsewhere"), "capture_without_attempt"),
    (forge("payment-captured", credit="60.00", taxes=[]), "capture_differs"),
    (forge("payment-captured", late=True), "capture_differs"),
    (credit_a_capture_twice, "capture_repeated"),
    (credit_a_charge_on_two_accounts, "capture_repeated"),
    (forge("refund-requested", charge_reference="pay_forged"), "refund_wrong"),
    (forge("refund-attempted", credit="0.00", taxes=[], total="0.00"), "refund_wrong"),
    (forge("refund-attempted", credit="60.00", taxes=[ZERO_VAT], total="60.00"), "refund_wrong"),
    (forge("refund-attempted", total="7.02"), "breakdown_wrong"),
    (forge("refund-attempted", number=2), "attempt_misplaced"),
    (forge("refund-attempted", operation_id="txn_forged"), "attempt_differs"),
    (forge("refund-queued", attempt_id="txn_forged.1"), "attempt_unknown"),
    (forge("refund-queued", next_try_at="2099-01-01T00:00:00Z"), "refund_wrong"),
    (let_a_refund_wait_that_is_over, "refund_wrong"),
    (forge("refund-failed", attempt_id="txn_forged.1"), "attempt_unknown"),
    (forge("refunded", attempt_id="txn_forged.1"), "attempt_unknown"),
    (forge("refunded", late=True), "refund_differs"),
    (forge("refunded", credit="7.01", taxes=[ZERO_VAT]), "refund_differs"),
    (forge("refunded", claimed="12.00"), "refund_differs"),
    (forge("refunded", credit="0.00", taxes=[ZERO_VAT], total="0.00", claimed="7.01"), "refund_differs"),
    (return_what_was_never_refunded, "refund_differs"),
    (debit_a_refund_twice, "refund_repeated"),
    (forge("card-removed", card_id="card_forged"), "card_unknown"),
    (forge("default-card-chosen", card_id="card_forged"), "card_unknown"),
    (forge("card-removal-requested", card_id="card_forged"), "card_unknown"),
    (keep_a_card_twice, "card_unknown"),
    (forge("balance-adjusted", amount="-1000"), "overdrawn"),
    (forge("spent", amount="1000", lines=[["a", "message/GB", 1, 1, "1000"]]), "overdrawn"),
    (forge("funds-held", amount="1000"), "overdrawn"),
    (forge("spend-reversed", lines=[[0, 1.5]]), "event_unreadable"),
    (forge("checkout-quoted", expires_at="never"), "event_unreadable"),
    (forge("payment-begun", reference=7), "event_unreadable"),
    (give_back_an_unknown_purchase, "reversal_wrong"),
    (forge("spend-reversed", lines=[[9, 1]]), "reversal_wrong"),
    (forge("spend-reversed", amount="0.195", lines=[[0, 6]]), "reversal_exceeds"),
    (forge("spend-reversed", amount="-0.0325", lines=[[0, -1]]), "reversal_exceeds"),
    (forge("hold-settled", hold_id="txn_forged"), "hold_not_open"),
    (forge("hold-released", hold_id="txn_forged"), "hold_not_open"),
    (settle_more_than_was_held, "hold_exceeded"),
    (forge("hold-released", amount="0.01"), "hold_wrong"),
    (forge("hold-expired", amount="0.01"), "hold_wrong"),
    (forge("funds-held", amount="0"), "hold_wrong"),
    (forge("credit-granted", amount="0"), "credit_wrong"),
    (forge("credit-granted", priority=101), "credit_wrong"),
    (forge("credit-granted", expires_at="2026-11-23T09:29:00Z"), "credit_wrong"),
    (forge("credit-expired", amount="0.01"), "credit_wrong"),
    (forge("credit-expired", nth=1, at_closing=False), "credit_wrong"),
    (forge_lots("spent", lambda lots: []), "credit_wrong"),
    (forge_lots("spent", lambda lots: [[lots[1][0], lots[0][1]], [lots[0][0], lots[1][1]]]), "credit_wrong"),
    (forge_lots("spent", lambda lots: [*lots, lots[0]]), "credit_wrong"),
    (forge_lots("hold-settled", lambda lots: []), "credit_wrong"),
    (forge_lots("funds-held", lambda lots: lots[1:]), "credit_wrong"),
    (forge_lots("balance-adjusted", lambda lots: []), "credit_wrong"),
    (forge_lots("spend-reversed", lambda lots: []), "credit_wrong"),
    (forge_lots("spend-reversed", lambda lots: [[*lots[0][:2], 10, lots[0][3]]]), "credit_wrong"),
    (forge("number-rented", monthly_price="0.01"), "rent_wrong"),
    (forge("number-rental-charged", due_at="2026-12-01T00:00:00Z"), "rent_wrong"),
    (forge("number-rental-charged", next_due_at="2026-12-24T00:00:00Z"), "rent_wrong"),
    (forge("number-rental-charged", number="+441632960009"), "number_unknown"),
    (forge("number-released", number="+441632960009"), "number_unknown"),
    (rent_a_number_twice, "number_unknown"),
    (forge("payment-captured", total="1.00"), "money_not_conserved"),
    (forge("invoice-issued", seller_id="another"), "invoice_wrong"),
    (number_an_unknown_payment, "invoice_without_capture"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "code"), [
    pytest.param(*case.values, code, id=f"{case.id}: {code}") if hasattr(case, "values")
    else pytest.param(case, code, id=f"{case.__name__}: {code}")
    for case, code in FORGED
])  # fmt: skip
def test_it_is_found(tampered, tamper, code):
    tamper(tampered)
    report = tampered.audit()
    assert code in report.counts
    assert "chain_broken" not in report.counts
    assert not report.clean


def test_granted_credit_that_is_paid_back_to_a_card_is_found(tmp_path):
    path = tmp_path / "ledger.db"
    with ledger_kit(f"sqlite:///{path}") as kit:
        account_id = kit.account().account_id
        paid = kit.top_up(account_id, Money("10.00", "GBP"))
        kit.ledger.grant_credit(account_id, Money("10.00", "GBP"), "welcome", idempotency_key="grant")
        kit.ledger.spend(account_id, Message("m", "GB", text="hi"), idempotency_key="spend")
        kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="refund")
    with Tampered(path) as tampered:
        tampered.forge("spent", lots=[])
        found = [finding.message for finding in tampered.audit().findings if finding.code == "credit_wrong"]
    assert any("is to be paid back" in message for message in found)
