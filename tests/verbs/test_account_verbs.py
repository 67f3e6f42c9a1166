"""Opening accounts, changing their details, tax numbers, adjusting and closing, through the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from eventsourcing.persistence import OperationalError
from moneyed import Money

from interact_ledger import Settings
from interact_ledger.domain import events as e
from interact_ledger.errors import (
    AccountNotEmpty,
    AccountNotFound,
    CurrencyMismatch,
    InsufficientBalance,
    InvalidAmount,
    InvalidRequest,
    LedgerError,
    StorageUnavailable,
)
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import NUMBER, ONE_SEGMENT, available, events_of, funded, gbp, opened, pay, saved, stored, topics

ASKED = datetime(2026, 11, 1, 12, tzinfo=UTC)
DETAILS = {"country": "FR", "region": None, "tax_status": "business", "time_zone": "Europe/Paris"}


# Opening ----------------------------------------------------------------------------------------------------------


def test_a_new_account_is_open_and_empty(kit):
    account = kit.ledger.open_account("customer-1", "GBP", "GB", time_zone="Europe/London")
    assert account == kit.ledger.account(account.account_id)
    assert (account.owner, account.currency, account.country, account.region) == ("customer-1", "GBP", "GB", None)
    assert (account.tax_status, account.tax_number_verified, account.time_zone) == ("consumer", False, "Europe/London")
    assert (account.standing, account.opened_at, account.version) == ("open", START, 1)
    balance = kit.ledger.balance(account.account_id)
    assert balance.available == balance.held == balance.total == balance.pending == gbp("0")


def test_repeating_an_opening_returns_the_account_as_it_is_now(kit):
    first = opened(kit, idempotency_key="open")
    kit.ledger.suspend(first.account_id, "why")
    before = stored(kit)
    assert opened(kit, idempotency_key="open").standing == "suspended"
    assert stored(kit) == before


def test_two_owners_may_use_the_same_key(kit):
    one, other = (opened(kit, owner, idempotency_key="open") for owner in ("customer-1", "customer-2"))
    assert one.account_id != other.account_id


def test_without_a_key_every_opening_is_another_account_of_the_owner(kit):
    ids = {opened(kit).account_id for _ in range(3)}
    assert {account.account_id for account in kit.ledger.accounts("customer-1").accounts} == ids


def test_several_accounts_of_an_owner_keep_apart(kit):
    pounds, euros = funded(kit, "50.00"), opened(kit, currency="EUR", country="FR").account_id
    kit.top_up(euros, Money("20.00", "EUR"))
    card = saved(kit, euros)
    kit.ledger.spend(pounds, ONE_SEGMENT, idempotency_key="same")
    kit.ledger.spend(euros, ONE_SEGMENT, idempotency_key="same")
    assert available(kit, pounds) == gbp("49.9675")
    assert available(kit, euros) == Money("19.9615", "EUR")
    with pytest.raises(LedgerError, match="card_id"):
        pay(kit, pounds, card_id=card)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "XXX"),
        ("currency", "gbp"),
        ("currency", "SEK"),
        ("country", "UK"),
        ("country", "gb"),
        ("region", ""),
        ("tax_status", "charity"),
        ("time_zone", "London"),
        ("time_zone", ""),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", None),
        ("time_zone", UTC),
    ],
)
def test_an_account_in_no_place_that_there_is_cannot_be_opened(kit, field, value):
    before = stored(kit)
    with pytest.raises(InvalidRequest) as refused:
        opened(kit, **{field: value})
    assert refused.value.field == field
    assert stored(kit) == before


def test_where_taxes_depend_on_the_region_it_must_be_told(kit):
    with pytest.raises(InvalidRequest, match="region: is needed"):
        opened(kit, currency="USD", country="US")
    assert opened(kit, currency="USD", country="US", region="CA").region == "CA"


# Details and tax --------------------------------------------------------------------------------------------------


def test_details_change_what_is_quoted_from_then_on(kit):
    account_id = kit.account().account_id
    assert kit.ledger.checkout(account_id, gbp("50.00")).total == gbp("60.00")
    changed = kit.ledger.change_details(account_id, **DETAILS | {"country": "DE"})
    assert (changed.country, changed.tax_status, changed.time_zone) == ("DE", "business", "Europe/Paris")
    assert kit.ledger.checkout(account_id, gbp("50.00")).total == gbp("59.50")
    before = stored(kit)
    kit.ledger.change_details(account_id, **DETAILS | {"country": "DE"})
    assert stored(kit) == before


def verify(kit: LedgerKit, account_id: str, number: str) -> bool:
    account = kit.ledger.record_tax_number(
        account_id, number, verified_by="VIES", verified_at=ASKED, reference="WAPI-1"
    )
    return account.tax_number_verified


def test_a_business_with_a_verified_number_accounts_for_its_tax_itself(kit):
    account_id = opened(kit, currency="EUR", country="FR", tax_status="business").account_id
    assert kit.ledger.checkout(account_id, Money("50.00", "EUR")).total == Money("60.00", "EUR")
    assert verify(kit, account_id, "FR 40 303 265 045")
    quote = kit.ledger.checkout(account_id, Money("50.00", "EUR"))
    (tax,) = quote.taxes
    assert (tax.name, tax.amount, tax.reverse_charge) == ("TVA", Money("0.00", "EUR"), True)
    assert quote.total == quote.credit == Money("50.00", "EUR")
    paid = kit.ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="k")
    assert kit.ledger.receipt(paid.transaction_id).taxes == (tax,)
    assert not kit.ledger.withdraw_tax_number(account_id, "deregistered").tax_number_verified
    assert kit.ledger.checkout(account_id, Money("50.00", "EUR")).total == Money("60.00", "EUR")


def test_a_verification_is_kept_with_who_asked_and_when(kit):
    account_id = kit.account().account_id
    assert verify(kit, account_id, "980 7806 84")
    (event,) = events_of(kit, account_id, e.TaxNumberVerified)
    assert (event.number, event.country, event.verified_by) == ("GB980780684", "GB", "VIES")
    assert (event.verified_at, event.reference) == (ASKED, "WAPI-1")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"number": "GB980780685"}, "number"),
        ({"number": ""}, "number"),
        ({"verified_at": ASKED.replace(tzinfo=None)}, "verified_at"),
        ({"verified_at": None}, "verified_at"),
        ({"verified_by": ""}, "verified_by"),
        ({"reference": "r" * 201}, "reference"),
    ],
)
def test_a_tax_number_that_cannot_be_is_refused(kit, change, field):
    account_id = kit.account().account_id
    how = {"number": "GB980780684", "verified_by": "HMRC", "verified_at": ASKED, "reference": "r", **change}
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.record_tax_number(account_id, **how)
    assert refused.value.field == field
    assert topics(kit, account_id) == ["account-opened"]


def test_moving_abroad_drops_a_verified_number(kit):
    account_id = kit.account().account_id
    verify(kit, account_id, "GB980780684")
    assert not kit.ledger.change_details(account_id, **DETAILS).tax_number_verified
    kit.ledger.change_details(account_id, country="US", region="CA", tax_status="business", time_zone="UTC")
    with pytest.raises(InvalidRequest, match="number: tax numbers of US"):
        verify(kit, account_id, "123")


# Standing ---------------------------------------------------------------------------------------------------------


def test_a_suspended_account_may_be_topped_up_and_reinstated(kit):
    account_id = kit.account().account_id
    assert kit.ledger.suspend(account_id, "chargeback").standing == "suspended"
    assert kit.top_up(account_id, gbp("10.00")).status == "succeeded"
    assert kit.ledger.reinstate(account_id, "paid").standing == "open"
    assert kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="k").balance == gbp("9.9675")


# Adjusting --------------------------------------------------------------------------------------------------------


def test_an_adjustment_is_made_once_and_says_who_and_why(kit):
    account_id = kit.account().account_id
    support = kit.ledger.on_behalf_of("support:7", correlation_id="ticket-42")
    for _ in range(2):
        assert support.adjust(account_id, gbp("5.000001"), "goodwill", idempotency_key="k") == gbp("5.000001")
    recorded = kit.ledger.history(account_id)[-1]
    assert (recorded.actor, recorded.correlation_id) == ("support:7", "ticket-42")
    assert (recorded.event.amount, recorded.event.reason) == (Decimal("5.000001"), "goodwill")


def test_an_adjustment_never_takes_more_than_is_available(kit):
    account_id = funded(kit, "10.00")
    kit.ledger.hold(account_id, gbp("4.00"), "r", idempotency_key="h")
    with pytest.raises(InsufficientBalance):
        kit.ledger.adjust(account_id, gbp("-6.01"), "w", idempotency_key="k")
    assert kit.ledger.adjust(account_id, gbp("-6.00"), "w", idempotency_key="k") == gbp("0.00")


def test_equal_amounts_are_one_request_however_they_are_written(kit):
    account_id = kit.account().account_id
    for amount in ("5", "5.0", "5.000000"):
        assert kit.ledger.adjust(account_id, gbp(amount), "w", idempotency_key="k") == gbp("5")


def test_figures_stay_exact_whatever_arithmetic_the_service_has_set(kit):
    account_id = funded(kit, "5000.00")
    for lot in ("11.1111", "22.2222"):
        ends = kit.clock.now() + timedelta(hours=1)
        kit.ledger.grant_credit(account_id, gbp(lot), "welcome", expires_at=ends, idempotency_key=lot)
    kit.ledger.grant_credit(account_id, gbp("1000.0001"), "welcome", expires_at=None, idempotency_key="stays")
    kit.clock.advance(timedelta(hours=2))
    with localcontext() as context:
        context.prec = 3
        spent = kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="k")
        assert str(spent.balance.amount) == "5999.9676"
        balance = kit.ledger.balance(account_id)
        shown = [str(part.amount) for part in (balance.available, balance.total, balance.granted)]
        assert shown == ["5999.9676", "5999.9676", "999.9676"]


# Closing ----------------------------------------------------------------------------------------------------------


def test_an_account_is_closed_once_its_balance_is_paid_out_and_a_fraction_is_written_off(kit):
    account_id = funded(kit, "50.00")
    kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend")
    with pytest.raises(AccountNotEmpty, match=r"49\.9675"):
        kit.ledger.close_account(account_id, "bye", idempotency_key="k")
    closed = kit.ledger.close_account(
        account_id, "bye", idempotency_key="k", paid_out=gbp("49.96"), payout_reference="bank-1"
    )
    assert closed.standing == "closed"
    (event,) = events_of(kit, account_id, e.AccountClosed)
    assert (event.paid_out, event.written_off) == (Decimal("49.96"), Decimal("0.0075"))
    assert kit.ledger.balance(account_id).total == gbp("0")
    assert kit.ledger.statement(account_id).lines[-1].amount == gbp("-49.9675")


@pytest.mark.parametrize(
    ("paid_out", "reference", "error", "field"),
    [
        (gbp("50.00"), None, InvalidRequest, "payout_reference"),
        (None, "bank-1", InvalidRequest, "payout_reference"),
        (gbp("49.98"), "bank-1", AccountNotEmpty, "paid_out"),
        (gbp("50.01"), "bank-1", AccountNotEmpty, "paid_out"),
        (gbp("49.999"), "bank-1", InvalidAmount, "paid_out"),
        (Money("50.00", "EUR"), "bank-1", CurrencyMismatch, "paid_out"),
    ],
)
def test_a_payout_that_does_not_fit_is_refused(kit, paid_out, reference, error, field):
    account_id = funded(kit, "50.00")
    with pytest.raises(error) as refused:
        kit.ledger.close_account(account_id, "bye", idempotency_key="k", paid_out=paid_out, payout_reference=reference)
    assert refused.value.field == field
    assert kit.ledger.account(account_id).standing == "open"


def leave_open(kit: LedgerKit, account_id: str, what: str) -> None:
    ledger = kit.ledger
    if what == "holds":
        ledger.adjust(account_id, gbp("1.00"), "w", idempotency_key="a")
        ledger.hold(account_id, gbp("1.00"), "r", idempotency_key="h")
    elif what == "top-ups under way":
        pay(kit, account_id, card_token="tok_pending")
    elif what == "cards being saved":
        ledger.save_card(account_id, "tok_pending", idempotency_key="s")
    elif what == "saved cards":
        card_id = saved(kit, account_id)
        kit.gateway.fail_next("forget", Fault.BEFORE)
        ledger.remove_card(account_id, card_id, idempotency_key="r")
    else:
        ledger.adjust(account_id, gbp("2.00"), "w", idempotency_key="a")
        ledger.spend(account_id, NUMBER, idempotency_key="n")


@pytest.mark.parametrize("what", ["holds", "top-ups under way", "cards being saved", "saved cards", "rented numbers"])
def test_an_account_with_open_ends_cannot_be_closed(kit, what):
    account_id = kit.account().account_id
    leave_open(kit, account_id, what)
    with pytest.raises(AccountNotEmpty, match=f"still has 1 {what}"):
        kit.ledger.close_account(account_id, "bye", idempotency_key="k")


@pytest.mark.parametrize(
    ("currency", "country", "written_off"), [("JPY", "JP", "0.9"), ("KWD", "KW", "0.0009"), ("GBP", "GB", "0.0099")]
)
def test_what_is_written_off_is_less_than_the_currencys_own_minor_unit(kit, currency, country, written_off):
    account_id = opened(kit, currency=currency, country=country).account_id
    kit.ledger.adjust(account_id, Money(written_off, currency), "w", idempotency_key="a")
    assert kit.ledger.close_account(account_id, "bye", idempotency_key="k").standing == "closed"


# What is no account, and what cannot be written -------------------------------------------------------------------


def test_a_sellers_invoice_book_is_no_account(kit):
    funded(kit)
    for verb in (kit.ledger.balance, kit.ledger.account, kit.ledger.payment_methods):
        with pytest.raises(AccountNotFound):
            verb("seller_interact-gb")


def test_a_database_that_stays_unwritable_is_said_to_be_so_and_not_to_be_busy(monkeypatch):
    settings = Settings.default().model_copy(update={"command_deadline": timedelta(milliseconds=50)})
    with ledger_kit(settings=settings) as kit:
        account_id = funded(kit)

        def full(*_arguments, **_options):
            raise OperationalError("database or disk is full")

        monkeypatch.setattr(kit.ledger._log.recorder, "insert_events", full)
        with pytest.raises(StorageUnavailable, match="disk is full"):
            kit.ledger.adjust(account_id, gbp("1.00"), "goodwill", idempotency_key="k")
        monkeypatch.undo()
        assert kit.ledger.adjust(account_id, gbp("1.00"), "goodwill", idempotency_key="k") == gbp("51.00")


def test_an_account_that_cannot_be_written_is_said_to_be_so_and_not_to_be_missing(monkeypatch):
    with ledger_kit() as kit:

        def full(*_arguments, **_options):
            raise OperationalError("database or disk is full")

        monkeypatch.setattr(kit.ledger._log.recorder, "insert_events", full)
        with pytest.raises(StorageUnavailable, match="disk is full"):
            kit.account()
