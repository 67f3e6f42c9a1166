"""Details, standing and closing; quotes; and the agenda, which is all that recovery and the schedule look at."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from domain_helpers import (
    LATER,
    NOW,
    OPENED,
    QUOTE,
    SAVED,
    SOON,
    account,
    balance,
    past,
    recorded,
    request,
    requested,
    then,
)

from interact_ledger.domain import cards, checkout, holds, numbers, standing
from interact_ledger.domain import events as e
from interact_ledger.domain.agenda import AgendaItem, AgendaKind, agenda
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import (
    AccountClosed,
    AccountNotEmpty,
    AccountSuspended,
    QuoteAlreadyUsed,
    QuoteExpired,
    QuoteNotFound,
)
from interact_ledger.gateways.protocol import ActionRequired, Pending

SUSPENDED = e.AccountSuspended(reason="why")
VERIFIED = e.TaxNumberVerified(number="GB980780684", country="GB", verified_by="HMRC", verified_at=NOW, reference="ref")
IN_GB = e.AccountDetailsChanged(country="GB", region=None, tax_status=e.TaxStatus.CONSUMER, time_zone="Europe/London")
IN_FR = IN_GB.model_copy(update={"country": "FR", "time_zone": "Europe/Paris"})
(CARD,) = cards.card_saved(account(), "txn_7", "sandbox", SAVED)
(HOLD,) = holds.hold(account(balance("5.00")), request(2), Decimal("5.00"), "r", LATER, NOW)
RENTED = numbers.rent(
    account(), "txn_3", "+442071234567", e.SpendLine("n", "number-month/GB/local", 1, 1, Decimal(1)), NOW
)
SAVING = cards.request_saving(account(), request(4), gateway="sandbox", send_before=SOON)


def close(*before: e.Event, paid_out: str = "0", reference: str | None = None) -> e.AccountClosed:
    (event,) = standing.close(
        account(*before),
        request(9),
        "moved away",
        paid_out=Decimal(paid_out),
        payout_reference=reference,
        minor_unit=Decimal("0.01"),
    )
    return event


CLOSED = close()

# Details ----------------------------------------------------------------------------------------------------------


def test_details_change_whole_and_saying_them_again_changes_nothing():
    assert standing.change_details(account(), IN_GB) == []
    assert standing.change_details(account(), IN_FR) == [IN_FR]
    state = account(IN_FR)
    assert (state.country, state.time_zone, state.currency) == ("FR", "Europe/Paris", "GBP")


def test_a_tax_number_does_not_survive_a_move_to_another_country():
    changed, withdrawn = standing.change_details(account(VERIFIED), IN_FR)
    assert (changed, type(withdrawn)) == (IN_FR, e.TaxNumberWithdrawn)
    assert account(VERIFIED, changed, withdrawn).tax_number is None
    as_business = IN_GB.model_copy(update={"tax_status": e.TaxStatus.BUSINESS})
    assert standing.change_details(account(VERIFIED), as_business) == [as_business]


def test_a_tax_number_is_kept_until_it_is_withdrawn_once():
    assert standing.record_tax_number(account(VERIFIED), VERIFIED) == [VERIFIED]
    assert account(VERIFIED).tax_number.number == "GB980780684"
    (withdrawn,) = standing.withdraw_tax_number(account(VERIFIED), "no longer registered")
    assert withdrawn.reason == "no longer registered"
    assert standing.withdraw_tax_number(account(VERIFIED, withdrawn), "again") == []


# Standing ---------------------------------------------------------------------------------------------------------


def test_suspending_and_reinstating_are_repeated_without_effect():
    (suspended,) = standing.suspend(account(), "why")
    assert standing.suspend(account(suspended), "again") == []
    (reinstated,) = standing.reinstate(account(suspended), "well")
    assert standing.reinstate(account(suspended, reinstated), "again") == []
    assert standing.reinstate(account(), "never was") == []


def test_a_suspended_account_is_inactive_and_not_closed():
    standing.refuse_closed(account(SUSPENDED))
    with pytest.raises(AccountSuspended):
        standing.refuse_inactive(account(SUSPENDED))
    standing.refuse_inactive(account())


@pytest.mark.parametrize(
    "decide",
    [
        lambda state: standing.change_details(state, IN_FR),
        lambda state: standing.record_tax_number(state, VERIFIED),
        lambda state: standing.withdraw_tax_number(state, "w"),
        lambda state: standing.suspend(state, "w"),
        lambda state: standing.reinstate(state, "w"),
        standing.refuse_inactive,
        lambda state: standing.close(
            state, request(8), "w", paid_out=Decimal(0), payout_reference=None, minor_unit=Decimal("0.01")
        ),
    ],
)
def test_a_closed_account_takes_no_command(decide):
    with pytest.raises(AccountClosed):
        decide(account(CLOSED))


# Closing ----------------------------------------------------------------------------------------------------------


def test_an_empty_account_is_closed():
    assert (CLOSED.paid_out, CLOSED.written_off, CLOSED.payout_reference) == (0, 0, None)
    assert account(CLOSED).standing == "closed"


def test_less_than_a_minor_unit_is_written_off():
    closed = close(balance("0.009999"))
    assert closed.written_off == Decimal("0.009999")
    assert account(balance("0.009999"), closed).balance == 0


def test_what_is_paid_out_leaves_less_than_a_minor_unit():
    closed = close(balance("49.9675"), paid_out="49.96", reference="bank-1")
    assert (closed.paid_out, closed.written_off, closed.payout_reference) == (
        Decimal("49.96"),
        Decimal("0.0075"),
        "bank-1",
    )
    assert account(balance("49.9675"), closed).balance == 0


@pytest.mark.parametrize(("start", "paid_out"), [("0.01", "0"), ("10.00", "9.99"), ("10.00", "10.01"), ("-1.00", "0")])
def test_a_minor_unit_or_more_is_never_left_nor_paid_from_nothing(start, paid_out):
    with pytest.raises(AccountNotEmpty) as refused:
        close(balance(start), paid_out=paid_out)
    assert refused.value.field == "paid_out"


@pytest.mark.parametrize(
    ("what", "events"),
    [
        ("1 holds", [balance("5.00"), HOLD]),
        ("1 top-ups under way", requested()),
        ("1 cards being saved", SAVING),
        ("1 saved cards", [CARD]),
        ("1 rented numbers", [RENTED]),
    ],
)
def test_an_account_with_open_ends_is_not_closed(what, events):
    with pytest.raises(AccountNotEmpty, match=f"still has {what}"):
        close(*events)


# Quotes -----------------------------------------------------------------------------------------------------------


def test_a_quote_is_usable_until_it_expires():
    found = past(QUOTE, of="quote_1")
    assert checkout.usable_quote(found, QUOTE.expires_at - timedelta(microseconds=1)) == QUOTE
    with pytest.raises(QuoteExpired):
        checkout.usable_quote(found, QUOTE.expires_at)


def test_a_quote_is_usable_once():
    with pytest.raises(QuoteAlreadyUsed):
        checkout.usable_quote(past(*requested(), of="quote_1"), NOW)
    with pytest.raises(QuoteAlreadyUsed):
        checkout.usable_quote(past(*requested(), of="quote_1"), QUOTE.expires_at)


def test_what_is_no_quote_is_not_found():
    for nothing in ([], past(balance("1.00"), of="txn_99")):
        with pytest.raises(QuoteNotFound):
            checkout.usable_quote(nothing, NOW)


# The agenda -------------------------------------------------------------------------------------------------------

WAITING = then(requested(), ActionRequired(reference="pay_1", client_secret="s"))
REMOVAL = cards.request_removal(account(CARD), request(5), CARD.card_id, [], NOW)


@pytest.mark.parametrize(
    ("events", "kind", "subject", "due_at"),
    [
        (requested(), AgendaKind.PAYMENT, "txn_1", SOON),
        (then(requested(), Pending(reference="pay_1")), AgendaKind.PAYMENT, "txn_1", SOON),
        (WAITING, AgendaKind.PAYMENT, "txn_1", LATER),
        (SAVING, AgendaKind.CARD_SAVING, "txn_4", SOON),
        ([CARD, *REMOVAL], AgendaKind.CARD_REMOVAL, CARD.card_id, NOW),
        ([balance("5.00"), HOLD], AgendaKind.HOLD_EXPIRY, "txn_2", LATER),
        ([RENTED], AgendaKind.NUMBER_RENT, "+442071234567", RENTED.next_due_at),
    ],
)
def test_what_is_open_is_on_the_agenda_from_when_it_can_be_done(events, kind, subject, due_at):
    assert agenda(account(*events)) == {AgendaItem(kind, subject, due_at)}


def test_what_is_over_is_on_no_agenda():
    gone = e.CardRemoved(operation_id="txn_5", card_id=CARD.card_id)
    assert agenda(account()) == agenda(account(CARD)) == agenda(account(CARD, *REMOVAL, gone)) == frozenset()


# The stream -------------------------------------------------------------------------------------------------------


def test_a_stream_starts_with_the_opening_and_has_no_gaps():
    first, second = recorded(OPENED, SUSPENDED)
    state = evolve(None, first)
    assert (state.version, state.opened_at, state.owner) == (1, NOW, "customer-1")
    assert evolve(state, second).version == 2
    with pytest.raises(AssertionError, match="contiguous"):
        evolve(evolve(state, second), second)
    with pytest.raises(AssertionError, match="starts with"):
        evolve(None, second)
