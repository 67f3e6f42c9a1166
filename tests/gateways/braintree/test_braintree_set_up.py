"""Opening the gateway, and that nothing secret gets out of it."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from braintree_helpers import ACCOUNT, charged, paid, payment, refund_of, saved, saving

from braintree_bench import ACCOUNTS, NOON, gateway_at, opened_bench
from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayError, GatewayMisconfigured, LedgerError
from interact_ledger.gateways.braintree import BraintreeGateway, calls
from interact_ledger.gateways.braintree.merchant import settings_from_env
from interact_ledger.gateways.protocol import Gateway, NewCard
from servers.braintree import PRIVATE_KEY, WireFault

PREFIX = "INTERACT_LEDGER_BRAINTREE_"
ENVIRON = {
    f"{PREFIX}ENVIRONMENT": "sandbox",
    f"{PREFIX}MERCHANT_ID": "merchant",
    f"{PREFIX}PUBLIC_KEY": "public",
    f"{PREFIX}PRIVATE_KEY": "private0secret",
    f"{PREFIX}MERCHANT_ACCOUNTS": "GBP=acme_gbp, EUR=acme_eur",
}


def test_the_adapter_is_a_gateway(bench):
    assert isinstance(bench.gateway, Gateway)
    assert bench.gateway.gateway_id == "braintree"
    assert set(bench.gateway.capabilities.currencies) == set(ACCOUNTS)


@pytest.mark.parametrize(
    ("accounts", "told"),
    [
        ({"GBP": "acme_eur"}, "in another currency"),
        ({"GBP": "acme_gbp", "EUR": "acme_jpy"}, "for EUR is in another currency"),
        ({"GBP": "nobody"}, "names no merchant account for GBP"),
        ({"GBP": "../../other"}, "names no merchant account for GBP"),
        ({"KWD": "acme_gbp"}, "KWD is not a currency"),
        ({}, "at least one"),
    ],
)
def test_a_merchant_account_in_another_currency_is_refused_at_the_start(bench, accounts, told):
    with pytest.raises(GatewayMisconfigured, match=told):
        gateway_at(bench.server.port, bench.clock, merchant_accounts=accounts)


def test_a_gateway_that_cannot_be_asked_at_the_start_is_not_opened(bench):
    bench.server.refuse()
    with pytest.raises(GatewayError) as raised:
        gateway_at(bench.server.port, bench.clock)
    assert type(raised.value) is GatewayError


@pytest.mark.parametrize(
    "wrong",
    [
        {"private_key": "wrong"},
        {"merchant_id": "another"},
        {"public_key": ""},
        {"private_key": "é"},
        {"merchant_id": "a/b"},
        {"environment": "elsewhere"},
    ],
)
def test_wrong_credentials_are_refused_and_never_repeated(bench, wrong):
    with pytest.raises(GatewayMisconfigured) as raised:
        gateway_at(bench.server.port, bench.clock, **wrong)
    (value,) = wrong.values()
    assert not value or value not in str(raised.value)


def test_the_environment_is_read_into_arguments():
    assert settings_from_env(ENVIRON) == {
        "environment": "sandbox",
        "merchant_id": "merchant",
        "public_key": "public",
        "private_key": "private0secret",
        "merchant_accounts": {"GBP": "acme_gbp", "EUR": "acme_eur"},
        "request_keys": True,
    }
    assert settings_from_env(ENVIRON | {f"{PREFIX}REQUEST_KEYS": "off"})["request_keys"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "") for name in ("ENVIRONMENT", "MERCHANT_ID", "PUBLIC_KEY", "PRIVATE_KEY", "MERCHANT_ACCOUNTS")),
        *(("MERCHANT_ACCOUNTS", value) for value in ("private0secret", "GBP=", "GBP=a,GBP=b", ",", "GBP")),
        ("ENVIRONMENT", "private0secret"),
        ("REQUEST_KEYS", "private0secret"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named_and_its_value_is_not(name, value):
    with pytest.raises(GatewayMisconfigured) as raised:
        BraintreeGateway.from_env(ENVIRON | {PREFIX + name: value})
    assert raised.value.field == PREFIX + name
    assert "private0secret" not in str(raised.value)


def test_no_secret_shows_in_a_repr_a_log_an_error_or_a_pickle(bench, caplog):
    """The whole story at debug level, with faults; then everything that was logged, returned or raised is searched."""
    seen: list[object] = [bench.gateway, bench.gateway.capabilities]
    nonce, other = bench.books.nonce(), bench.books.nonce()
    with caplog.at_level(logging.DEBUG):
        seen.append(bench.gateway.save(saving(bench), NewCard(nonce)))
        card = saved(bench, name="2")
        for fault in (*WireFault, None):
            if fault not in {None, WireFault.HANG}:
                bench.server.fail_next("charge", fault)
                bench.server.fail_next("forget", WireFault.BEFORE)
            try:
                seen.append(charged(bench, NewCard(other), f"{fault}"))
                seen.append(bench.gateway.forget(card, ACCOUNT))
            except LedgerError as error:
                seen += [error, error.__cause__, error.__context__]
        seen.append(bench.gateway.find_card(saving(bench)))
        seen.append(bench.gateway.refund(refund_of(bench, paid(bench, name="last"))))
        with pytest.raises(LedgerError) as raised:
            charged(bench, NewCard("4111-no-such-nonce"), "unknown")
        seen += [raised.value, repr(raised.value)]
    text = caplog.text + "".join(f"{thing!r}{thing}" for thing in seen)
    assert "/payment_methods/any/***" in text
    for secret in (PRIVATE_KEY, nonce, other, card.token, "4111-no-such-nonce", *bench.books.vault):
        assert secret not in text
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(bench.gateway)


def test_a_closed_gateway_connects_again(bench):
    paid(bench)
    sdk = bench.gateway._connection.sdk
    assert hasattr(sdk.config.http_strategy()._thread_local, "session")
    bench.gateway.close()
    assert not hasattr(sdk.config.http_strategy()._thread_local, "session")
    paid(bench, name="2")


def test_several_threads_may_charge_one_attempt_at_once(bench):
    request, card = payment(bench), NewCard(bench.books.nonce())
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: bench.gateway.charge(request, card), range(8)))
    assert len(bench.captured()) == 1
    assert len(set(results)) == 1


IMPORTS = """
import sys, interact_ledger, interact_ledger.gateways
assert not [name for name in sys.modules if name.split(".")[0] in {"braintree", "requests"}]
import interact_ledger.gateways.braintree
assert "braintree" in sys.modules
"""


def test_the_sdk_is_imported_with_the_adapter_only_and_without_a_warning():
    done = subprocess.run([sys.executable, "-W", "error", "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


MISSING = """
import sys
sys.modules["braintree"] = None
from interact_ledger.errors import GatewayMisconfigured
try:
    import interact_ledger.gateways.braintree
