"""Setting the adapter up: the environment, what is refused, and what is never shown."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import stripe
from stripe_helpers import charge, paid

from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.protocol import Gateway
from interact_ledger.gateways.stripe import StripeGateway
from servers.stripe import API_KEY
from stripe_bench import NOON, SECRET, SECRETS

KEY_NAME = "INTERACT_LEDGER_STRIPE_API_KEY"
SECRETS_NAME = "INTERACT_LEDGER_STRIPE_WEBHOOK_SECRETS"


def test_it_is_made_from_the_environment(bench):
    gateway = StripeGateway.from_env({KEY_NAME: f" {API_KEY}\n", SECRETS_NAME: f"{SECRETS[0]}, {SECRETS[1]},"})
    assert isinstance(gateway, Gateway)
    assert gateway.gateway_id == "stripe"
    assert gateway._secrets == SECRETS


def test_webhook_secrets_may_be_left_out():
    assert StripeGateway.from_env({KEY_NAME: "rk_live_1"})._secrets == ()


@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({}, KEY_NAME),
        ({KEY_NAME: ""}, KEY_NAME),
        ({KEY_NAME: "pk_live_publishable"}, KEY_NAME),
        ({KEY_NAME: "whsec_mistaken"}, KEY_NAME),
        ({KEY_NAME: "sk_test_with\nnewline"}, KEY_NAME),
        ({KEY_NAME: "sk_test_ключ"}, KEY_NAME),
        ({KEY_NAME: API_KEY, SECRETS_NAME: "sk_test_mistaken"}, SECRETS_NAME),
        ({KEY_NAME: API_KEY, SECRETS_NAME: f"{SECRET} {SECRET},pk_1"}, SECRETS_NAME),
    ],
)
def test_what_is_no_key_is_refused_by_name_and_never_repeated(environ, field):
    with pytest.raises(GatewayMisconfigured) as refused:
        StripeGateway.from_env(environ)
    assert refused.value.field == field
    for value in environ.values():
        assert not value or value not in str(refused.value)


@pytest.mark.parametrize("environ", [{}, {KEY_NAME: " "}])
def test_a_key_that_is_missing_is_said_to_be_missing(environ):
    with pytest.raises(GatewayMisconfigured, match="is not set"):
        StripeGateway.from_env(environ)


@pytest.mark.parametrize("arguments", [{"api_key": "pk_1"}, {"api_key": None}, {"webhook_secrets": ["pk_1"]}])
def test_the_constructor_refuses_the_same(arguments):
    with pytest.raises(GatewayMisconfigured):
        StripeGateway(**{"api_key": API_KEY, **arguments})


def test_one_secret_instead_of_several_is_refused():
    with pytest.raises(GatewayMisconfigured):
        StripeGateway(API_KEY, webhook_secrets=SECRET)


def test_it_shows_and_pickles_nothing():
    gateway = StripeGateway(API_KEY, webhook_secrets=SECRETS)
    assert repr(gateway) == str(gateway) == "StripeGateway()"
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="holds secrets"):
            copied(gateway)


def test_nothing_of_a_request_is_logged_and_another_use_of_the_sdk_is_logged_as_ever(bench, caplog):
    with caplog.at_level(logging.DEBUG):
        paid(bench, save_card=True)
        charge(bench, "att_2", "pm_card_chargeDeclined")
        assert [record for record in caplog.records if record.name != "werkzeug"] == []
        own = stripe.StripeClient(API_KEY, base_addresses={"api": bench.server.address}, max_network_retries=0)
        own.v1.payment_intents.list()
    assert {"stripe", "urllib3.connectionpool"} <= {record.name for record in caplog.records}


def test_no_identifier_of_this_machine_is_left_behind(bench, tmp_path, monkeypatch):
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    paid(bench)
    assert list(tmp_path.rglob("*")) == []


def test_the_library_alone_does_not_import_the_sdk():
    program = "import sys, interact_ledger; sys.exit('stripe' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path.cwd(), check=False).returncode == 0


def test_its_capabilities_are_within_what_stripe_promises():
    can = StripeGateway(API_KEY).capabilities
    assert can.replay_window.total_seconds() < 24 * 3600
    assert can.settles_within.total_seconds() > 30
    assert {"GBP", "EUR", "USD", "JPY", "ISK", "KWD"} <= set(can.currencies)
    assert NOON + can.safe_delay > NOON
