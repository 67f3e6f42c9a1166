"""What credentials look like: keys of gateways, secrets of webhooks, passwords in addresses, private keys.

Sooner or later somebody pastes one into a reference or a reason, from where it would go into the log for ever. Only
what carries its own mark is recognised; a bare password, or a key without a prefix (Braintree's are 32 hexadecimal
digits, as a UUID is), looks like any other text.
"""

from __future__ import annotations

import re

__all__ = ["looks_like_credential"]

_MARKS = ("_live_", "_test_", "whsec_", "access_token$", "://", "PRIVATE KEY")
"""One of these is in each of the forms below: so that a text without any costs next to nothing."""

_FORMS = re.compile(
    r"[rs]k_(?:live|test)_[0-9A-Za-z]{8}"  # Stripe's secret and restricted keys
    r"|whsec_[0-9A-Za-z+/=]{8}"  # the secret that a webhook is signed with
    r"|access_token\$[a-z]{1,20}\$[0-9a-z]{8}"  # Braintree's access tokens
    r"|://[^\s/@:]{0,200}:[^\s/@]{1,200}@"  # user and password before a host
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY"
)


def looks_like_credential(text: str) -> bool:
    """Say whether the text holds something with the form of a credential."""
    return any(mark in text for mark in _MARKS) and _FORMS.search(text) is not None