except GatewayMisconfigured as told:
    print(told)
"""


def test_without_the_sdk_it_is_said_how_to_install_it():
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True)
    assert "interact_ledger[braintree]" in done.stdout


def test_a_closed_port_and_a_silent_name_are_told_apart_from_a_lost_answer():
    with opened_bench() as opened:
        opened.server.refuse()
        with pytest.raises(GatewayError, match="no connection could be made"):
            gateway_at(opened.server.port, MovableClock(NOON))


def test_tries_are_counted_and_only_so_many_remembered(monkeypatch):
    monkeypatch.setattr(calls, "_REMEMBERED_MAX", 2)
    tries = calls.Tries()
    assert [tries.begin("a"), tries.begin("a"), tries.begin("b")] == [False, True, False]
    tries.discard("a")
    assert "a" in tries  # the other try may have arrived
    tries.discard("a")
    assert "a" not in tries
    tries.begin("a")
    tries.begin("c")
    assert [name in tries for name in "abc"] == [True, False, True]


def test_several_threads_without_request_keys_send_one_attempt_once(keyless):
    request, card = payment(keyless), saved(keyless)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: keyless.gateway.charge(request, card), range(8)))
    assert len(keyless.captured()) == 1
    assert sorted(type(result).__name__ for result in results) == ["Succeeded", *["Unknown"] * 7]
