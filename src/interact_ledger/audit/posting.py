"""What each event does to the audit's book of an account: its own road to the balance and to what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from interact_ledger.audit.amounts import millionths, moment, taxes_of
from interact_ledger.audit.book import (
    Attempts,
    Book,
    Dispute,
    Elsewhere,
    Hold,
    Lot,
    Number,
    Quote,
    RefundIntent,
    Terms,
)
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.posting_automatic import post_automatic

__all__ = ["POSTINGS", "post"]

Posting = Callable[[Book, Entry], None]


def post(book: Book, entry: Entry) -> None:
    """Enter an event into its account's book."""
    posting = POSTINGS.get(entry.topic)
    if posting is not None:
        posting(book, entry)
    post_automatic(book, entry)
    book.recorded_at = entry.recorded_at
    event = entry.event
    if event.get("reference") is not None and "gateway" in event:
        book.references[event["gateway"], event["reference"]] = event["operation_id"]


# Standing and details ---------------------------------------------------------------------------------------------


def _opened(book: Book, entry: Entry) -> None:
    book.opened = True
    book.owner = entry.event["owner"]
    book.currency = entry.event["currency"]
    book.country = entry.event["country"]
    book.opened_at = entry.recorded_at


def _details_changed(book: Book, entry: Entry) -> None:
    book.country = entry.event["country"]


def _suspended(book: Book, entry: Entry) -> None:
    book.suspended = True


def _reinstated(book: Book, entry: Entry) -> None:
    book.suspended = False


def _threshold_set(book: Book, entry: Entry) -> None:
    threshold = entry.event["threshold"]
    book.low_balance_threshold = None if threshold is None else millionths(threshold)


def _closed(book: Book, entry: Entry) -> None:
    paid_out, written_off = entry.amount("paid_out"), entry.amount("written_off")
    book.closed = True
    book.money.paid_out += paid_out
    book.money.written_off += written_off
    book.money.balance -= paid_out + written_off


