"""Opening ledgers, acting for somebody, and reading lists, receipts and histories page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moneyed import Money

from interact_ledger import Ledger
from interact_ledger.domain.events import AccountOpened
from interact_ledger.errors import ConfigurationError, InvalidRequest, InvalidText, StorageUnavailable
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import ledger_kit
from ledger_helpers import ONE_SEGMENT, funded, gbp, opened, pay, topics

# Opening a ledger -------------------------------------------------------------------------------------------------


def test_a_ledger_is_opened_from_the_environment(tmp_path):
    environ = {
        "INTERACT_LEDGER_URL": f"sqlite:///{tmp_path / 'ledger.db'}",
        "INTERACT_LEDGER_SANDBOX_FILE": str(tmp_path / "sandbox.db"),
        "INTERACT_LEDGER_GATEWAYS": " sandbox ",
    }
    with Ledger.from_env(environ) as ledger:
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        quote = ledger.checkout(account_id, gbp("50.00"))
        ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="k")
    with Ledger.from_env(environ) as again:
        assert again.balance(account_id).total == gbp("50.00")
    with SandboxGateway(tmp_path / "sandbox.db") as gateway:
        assert gateway.captured_total("GBP") == gbp("60.00")


def test_an_empty_environment_opens_an_example_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Ledger.from_env({}) as ledger:
        assert ledger.accounts().accounts == ()
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"interact_ledger", "sandbox"}


def test_the_processs_own_environment_is_read_if_none_is_passed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERACT_LEDGER_URL", "sqlite:///mine.db")
    with Ledger.from_env():
        assert (tmp_path / "mine.db").exists()


def test_settings_are_read_from_the_file_that_the_environment_names(tmp_path):
    (tmp_path / "settings.toml").write_text('seller = "nobody"')
    with pytest.raises(ConfigurationError, match=r"settings\.toml"):
        Ledger.from_env({"INTERACT_LEDGER_SETTINGS": str(tmp_path / "settings.toml")})


@pytest.mark.parametrize("names", ["unheard_of", "sandbox,unheard_of"])
def test_a_gateway_that_nobody_installed_is_refused(tmp_path, names):
    environ = {
        "INTERACT_LEDGER_URL": "sqlite://",
        "INTERACT_LEDGER_SANDBOX_FILE": str(tmp_path / "sandbox.db"),
        "INTERACT_LEDGER_GATEWAYS": names,
    }
    with pytest.raises(ConfigurationError):
        Ledger.from_env(environ)


@pytest.mark.parametrize("url", ["", "ledger.db", "mysql://host/db", "sqlite:///", "sqlite:///a?mode=ro", "sqlite:x"])
def test_an_address_that_is_no_database_is_refused(tmp_path, url):
    environ = {"INTERACT_LEDGER_URL": url, "INTERACT_LEDGER_SANDBOX_FILE": str(tmp_path / "sandbox.db")}
    with pytest.raises(ConfigurationError) as refused:
        Ledger.from_env(environ)
    assert refused.value.field == "url"


@pytest.mark.parametrize("wrong", [{"INTERACT_LEDGER_URL": "mysql://"}, {"INTERACT_LEDGER_GATEWAYS": "sandbox,no"}])
def test_gateways_that_were_opened_from_the_environment_are_closed_if_the_ledger_is_not(tmp_path, monkeypatch, wrong):
    closed = []
    really_close = SandboxGateway.close

    def close(gateway: SandboxGateway) -> None:
        closed.append(gateway.gateway_id)
        really_close(gateway)

    monkeypatch.setattr(SandboxGateway, "close", close)
    environ = {"INTERACT_LEDGER_URL": "sqlite://", "INTERACT_LEDGER_SANDBOX_FILE": str(tmp_path / "sandbox.db")}
    with pytest.raises(ConfigurationError):
        Ledger.from_env(environ | wrong)
    assert closed == ["sandbox"]


def test_a_database_that_cannot_be_opened_is_said_to_be_unavailable(tmp_path):
    with SandboxGateway() as gateway, pytest.raises(StorageUnavailable):
        Ledger.open(f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}", gateways=[gateway])


def test_a_file_that_is_no_database_is_said_to_be_unavailable(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    with SandboxGateway() as gateway, pytest.raises(StorageUnavailable):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", gateways=[gateway])


def test_gateways_that_were_passed_in_stay_open(tmp_path):
    with SandboxGateway() as gateway:
        Ledger.open("sqlite://", gateways=[gateway]).close()
        assert gateway.captured() == []


def test_two_ledgers_in_memory_have_nothing_in_common():
    with (
        SandboxGateway() as gateway,
        Ledger.open("sqlite://", gateways=[gateway]) as one,
        Ledger.open("sqlite://", gateways=[gateway]) as other,
    ):
        one.open_account("customer-1", "GBP", "GB")
        assert other.accounts().accounts == ()


# On whose behalf --------------------------------------------------------------------------------------------------


def test_every_event_says_on_whose_behalf_it_was_recorded(kit):
    customer = kit.ledger.on_behalf_of("customer", correlation_id="request-1")
    account_id = customer.open_account("customer-1", "GBP", "GB").account_id
    quote = customer.checkout(account_id, gbp("50.00"))
    customer.top_up(account_id, quote.quote_id, card_token="tok_visa", save_card=True, idempotency_key="k")
    kit.ledger.on_behalf_of("cron").run_due()
    kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="s")
    history = kit.ledger.history(account_id)
    assert {(r.actor, r.correlation_id) for r in history[:-1]} == {("customer", "request-1")}
    assert (history[-1].actor, history[-1].correlation_id) == ("service", None)
    invoice = kit.ledger._log.select("seller_interact-gb")[0][0]
    assert (invoice.actor, invoice.correlation_id) == ("customer", "request-1")


def test_who_acts_is_said_in_text_that_can_be_stored(kit):
    for actor, correlation_id in (("", None), ("a" * 201, None), (7, None), ("a", ""), ("a", "b\n")):
        with pytest.raises(InvalidText):
            kit.ledger.on_behalf_of(actor, correlation_id=correlation_id)


def test_closing_a_ledger_on_behalf_of_somebody_leaves_the_gateways_of_the_first(tmp_path):
    environ = {
        "INTERACT_LEDGER_URL": "sqlite://",
        "INTERACT_LEDGER_SANDBOX_FILE": str(tmp_path / "sandbox.db"),
    }
    with Ledger.from_env(environ) as ledger:
        assert ledger.on_behalf_of("somebody")._owned_gateways == ()


# Lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_accounts_are_listed_page_by_page_each_once(kit, limit):
    ids = [opened(kit, f"customer-{number % 2}").account_id for number in range(7)]
    for owner, expected in ((None, ids), ("customer-0", ids[::2]), ("customer-1", ids[1::2]), ("nobody", [])):
        found, after = [], None
        while True:
            page = kit.ledger.accounts(owner, after=after, limit=limit)
            assert len(page.accounts) <= limit
            found += [account.account_id for account in page.accounts]
            after = page.next_cursor
            if after is None:
                break
        assert found == sorted(expected)


def test_a_list_shows_accounts_as_they_are_now(kit):
    account_id = opened(kit).account_id
    kit.ledger.suspend(account_id, "why")
    (listed,) = kit.ledger.accounts("customer-1").accounts
    assert listed == kit.ledger.account(account_id)
    assert listed.standing == "suspended"


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "10", True])
def test_a_page_has_one_to_a_thousand_rows(kit, limit):
    account_id = kit.account().account_id
    for read in (
        lambda: kit.ledger.accounts(limit=limit),
        lambda: kit.ledger.history(account_id, limit=limit),
        lambda: kit.ledger.receipts(account_id, limit=limit),
    ):
        with pytest.raises(InvalidRequest) as refused:
            read()
        assert refused.value.field == "limit"


def test_a_history_is_read_page_by_page_without_gaps(kit):
    account_id = funded(kit)
    whole = kit.ledger.history(account_id)
    assert [recorded.version for recorded in whole] == list(range(1, len(whole) + 1))
    assert isinstance(whole[0].event, AccountOpened)
    pages, after = [], 0
    while page := kit.ledger.history(account_id, after=after, limit=2):
        pages += page
        after = page[-1].version
    assert pages == whole
    assert kit.ledger.account(account_id).version == len(whole)


def test_receipts_are_listed_in_order_a_page_at_a_time(kit):
    account_id = kit.account().account_id
    for number in range(3):
        pay(kit, account_id, str(number), f"{10 + number}.00")
        kit.clock.advance(timedelta(hours=1))
    assert [r.credit for r in kit.ledger.receipts(account_id)] == [gbp("10"), gbp("11"), gbp("12")]
    (first,) = kit.ledger.receipts(account_id, limit=1)
    assert first.credit == gbp("10")
    assert [r.credit for r in kit.ledger.receipts(account_id, after=first.version)] == [gbp("11"), gbp("12")]


def test_what_was_read_follows_from_the_log_alone(kit):
    account_id = funded(kit)
    kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="s")
    pay(kit, account_id, card_token="tok_pending")

    def everything():
        ledger = kit.ledger
        return ledger.balance(account_id), ledger.statement(account_id), ledger.receipts(account_id), ledger.accounts()

    before, told = everything(), []
    assert kit.ledger.rebuild(lambda done, of: told.append((done, of))) == len(topics(kit, account_id)) + 1
    assert everything() == before
    assert told[-1][0] == told[-1][1]


def test_currencies_without_and_with_three_decimals_work_from_quote_to_receipt(kit):
    for currency, country, amount, credit in (("JPY", "JP", "2200", "2000"), ("KWD", "KW", "10.125", "10.125")):
        account_id = opened(kit, currency=currency, country=country).account_id
        paid = kit.top_up(account_id, Money(amount, currency))
        receipt = kit.ledger.receipt(paid.transaction_id)
        assert (receipt.credit, receipt.total) == (Money(credit, currency), Money(amount, currency))
        assert str(kit.ledger.balance(account_id).total.amount) == credit


def test_a_ledger_that_was_closed_says_so():
    with ledger_kit() as kit:
        account_id = kit.account().account_id
        kit.ledger.close()
        with pytest.raises(StorageUnavailable, match="closed"):
            kit.ledger.balance(account_id)


def test_one_thing_where_a_list_is_wanted_is_refused_with_advice(kit):
    with pytest.raises(ConfigurationError, match="pass a list"):
        Ledger.open("sqlite://", gateways=kit.gateway)
    with pytest.raises(InvalidRequest, match="pass a list"):
        kit.ledger.estimate(kit.account().account_id, ONE_SEGMENT)
