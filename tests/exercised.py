"""A ledger that was put through every verb, with something of every kind left open: what an audit is tried on."""

from __future__ import annotations

import json
from datetime import timedelta
from unittest.mock import patch

from moneyed import Money

from interact_ledger import Message, Number
from interact_ledger.clock import iso
from interact_ledger.domain.cards import record_saving_result
from interact_ledger.domain.charges import fold_charges
from interact_ledger.domain.refunds import record_refund_result
from interact_ledger.domain.top_up import record_result
from interact_ledger.gateways.protocol import (
    CardDetails,
    CardFunding,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    NotAttempted,
    PaymentSource,
    Refunded,
    Succeeded,
)
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.processes import cards, refunds
from interact_ledger.processes import top_up as process
from interact_ledger.storage.accounts import SNAPSHOT_EVERY
from interact_ledger.testing import LedgerKit

__all__ = ["attention_account", "exercise"]

HELD_FOR = timedelta(days=3)


def pounds(amount: str) -> Money:
    return Money(amount, "GBP")


def exercise(kit: LedgerKit, *, spends: int = SNAPSHOT_EVERY + 10) -> None:
    """Put a ledger through every verb; nothing of it needs a person's attention.

    Args:
        kit: the ledger.
        spends: how many single messages one account buys; so many that there is a snapshot, if left out.
    """
    _payments(kit)
    _refunds(kit)
    _cards(kit)
    _spending(kit, spends)
    _credit(kit)
    _standing(kit)
    _automatic_payments(kit)
    _other_currencies(kit)
    _open_ends(kit)
    _taken_back(kit)


def attention_account(kit: LedgerKit) -> str:
    """Open an account on which a gateway captured and paid back late, otherwise than asked, and not for good."""
    account_id = kit.account().account_id
    kit.top_up(account_id, pounds("10.00"), card_token="tok_captures_less")
    cancelled = kit.top_up(account_id, pounds("10.00"), card_token="tok_authentication_required")
    kit.ledger.cancel(account_id, cancelled.transaction_id)
    found = process.load(kit.ledger._context, account_id, cancelled.transaction_id)
    again = Succeeded(
        reference="pay_late",
        amount=cancelled.total,
        captured_at=kit.clock.now(),
        card=CardDetails(brand="visa", last_four="4242", expiry_month=12, expiry_year=2039, funding=CardFunding.CREDIT),
    )
    kit.ledger._context.transact(
        account_id,
        lambda account, _: record_result(account, found, found.intent, again, action_expires_at=kit.clock.now()),
    )
    _odd_refunds(kit, account_id)
    _unexplained(kit, account_id)
    return account_id


def _unexplained(kit: LedgerKit, account_id: str) -> None:
    """Let a gateway tell of a customer of ours, and of an id of ours, what nothing here explains."""
    kit.gateway.pay_in_dashboard(kit.ledger._account(account_id).gateway_customers["sandbox"], pounds("25.00"))
    deliver_notices(kit)
    told_at = iso(kit.clock.now() - timedelta(days=2))
    content = {"id": "evt_lost", "subject": "charge", "reference": "pay_lost", "operation_id": "txn_lost"}
    body = json.dumps(content | {"occurred_at": told_at}).encode()
    kit.ledger.receive("sandbox", body, kit.gateway.signed(body))


def _odd_refunds(kit: LedgerKit, account_id: str) -> None:
    paid = kit.top_up(account_id, pounds("30.00"), card_token="tok_refund_pending")
    for key, amount in (("short", pounds("5.99")), ("late", pounds("6.00"))):
        refund = kit.ledger.refund(account_id, paid.transaction_id, pounds("6.00"), "asked", idempotency_key=key)
        reference = str(refund.gateway_reference)
        if key == "late":
            kit.gateway.settle(reference, succeed=False)
            deliver_notices(kit)
            reference = "re_second"  # under the reference that failed, it would be an answer from before that
        found = refunds.load(kit.ledger._context, account_id, refund.refund_id)
        result = Refunded(reference=reference, amount=amount, refunded_at=kit.clock.now())
        charge = fold_charges(kit.ledger._context.accounts.history(account_id, paid.transaction_id))[
            found.intent.charge_reference
        ]
        kit.ledger._context.transact(
            account_id,
            lambda _, __, f=found, c=charge, r=result: record_refund_result(f, c, f.intent.attempt_id, r),
        )
        if key == "short":
            returned = kit.top_up(account_id, pounds("10.00"))
            back = kit.ledger.refund(account_id, returned.transaction_id, None, "asked", idempotency_key="back")
            kit.gateway.return_refund(str(back.gateway_reference))
            deliver_notices(kit)


