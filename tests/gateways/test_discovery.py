"""Adapters are found by entry point, and say what they miss."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from interact_ledger.errors import ConfigurationError
from interact_ledger.gateways import discovery


def test_an_adapter_whose_library_is_not_installed_says_which(monkeypatch):
    absent = EntryPoint("stripe", "nowhere_to_be_found:Gateway", discovery.ENTRY_POINT_GROUP)
    monkeypatch.setattr(discovery, "entry_points", lambda **asked: EntryPoints([absent]).select(**asked))
    with pytest.raises(ConfigurationError, match="needs 'nowhere_to_be_found'"):
        discovery.gateway_from_env("stripe", {})


@pytest.mark.parametrize(
    ("name", "cure"),
    [("stripe", r'pip install "interact_ledger\[stripe\]"'), ("acme", "install the package interact_ledger again")],
)
def test_what_to_do_about_it_is_said(name, cure, monkeypatch):
    (installed,) = discovery.entry_points(group=discovery.ENTRY_POINT_GROUP, name="stripe")
    absent = EntryPoint(name, "nowhere_to_be_found:Gateway", discovery.ENTRY_POINT_GROUP)._for(installed.dist)
    monkeypatch.setattr(discovery, "entry_points", lambda **asked: EntryPoints([absent]).select(**asked))
    with pytest.raises(ConfigurationError, match=cure):
        discovery.gateway_from_env(name, {})


def test_stripe_is_found_and_made_from_the_environment():
    gateway = discovery.gateway_from_env("stripe", {"INTERACT_LEDGER_STRIPE_API_KEY": "sk_test_example"})
    assert gateway.gateway_id == "stripe"
