"""What may come from outside into PostgreSQL: options in its address, and texts in its statements."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from moneyed import Money

from interact_ledger import Ledger, Settings
from interact_ledger.errors import ConfigurationError, StorageUnavailable
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import opened
from servers.postgres import Cluster

PASSWORD = "hunter2-correct-horse"
HASTY = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=1)})


def tables(server: Cluster) -> list[tuple[str, ...]]:
    return server.execute("SELECT schemaname, tablename FROM pg_tables ORDER BY 1, 2")


@pytest.mark.parametrize(
    "path",
    [
        "nowhere; DROP TABLE stored_events",
        'nowhere"; DROP SCHEMA public CASCADE; --',
        "nowhere'); SELECT pg_sleep(100); --",
        "nowhere -c search_path=pg_catalog",
        "$user; --",
    ],
)
def test_a_search_path_in_the_address_runs_nothing(postgres_server: Cluster, postgres_url: str, path: str):
    with Ledger.open(postgres_url, gateways=[]):
        before = tables(postgres_server)
    url = postgres_server.url(options=f"-c search_path={path}")
    with pytest.raises((StorageUnavailable, ConfigurationError)):
        Ledger.open(url, gateways=[], settings=HASTY)
    assert tables(postgres_server) == before


def test_a_server_that_refuses_the_user_shows_no_password(postgres_server: Cluster, caplog: pytest.LogCaptureFixture):
    for url in (
        postgres_server.url(user=f"nobody:{PASSWORD}"),
        postgres_server.url("no_such_database", user=f"postgres:{PASSWORD}"),
    ):
        with pytest.raises(StorageUnavailable) as refused:
            Ledger.open(url, gateways=[], settings=HASTY)
        assert PASSWORD not in f"{refused.value} {refused.value!r} {refused.value.__cause__} {caplog.text}"


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE stored_events; --",
        '" OR ""="',
        "%s %(x)s ?",
        "\\'",
        "$1",
        "{}",
        "ä'ö\"ü",
        "\N{ZERO WIDTH SPACE}'",
    ],
)
def test_text_is_a_value_and_never_a_statement(kit: LedgerKit, text: str):
    account_id = opened(kit, owner=text).account_id
    kit.ledger.suspend(account_id, text)
    assert kit.ledger.account(account_id).owner == text
    assert [account.account_id for account in kit.ledger.accounts(text).accounts] == [account_id]
    assert kit.ledger.audit().clean


@pytest.mark.parametrize("wanted", [0, 60, -1])
def test_no_time_limit_in_the_address_lets_a_silent_server_keep_a_command_beyond_its_deadline(wanted: int):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/ledger?connect_timeout={wanted}"
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            Ledger.open(url, gateways=[], settings=HASTY)
        assert time.monotonic() - began < 10  # the driver takes two seconds at the least for each of two tries


@pytest.mark.parametrize("setting", ["DateStyle=German", "client_encoding=LATIN1", "client_encoding=SQL_ASCII"])
def test_how_a_session_would_write_dates_and_texts_changes_nothing(postgres_url: str, setting: str):
    url = f"{postgres_url}%20-c%20{setting.replace('=', '%3D')}"
    with ledger_kit(url) as kit:
        account_id = opened(kit, owner="Łódź ✓").account_id
        quote = kit.ledger.checkout(account_id, Money("10.00", "GBP"))
        assert kit.ledger.checkout_summary(account_id, quote.quote_id) == quote
        assert kit.ledger.account(account_id).owner == "Łódź ✓"
        assert kit.ledger.audit().clean


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text_is_refused_before_money_depends_on_it(
    postgres_server: Cluster, encoding: str
):
    name = f"in_{encoding.lower()}"
    postgres_server.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ConfigurationError, match="UTF8"):
        Ledger.open(postgres_server.url(name), gateways=[])
    postgres_server.execute(f"DROP DATABASE {name}")