def _payments(kit: LedgerKit) -> None:
    ledger, account_id = kit.ledger, kit.account().account_id
    kit.top_up(account_id, pounds("50.00"))
    ledger.checkout(account_id, pounds("20.00"), method="visa")
    for token in ("tok_declined_insufficient_funds", "tok_timeout_before_charging", "tok_unreachable"):
        kit.top_up(account_id, pounds("10.00"), card_token=token)
    unsure = ledger.checkout(account_id, pounds("10.00"))
    for _ in range(2):  # the second is a retry of the same attempt, and learns that the first one charged
        ledger.top_up(account_id, unsure.quote_id, card_token="tok_timeout_after_charging", idempotency_key="unsure")
    kit.clock.advance(timedelta(minutes=2))
    ledger.recover()
    quote = ledger.checkout(account_id, pounds("11.00"))
    for _ in range(2):  # the second goes on with a new attempt
        kit.gateway.fail_next("charge", Fault.REFUSED)
        ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="again")
    ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="again")
    authenticated = kit.top_up(account_id, pounds("12.00"), card_token="tok_authentication_required")
    kit.gateway.authenticate(str(authenticated.gateway_reference))
    ledger.complete(account_id, authenticated.transaction_id)
    forgotten = kit.top_up(account_id, pounds("13.00"), card_token="tok_authentication_required")
    kit.clock.advance(timedelta(hours=2))
    ledger.complete(account_id, forgotten.transaction_id)
    pending = kit.top_up(account_id, pounds("14.00"), card_token="tok_pending")
    kit.gateway.settle(str(pending.gateway_reference))
    ledger.recover()
    cancelled = kit.top_up(account_id, pounds("15.00"), card_token="tok_authentication_required")
    ledger.cancel(account_id, cancelled.transaction_id)


def _refunds(kit: LedgerKit) -> None:
    ledger, account_id = kit.ledger, kit.account().account_id
    paid = kit.top_up(account_id, pounds("50.00")).transaction_id
    ledger.refund(account_id, paid, pounds("7.01"), "asked", idempotency_key="part")
    for fault in (Fault.BEFORE, Fault.AFTER):
        kit.gateway.fail_next("refund", fault)
        ledger.refund(account_id, paid, pounds("5.00"), "asked", idempotency_key=f"unsure {fault}")
    ledger.refund(account_id, paid, pounds("5.00"), "asked", idempotency_key=f"unsure {Fault.AFTER}")  # tried again
    kit.clock.advance(timedelta(minutes=5))
    ledger.recover()
    for _ in range(2):  # the second goes on with a new attempt
        kit.gateway.fail_next("refund", Fault.REFUSED)
        ledger.refund(account_id, paid, pounds("6.00"), "asked", idempotency_key="again")
    ledger.refund(account_id, paid, None, "asked", idempotency_key="rest")
    pending = kit.top_up(account_id, pounds("20.00"), card_token="tok_refund_pending").transaction_id
    for key, succeed in (("sent", True), ("failed", False)):
        refund = ledger.refund(account_id, pending, pounds("12.00"), "asked", idempotency_key=key)
        kit.gateway.settle(str(refund.gateway_reference), succeed=succeed)
    deliver_notices(kit)
    unsettled = kit.top_up(account_id, pounds("20.00"), card_token="tok_settles_in_a_day").transaction_id
    ledger.refund(account_id, unsettled, pounds("6.00"), "asked", idempotency_key="queued")
    declined = kit.top_up(account_id, pounds("20.00"), card_token="tok_refund_declined").transaction_id
    ledger.refund(account_id, declined, None, "asked", idempotency_key="declined")


def deliver_notices(kit: LedgerKit) -> None:
    for delivery in kit.gateway.notices_due():
        if all(n.is_acknowledged for n in kit.ledger.receive("sandbox", delivery.body, delivery.headers)):
            kit.gateway.acknowledge(delivery.notice_id)


