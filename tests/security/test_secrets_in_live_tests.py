"""The tests against the vendors, started with the wrong keys: they stop before a request, and print no key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "sk_live_51NotAKey0123456789"
LIVE = {
    "stripe": {"INTERACT_LEDGER_STRIPE_API_KEY": SECRET},
    "braintree": {
        "INTERACT_LEDGER_BRAINTREE_ENVIRONMENT": "production",
        "INTERACT_LEDGER_BRAINTREE_MERCHANT_ID": "merchant",
        "INTERACT_LEDGER_BRAINTREE_PUBLIC_KEY": "public",
        "INTERACT_LEDGER_BRAINTREE_PRIVATE_KEY": SECRET,
        "INTERACT_LEDGER_BRAINTREE_MERCHANT_ACCOUNTS": "GBP=acme_gbp",
    },
}


@pytest.mark.parametrize("vendor", LIVE)
def test_keys_that_move_real_money_are_refused_and_not_printed(vendor):
    tests = f"tests/gateways/{vendor}/test_{vendor}_live.py"
    command = [sys.executable, "-m", "pytest", "-n", "0", "-vv", "-l", "-p", "no:cacheprovider", "-m", "live", tests]
    # So small an environment that all of it is printed if any is.
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    run = subprocess.run(
        command, cwd=ROOT, env={**kept, **LIVE[vendor]}, capture_output=True, text=True, timeout=120, check=False
    )
    said = run.stdout + run.stderr
    assert SECRET not in said
    assert run.returncode == 1, said
    assert f"set INTERACT_LEDGER_{vendor.upper()}_" in said
    assert " passed" not in said
