"""What each event does to the audit's book of an account: its own road to the balance and to what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from interact_ledger.audit.amounts import millionths, moment, taxes_of
from interact_ledger.audit.book import (
    Attempts,
    Book,
    Hold,
    Lot,
    Number,
    Quote,
    Terms,
)
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.posting_attempts import attempted, moved
from interact_ledger.audit.posting_automatic import post_automatic
from interact_ledger.audit.posting_money_back import MONEY_BACK

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
    attempted(top_up, entry)
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
    moved(book.open_top_ups, entry)


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
    attempted(saving, entry)
    book.open_savings[entry.event["operation_id"]] = saving


def _saving_moved(book: Book, entry: Entry) -> None:
    moved(book.open_savings, entry)


def _card_saved(book: Book, entry: Entry) -> None:
    book.cards.setdefault(entry.event["card_id"], None)
    book.saved.add((entry.event["operation_id"], entry.event["reference"]))
    _card_updated(book, entry)
    saving = book.open_savings.pop(entry.event["operation_id"], None)
    if saving is not None:
        saving.undecided = False


def _card_updated(book: Book, entry: Entry) -> None:
    book.card_months[entry.event["card_id"]] = f"{entry.event['expiry_year']:04d}-{entry.event['expiry_month']:02d}"


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
    # The hold first: a lot that is used up is gone, with what was held of it.
    _reduce_hold(book, entry, {lot_id: millionths(part) for lot_id, part in entry.event.get("lots", ())})
    _spent(book, entry)


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
        **MONEY_BACK,
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
        "card-updated": _card_updated,
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