def _taken_back(kit: LedgerKit) -> None:
    """Let charges be taken back, and cards be changed, without the ledger's asking; an open dispute is left."""
    account_id, gateway = kit.account().account_id, kit.gateway
    known = len(gateway.notices_due())
    charges = [str(kit.top_up(account_id, pounds("30.00"), save_card=True).gateway_reference) for _ in range(4)]
    lost, won, open_one = (gateway.open_dispute(charges[n], pounds(f"{12 + n}.00")) for n in (0, 0, 1))
    made = gateway.refund_in_dashboard(charges[1], pounds("3.00"))
    gateway.refund_in_dashboard(charges[2], pounds("2.00"))
    _deliver(kit, known)
    gateway.decide_dispute(lost.reference, won=False)
    gateway.decide_dispute(won.reference, won=True)
    gateway.move_evidence_date(open_one.reference, kit.clock.now() + timedelta(days=9))
    gateway.return_refund(str(getattr(made, "reference", "")))
    gateway.reverse_settlement(charges[3])
    first, second, *_ = kit.ledger._account(account_id).cards.values()
    gateway.detach_card(first.token)
    gateway.update_card(second.token, last_four="1881", expiry_year=2041)
    _deliver(kit, known)


def _deliver(kit: LedgerKit, known: int) -> None:
    """Deliver what was announced since so many notices were due, and leave those to whom they belong."""
    for delivery in kit.gateway.notices_due()[known:]:
        (notice,) = kit.ledger.receive("sandbox", delivery.body, delivery.headers)
        assert notice.is_acknowledged
        kit.gateway.acknowledge(delivery.notice_id)


def _cards(kit: LedgerKit) -> None:
    ledger, account_id = kit.ledger, kit.account().account_id
    kit.top_up(account_id, pounds("30.00"), save_card=True)
    ledger.save_card(account_id, "tok_mastercard", idempotency_key="save")
    ledger.save_card(account_id, "tok_declined_expired_card", idempotency_key="decline")
    ledger.save_card(account_id, "tok_pending", idempotency_key="pending")
    for _ in range(2):
        unsure = ledger.save_card(account_id, "tok_timeout_before_charging", idempotency_key="unsure")
    waiting = ledger.save_card(account_id, "tok_authentication_required", idempotency_key="wait")
    kit.gateway.authenticate(str(waiting.gateway_reference))
    ledger.complete_saving(account_id, waiting.saving_id)
    cancelled = ledger.save_card(account_id, "tok_authentication_required", idempotency_key="cancel")
    ledger.cancel_saving(account_id, cancelled.saving_id)
    ledger.save_card(account_id, "tok_unreachable", idempotency_key="unreachable")
    ledger.save_card(account_id, "tok_unreachable", idempotency_key="unreachable")
    kit.clock.advance(timedelta(minutes=2))
    ledger.complete_saving(account_id, unsure.saving_id)
    first, second, *_ = ledger.cards(account_id)
    ledger.choose_default_card(account_id, second.card_id)
    quote = ledger.checkout(account_id, pounds("16.00"))
    ledger.top_up(account_id, quote.quote_id, card_id=first.card_id, idempotency_key="saved")
    ledger.remove_card(account_id, first.card_id, idempotency_key="remove")


def _spending(kit: LedgerKit, spends: int) -> None:
    ledger, account_id = kit.ledger, kit.account().account_id
    kit.top_up(account_id, pounds("100.00"))
    campaign = ledger.spend_many(
        account_id,
        [Message("a", "GB", text="hello", quantity=5), Number("n", "+441632960001", "GB", "local")],
        idempotency_key="campaign",
    )
    for position in range(spends):
        ledger.spend(account_id, Message(f"m{position}", "GB", text="hi"), idempotency_key=f"spend-{position}")
    ledger.reverse_spend(account_id, campaign.transaction_id, "undelivered", idempotency_key="one", lines=[("a", 1)])
    ledger.reverse_spend(account_id, campaign.transaction_id, "undelivered", idempotency_key="rest")
    hold = ledger.hold(account_id, pounds("2.00"), "job", idempotency_key="hold")
    settled = ledger.settle(account_id, hold.hold_id, [Message("h", "GB", text="hi", quantity=3)], idempotency_key="s")
    ledger.reverse_spend(account_id, settled.transaction_id, "undelivered", idempotency_key="settled")
    ledger.release(account_id, hold.hold_id, idempotency_key="release")
    ledger.hold(account_id, pounds("1.50"), "job", idempotency_key="expires", expires_in=timedelta(hours=1))
    ledger.spend(account_id, Number("m", "+441632960002", "GB", "local"), idempotency_key="second number")
    kit.clock.advance(timedelta(days=65))
    ledger.run_due()
    ledger.release_number(account_id, "+441632960002")
    kit.ledger.on_behalf_of("support:7", correlation_id="ticket-1").adjust(
        account_id, pounds("-0.000001"), "correction", idempotency_key="down"
    )
    ledger.adjust(account_id, pounds("5"), "goodwill", idempotency_key="up")