def _adjusted(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.adjusted += amount
    book.money.balance += amount
    _use_lots(book, entry)


# Money in ---------------------------------------------------------------------------------------------------------


def _quoted(book: Book, entry: Entry) -> None:
    event = entry.event
    summary = (
        entry.recorded_at,
        moment(event["expires_at"]),
        event["currency"],
        entry.amount("recharge"),
        entry.amount("credit"),
        event["taxes"],
        entry.amount("total"),
        event["method"],
        event["gateway"],
    )
    book.quotes[event["quote_id"]] = Quote(Terms.of(event), summary)


def _top_up_requested(book: Book, entry: Entry) -> None:
    quote = book.quotes.get(entry.event["quote_id"])
    if quote is not None:
        quote.used = True
    event = entry.event
    terms = quote.terms if quote is not None else None
    book.top_ups[event["operation_id"]] = Attempts(terms, initiator=event["initiator"], card_id=event["card_id"])


def _payment_attempted(book: Book, entry: Entry) -> None:
    top_up = book.top_ups.setdefault(entry.event["operation_id"], Attempts(Terms.of(entry.event)))
    top_up.credit = entry.amount("credit")
    _attempted(top_up, entry)
    book.open_top_ups[entry.event["operation_id"]] = top_up


def _captured(book: Book, entry: Entry) -> None:
    credit = entry.amount("credit")
    book.money.captured += entry.amount("total")
    book.money.taxed += taxes_of(entry.event)
    book.money.credited += credit
    book.money.balance += credit
    top_up = book.top_ups.get(entry.event["operation_id"])
    if top_up is not None:
        top_up.captured.add(entry.event["reference"])
    charge = (entry.event["operation_id"], entry.event["reference"])
    book.charges[charge] = book.kept[charge] = entry.parts
    book.under_way[charge] = (0,) * len(entry.parts)
    _payment_moved(book, entry)


def _payment_moved(book: Book, entry: Entry) -> None:
    _move(book.open_top_ups, entry)


# Money back -------------------------------------------------------------------------------------------------------


def _refund_requested(book: Book, entry: Entry) -> None:
    book.refunds[entry.event["operation_id"]] = Attempts(None)


def _refund_attempted(book: Book, entry: Entry) -> None:
    event = entry.event
    refund = book.refunds.setdefault(event["operation_id"], Attempts(None))
    _attempted(refund, entry)
    refund.credit = entry.amount("credit")
    book.refund_terms[event["attempt_id"]] = Terms.of(event)
    book.open_refunds[event["operation_id"]] = refund
    intent = RefundIntent((event["transaction_id"], event["charge_reference"]), entry.parts)
    book.refund_intents[event["attempt_id"]] = intent
    book.money.held += refund.credit
    _take(book, intent, 1)
    _under_way(book, intent, 1)


def _refund_queued(book: Book, entry: Entry) -> None:
    refund = book.open_refunds.get(entry.event["operation_id"])
    if refund is not None:
        refund.queued_until = moment(entry.event["next_try_at"])


def _refund_failed(book: Book, entry: Entry) -> None:
    _end_refund(book, entry, surely_not=entry.event["outcome"] == "not_attempted")
    intent = book.refund_intents.get(entry.event["attempt_id"])
    _take(book, intent, -1)
    _under_way(book, intent, -1)


def _refunded(book: Book, entry: Entry) -> None:
    credit = entry.amount("credit")
    book.money.refunded += credit
    book.money.balance -= credit
    intent = book.refund_intents.get(entry.event["attempt_id"])
    if entry.event["late"]:
        _take(book, intent, 1)
    else:
        _under_way(book, intent, -1)
    if intent is not None:
        _reduce(book.kept, intent.charge, intent.parts, 1)
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is not None:
        refund.captured.add(entry.event["reference"])
        if entry.event["attempt_id"] == refund.latest:
            _end_refund(book, entry, surely_not=False)


def _refund_returned(book: Book, entry: Entry) -> None:
    credit = entry.amount("credit")
    book.money.refunded -= credit
    book.money.balance += credit
    intent = book.refund_intents.get(entry.event["attempt_id"])
    _take(book, intent, -1)
    if intent is not None:
        _reduce(book.kept, intent.charge, intent.parts, -1)


def _end_refund(book: Book, entry: Entry, *, surely_not: bool) -> None:
    refund = book.open_refunds.pop(entry.event["operation_id"], None)
    if refund is not None:
        book.money.held -= refund.credit
        refund.undecided, refund.surely_not, refund.queued_until = False, surely_not, None


def _take(book: Book, intent: RefundIntent | None, times: int) -> None:
    """Take a refund's parts out of what may yet be paid back of its charge, or put them back."""
    if intent is not None:
        _reduce(book.charges, intent.charge, intent.parts, times)


def _under_way(book: Book, intent: RefundIntent | None, times: int) -> None:
    """Keep a refund's parts for it from what else may take its charge, or no longer."""
    if intent is not None:
        _reduce(book.under_way, intent.charge, intent.parts, -times)


def _reduce(
    charges: dict[tuple[str, str], tuple[int, ...]], charge: tuple[str, str], parts: tuple[int, ...], times: int
) -> None:
    if charge in charges:
        charges[charge] = tuple(a - times * b for a, b in zip(charges[charge], parts, strict=True))


# Money that was taken back without our asking ---------------------------------------------------------------------


def _dispute_opened(book: Book, entry: Entry) -> None:
    event = entry.event
    charge = (event["transaction_id"], event["charge_reference"])
    dispute = Dispute(charge, entry.amount("claimed"), entry.parts, entry.amount("held"))
    book.disputes[event["operation_id"]] = dispute
    book.money.held += dispute.held
    _reduce(book.charges, charge, dispute.parts, 1)


def _dispute_decided(book: Book, entry: Entry) -> None:
    dispute = book.disputes.get(entry.event["operation_id"])
    times = 1 if entry.topic == "dispute-lost" else -1
    credit, parts = entry.amount("credit"), entry.parts
    book.money.lost += times * credit
    book.money.balance -= times * credit
    if dispute is None:
        return
    if dispute.status == "open":
        book.money.held -= dispute.held
        _reduce(book.charges, dispute.charge, dispute.parts, -1)
        dispute.parts = (0,) * len(dispute.parts)
    for charges in (book.charges, book.kept):
        _reduce(charges, dispute.charge, parts, times)
    dispute.parts = tuple(a + times * b for a, b in zip(dispute.parts, parts, strict=True))
    dispute.status = entry.topic.removeprefix("dispute-")
    if entry.event.get("claimed") is not None:
        dispute.claimed = entry.amount("claimed")


def _refunded_elsewhere(book: Book, entry: Entry) -> None:
    charge = (entry.event["transaction_id"], entry.event["charge_reference"])
    made = Elsewhere(charge, entry.parts)
    book.elsewhere[entry.event["operation_id"]] = made
    _taken_elsewhere(book, entry, made, 1)


def _elsewhere_returned(book: Book, entry: Entry) -> None:
    made = book.elsewhere.get(entry.event["operation_id"])
    if made is not None:
        made.returned = True
        _taken_elsewhere(book, entry, made, -1)


def _taken_elsewhere(book: Book, entry: Entry, made: Elsewhere, times: int) -> None:
    credit = entry.amount("credit")
    book.money.refunded_elsewhere += times * credit
    book.money.balance -= times * credit
    for charges in (book.charges, book.kept):
        _reduce(charges, made.charge, entry.parts, times)


def _payment_reversed(book: Book, entry: Entry) -> None:
    credit, charge = entry.amount("credit"), (entry.event["operation_id"], entry.event["reference"])
    book.money.never_settled += credit
    book.money.balance -= credit
    book.reversed_charges.add(charge)
    for charges in (book.charges, book.kept):
        _reduce(charges, charge, entry.parts, 1)


# Notices ----------------------------------------------------------------------------------------------------------


def _notice_received(book: Book, entry: Entry) -> None:
    book.unexplained.pop((entry.event["gateway"], entry.event["notice_id"]), None)


def _notice_unexplained(book: Book, entry: Entry) -> None:
    about = f"{entry.event['subject']} {entry.event['about']}"
    book.unexplained[entry.event["gateway"], entry.event["notice_id"]] = entry.version, about


def _customer_linked(book: Book, entry: Entry) -> None:
    book.customers.add((entry.event["gateway"], entry.event["customer_id"]))


# Cards ------------------------------------------------------------------------------------------------------------


def _saving_requested(book: Book, entry: Entry) -> None:
    book.savings[entry.event["operation_id"]] = Attempts(None)


def _saving_attempted(book: Book, entry: Entry) -> None:
    saving = book.savings.setdefault(entry.event["operation_id"], Attempts(None))
    _attempted(saving, entry)
    book.open_savings[entry.event["operation_id"]] = saving


def _saving_moved(book: Book, entry: Entry) -> None:
    _move(book.open_savings, entry)


def _card_saved(book: Book, entry: Entry) -> None:
    book.cards[entry.event["card_id"]] = None
    book.card_months[entry.event["card_id"]] = f"{entry.event['expiry_year']:04d}-{entry.event['expiry_month']:02d}"
    saving = book.open_savings.pop(entry.event["operation_id"], None)
    if saving is not None:
        saving.undecided = False


def _removal_requested(book: Book, entry: Entry) -> None:
    book.cards[entry.event["card_id"]] = moment(entry.event["requested_at"])


def _card_removed(book: Book, entry: Entry) -> None:
    book.cards.pop(entry.event["card_id"], None)


# Money out --------------------------------------------------------------------------------------------------------


def _spent(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.spent += amount
    book.money.balance -= amount
    _use_lots(book, entry)
    book.latest_purchase = (entry.event["operation_id"], entry.event["lines"])


def _given_back(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.reversed += amount
    book.money.balance += amount
    given_back = book.given_back.setdefault(entry.event["spend_id"], Counter())
    for line, quantity in entry.event["lines"]:
        given_back[line] += quantity
    lots_given_back = book.lots_given_back.setdefault(entry.event["spend_id"], Counter())
    lots_given_back[""] += amount
    for lot_id, part, _, _ in entry.event.get("lots", ()):
        lots_given_back[""] -= millionths(part)
        lots_given_back[lot_id] += millionths(part)
        _lot(book, lot_id).remaining += millionths(part)


def _rented(book: Book, entry: Entry) -> None:
    book.numbers[entry.event["number"]] = Number(
        entry.event["item"], entry.amount("monthly_price"), moment(entry.event["next_due_at"])
    )


def _rent_charged(book: Book, entry: Entry) -> None:
    _spent(book, entry)
    rented = book.numbers.get(entry.event["number"])
    if rented is not None:
        rented.next_due_at = moment(entry.event["next_due_at"])


def _released(book: Book, entry: Entry) -> None:
    book.numbers.pop(entry.event["number"], None)


def _held(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.held += amount
    lots = {lot_id: millionths(part) for lot_id, part in entry.event.get("lots", ())}
    book.holds[entry.event["operation_id"]] = Hold(amount, moment(entry.event["expires_at"]), lots)
    for lot_id, part in lots.items():
        _lot(book, lot_id).held += part


def _settled(book: Book, entry: Entry) -> None:
    _spent(book, entry)
    _reduce_hold(book, entry, {lot_id: millionths(part) for lot_id, part in entry.event.get("lots", ())})


def _hold_ended(book: Book, entry: Entry) -> None:
    hold = book.holds.get(entry.event["hold_id"])
    _reduce_hold(book, entry, dict(hold.lots) if hold is not None else {})


def _reduce_hold(book: Book, entry: Entry, lots: Mapping[str, int]) -> None:
    amount = entry.amount("amount")
    book.money.held -= amount
    hold = book.holds.get(entry.event["hold_id"])
    if hold is not None:
        hold.remaining -= amount
        for lot_id, part in lots.items():
            hold.lots[lot_id] = hold.lots.get(lot_id, 0) - part
            _lot(book, lot_id).held -= part
        if hold.remaining == 0:
            del book.holds[entry.event["hold_id"]]


# Granted credit ---------------------------------------------------------------------------------------------------


def _granted(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.granted += amount
    book.money.balance += amount
    expires_at = entry.event["expires_at"]
    book.lot_terms[entry.event["operation_id"]] = entry.event["priority"], expires_at and moment(expires_at)
    _lot(book, entry.event["operation_id"]).remaining += amount


def _expired(book: Book, entry: Entry) -> None:
    amount = entry.amount("amount")
    book.money.expired += amount
    book.money.balance -= amount
    _take_from_lot(book, entry.event["lot_id"], amount)


def _use_lots(book: Book, entry: Entry) -> None:
    for lot_id, part in entry.event.get("lots", ()):
        _take_from_lot(book, lot_id, millionths(part))


def _take_from_lot(book: Book, lot_id: str, amount: int) -> None:
    lot = _lot(book, lot_id)
    lot.remaining -= amount
    if lot.remaining == 0:
        del book.lots[lot_id]


def _lot(book: Book, lot_id: str) -> Lot:
    """Return a lot as it is, or as it is again after it was used up."""
    return book.lots.setdefault(lot_id, Lot(expires_at=book.lot_terms.get(lot_id, (0, None))[1]))


# Attempts, of either kind -----------------------------------------------------------------------------------------

_STILL_UNDECIDED = frozenset(
    {
        "payment-retried",
        "payment-begun",
        "payment-pending",
        "payment-action-required",
        "payment-unknown",
        "payment-cancel-requested",
        "card-saving-retried",
        "card-saving-pending",
        "card-saving-action-required",
        "card-saving-unknown",
        "card-saving-cancel-requested",
    }
)
"""After any other fact about an attempt, the gateway will not act on it any more."""


def _attempted(attempts: Attempts, entry: Entry) -> None:
    event = entry.event
    attempts.latest = event["attempt_id"]
    attempts.known[event["attempt_id"]] = event["gateway"]
    attempts.undecided = True
    attempts.cancelling = attempts.awaited_until = None
    attempts.surely_not = False
    attempts.send_before = moment(event["send_before"])


def _move(open_ones: dict[str, Attempts], entry: Entry) -> None:
    """Take a fact about an attempt; what is over stays over."""
    attempts = open_ones.get(entry.event["operation_id"])
    if attempts is None:
        return
    event, topic = entry.event, entry.topic
    if topic in {"payment-pending", "payment-unknown", "card-saving-pending", "card-saving-unknown"}:
        attempts.awaited_until = None
    elif topic in {"payment-action-required", "card-saving-action-required"}:
        attempts.awaited_until = moment(event["expires_at"])
    elif topic in {"payment-cancel-requested", "card-saving-cancel-requested"}:
        attempts.cancelling = event["reason"]
    captures_earlier = topic in {"payment-captured", "capture-mismatched"} and event["attempt_id"] != attempts.latest
    if topic not in _STILL_UNDECIDED and not captures_earlier:
        _decide(attempts, entry)
    if not attempts.undecided and attempts.cancelling is None:
        del open_ones[event["operation_id"]]


def _decide(attempts: Attempts, entry: Entry) -> None:
    attempts.undecided = False
    attempts.awaited_until = None
    abandoned = entry.topic == "payment-cancelled" and attempts.cancelling == "abandoned"
    never_sent = entry.topic == "payment-not-attempted" or entry.event.get("outcome") == "not_attempted"
    attempts.surely_not = abandoned or never_sent
    if entry.topic not in {"payment-declined", "payment-not-attempted"}:
        attempts.cancelling = None


POSTINGS: Mapping[str, Posting] = MappingProxyType(
    {
        "account-opened": _opened,
        "account-details-changed": _details_changed,
        "account-suspended": _suspended,
        "account-reinstated": _reinstated,
        "low-balance-threshold-set": _threshold_set,
        "account-closed": _closed,
        "balance-adjusted": _adjusted,
        "checkout-quoted": _quoted,
        "top-up-requested": _top_up_requested,
        "payment-attempted": _payment_attempted,
        "payment-retried": _payment_moved,
        "payment-begun": _payment_moved,
        "payment-pending": _payment_moved,
        "payment-action-required": _payment_moved,
        "payment-declined": _payment_moved,
        "payment-not-attempted": _payment_moved,
        "payment-unknown": _payment_moved,
        "payment-cancel-requested": _payment_moved,
        "payment-cancelled": _payment_moved,
        "payment-captured": _captured,
        "capture-mismatched": _payment_moved,
        "refund-requested": _refund_requested,
        "refund-attempted": _refund_attempted,
        "refund-queued": _refund_queued,
        "refund-failed": _refund_failed,
        "refunded": _refunded,
        "refund-mismatched": _refunded,
        "refund-returned": _refund_returned,
        "payment-reversed": _payment_reversed,
        "dispute-opened": _dispute_opened,
        "dispute-won": _dispute_decided,
        "dispute-lost": _dispute_decided,
        "refund-made-elsewhere": _refunded_elsewhere,
        "refund-elsewhere-returned": _elsewhere_returned,
        "notice-received": _notice_received,
        "notice-unexplained": _notice_unexplained,
        "gateway-customer-linked": _customer_linked,
        "card-saving-requested": _saving_requested,
        "card-saving-attempted": _saving_attempted,
        "card-saving-retried": _saving_moved,
        "card-saving-pending": _saving_moved,
        "card-saving-action-required": _saving_moved,
        "card-saving-unknown": _saving_moved,
        "card-saving-cancel-requested": _saving_moved,
        "card-saving-failed": _saving_moved,
        "card-saved": _card_saved,
        "card-removal-requested": _removal_requested,
        "card-removed": _card_removed,
        "card-detached": _card_removed,
        "spent": _spent,
        "spend-reversed": _given_back,
        "number-rented": _rented,
        "number-rental-charged": _rent_charged,
        "number-released": _released,
        "funds-held": _held,
        "hold-settled": _settled,
        "hold-released": _hold_ended,
        "hold-expired": _hold_ended,
        "credit-granted": _granted,
        "credit-expired": _expired,
    }
)
"""By topic; the others change nothing that the audit keeps."""