def _automatic_payments(kit: LedgerKit) -> None:
    """Let both automatic payments happen, fail, wait, stop and go on; accounts are left with all of it due."""
    _call_off_a_month(kit)
    for token in ("tok_visa", "tok_later_insufficient_funds", "tok_later_action_required", "tok_expiring"):
        account_id = kit.account().account_id
        kit.ledger.adjust(account_id, pounds("20"), "a start", idempotency_key="start")
        card_id = _card(kit, account_id, token)
        agreed = {"card_id": card_id, "ceiling": pounds("60"), "amount": pounds("20"), **_consent(kit)}
        kit.ledger.enable_auto_top_up(account_id, threshold=pounds("30"), max_per_month=1, **agreed)
        kit.ledger.enable_monthly_recharge(account_id, day=31, **agreed)
        kit.gateway.fail_next("charge", Fault.REFUSED, times=2)
        _weeks(kit, 6 if token != "tok_expiring" else 5)
        kit.ledger.resume_auto_top_up(account_id)
        kit.ledger.disable_auto_top_up(account_id)
        kit.ledger.enable_auto_top_up(account_id, threshold=pounds("200"), max_per_month=2, **agreed)
        _weeks(kit, 1)
        if token == "tok_visa":
            kit.ledger.remove_card(account_id, card_id, idempotency_key="gone")
    kit.clock.advance(timedelta(days=20))


def _call_off_a_month(kit: LedgerKit) -> None:
    account_id = kit.account().account_id
    card_id = _card(kit, account_id, "tok_visa")
    tomorrow = (kit.clock.now() + timedelta(days=1)).day
    agreed = {"card_id": card_id, "ceiling": pounds("60"), "amount": pounds("20"), **_consent(kit)}
    kit.ledger.enable_monthly_recharge(account_id, day=tomorrow, **agreed)
    kit.clock.advance(timedelta(days=1))
    working = kit.gateway.charge

    def charge(request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return NotAttempted(why="refused") if request.account_id == account_id else working(request, source)

    with patch.object(kit.gateway, "charge", charge):
        kit.ledger.run_due()
    waiting = kit.ledger.automatic_payments(account_id).monthly_recharge
    assert waiting is not None
    assert waiting.retry_at is not None
    assert waiting.transaction_id is not None
    kit.ledger.cancel(account_id, waiting.transaction_id)


def _weeks(kit: LedgerKit, weeks: int) -> None:
    for _ in range(weeks):
        for wait in (timedelta(days=7), timedelta(hours=3)):
            kit.clock.advance(wait)
            kit.ledger.run_due()
            kit.ledger.recover()


def _consent(kit: LedgerKit) -> dict[str, object]:
    return {"consent_text": "You may charge my card.", "given_by": "customer-1", "given_at": kit.clock.now()}


def _card(kit: LedgerKit, account_id: str, token: str) -> str:
    """Save a card; the sandbox has none that expires soon, so that is put into its answer."""
    if token != "tok_expiring":
        card = kit.ledger.save_card(account_id, token, idempotency_key="card").card
        assert card is not None
        return card.card_id
    saving_id = kit.ledger.save_card(account_id, "tok_pending", idempotency_key="card").saving_id
    saving = cards.load(kit.ledger._context, account_id, saving_id)
    details = CardDetails(
        brand="visa",
        last_four="4242",
        expiry_month=kit.clock.now().month,
        expiry_year=kit.clock.now().year,
        funding=CardFunding.DEBIT,
    )
    kept = CardSaved(reference="seti_expiring", token="pm_expiring", details=details)
    kit.ledger._context.transact(
        account_id,
        lambda account, _: record_saving_result(
            account, saving, saving.intent.attempt_id, kept, action_expires_at=kit.clock.now()
        ),
    )
    return kit.ledger.cards(account_id)[0].card_id


def _credit(kit: LedgerKit) -> None:
    """Lots that are used up and given back, held over their time, expire, and are forfeited."""
    ledger, account_id = kit.ledger, kit.account().account_id
    kit.top_up(account_id, pounds("10.00"))
    for key, amount, priority, days in (("a", "0.10", 50, 2), ("b", "1.00", 50, None), ("c", "1.00", 60, 90)):
        over_at = None if days is None else kit.clock.now() + timedelta(days=days)
        ledger.grant_credit(
            account_id, pounds(amount), "welcome", idempotency_key=key, priority=priority, expires_at=over_at
        )
    bought = ledger.spend(account_id, Message("m", "GB", text="hi", quantity=7), idempotency_key="m")
    ledger.reverse_spend(account_id, bought.transaction_id, "lost", idempotency_key="back", lines=[("m", 1)])
    ledger.reverse_spend(account_id, bought.transaction_id, "lost", idempotency_key="more", lines=[("m", 5)])
    hold = ledger.hold(account_id, pounds("0.50"), "job", idempotency_key="hold")
    kit.clock.advance(timedelta(days=3))
    ledger.settle(account_id, hold.hold_id, [Message("h", "GB", text="hi", quantity=2)], idempotency_key="settle")
    ledger.release(account_id, hold.hold_id, idempotency_key="release")
    ledger.run_due()
    ledger.adjust(account_id, pounds("-0.50"), "taken back", idempotency_key="down")
    ledger.close_account(
        account_id, "left", idempotency_key="close", paid_out=pounds("10.00"), payout_reference="bank-2"
    )


def _standing(kit: LedgerKit) -> None:
    ledger, account_id = kit.ledger, kit.account(country="FR").account_id
    ledger.change_details(account_id, country="FR", region=None, tax_status="business", time_zone="Europe/Paris")
    ledger.record_tax_number(
        account_id, "FR40303265045", verified_by="VIES", verified_at=kit.clock.now(), reference="consultation-1"
    )
    kit.top_up(account_id, pounds("10.00"))
    ledger.withdraw_tax_number(account_id, "lapsed")
    ledger.notify_below(account_id, pounds("9.99"))
    ledger.suspend(account_id, "review")
    ledger.reinstate(account_id, "reviewed")
    ledger.spend(account_id, Message("m", "GB", text="hi"), idempotency_key="m")
    ledger.close_account(
        account_id, "left", idempotency_key="close", paid_out=pounds("9.96"), payout_reference="bank-1"
    )
    ledger.suspend(kit.account().account_id, "review")


def _other_currencies(kit: LedgerKit) -> None:
    for currency, country, amount in (("JPY", "JP", "3000"), ("KWD", "KW", "5.125"), ("USD", "US", "20.00")):
        account = kit.account(currency, country, "CA" if country == "US" else None)
        kit.top_up(account.account_id, Money(amount, currency))


def _open_ends(kit: LedgerKit) -> None:
    """Leave one of everything that can be open, and a number that could not be paid."""
    ledger, account_id = kit.ledger, kit.account().account_id
    kit.top_up(account_id, pounds("10.00"), save_card=True)
    kit.top_up(account_id, pounds("17.00"), card_token="tok_pending")
    kit.top_up(account_id, pounds("18.00"), card_token="tok_authentication_required")
    kit.top_up(account_id, pounds("19.00"), card_token="tok_timeout_before_charging")
    ledger.save_card(account_id, "tok_authentication_required", idempotency_key="open saving")
    (card,) = ledger.cards(account_id)
    kit.gateway.fail_next("forget", Fault.BEFORE)
    ledger.remove_card(account_id, card.card_id, idempotency_key="open removal")
    ledger.spend(account_id, Number("n", "+441632960003", "GB", "local"), idempotency_key="number")
    kit.clock.advance(timedelta(days=40))
    ledger.hold(account_id, ledger.balance(account_id).available, "all", idempotency_key="all", expires_in=HELD_FOR)
    ledger.run_due()
    unnumbered = kit.top_up(account_id, pounds("21.00"), card_token="tok_pending")
    kit.gateway.fail_next("refund", Fault.BEFORE)
    paid = kit.top_up(account_id, pounds("12.00")).transaction_id
    ledger.refund(account_id, paid, pounds("1.20"), "asked", idempotency_key="open refund")
    kit.gateway.settle(str(unnumbered.gateway_reference))
    process.settle(ledger._context, account_id, unnumbered.transaction_id)  # captured; killed before its invoice
    kit.gateway.fail_next("refund", Fault.AFTER)
    unanswered = ledger.refund(account_id, paid, pounds("2.40"), "asked", idempotency_key="killed refund")
    refunds.settle_refund(ledger._context, account_id, unanswered.refund_id)  # paid back; killed before its credit note
