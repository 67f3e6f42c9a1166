"""Identifiers of our own: a word that says what it names, an underscore, 26 characters of Crockford's base 32.

Accounts, quotes and cards get random ones. An operation's is *derived* from its account and idempotency key,
so that one look-up answers both "was this done already?" and "what became of it?".
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Protocol

__all__ = ["IdSource", "RandomIds", "derived_id", "is_own_id", "operation_id", "request_fingerprint"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_OWN_ID = re.compile(r"[a-z]{2,12}_[0-9a-hjkmnp-tv-z]{26}(\.[0-9]{1,4})?")


class IdSource(Protocol):
    """Where random identifiers come from; a simulation supplies a seeded one."""

    def new(self, kind: str) -> str: ...


class RandomIds:
    """Identifiers from the operating system's random source: 130 bits each."""

    def new(self, kind: str) -> str:
        """Return a fresh identifier such as `acct_7zzzzzzzzzzzzzzzzzzzzzzzzz`."""
        identifier = f"{kind}_{_base32(secrets.randbits(_LENGTH * 5))}"
        assert is_own_id(identifier), "a kind is two to twelve lower-case letters"
        return identifier


def derived_id(kind: str, *parts: str) -> str:
    """Return the identifier that follows from the parts, the same on every call and machine."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return f"{kind}_{_base32(int.from_bytes(digest) >> (256 - _LENGTH * 5))}"


def operation_id(account_id: str, idempotency_key: str) -> str:
    """Return the transaction ID that this key has on this account.

    The key has passed `free_text`, which refuses the NUL that parts it from the account here.
    """
    return derived_id("txn", account_id, idempotency_key)


def request_fingerprint(verb: str, *arguments: object) -> str:
    """Return a short digest of a request, by which a repeat is told from another request under the same key."""
    return hashlib.sha256(repr((verb, arguments)).encode()).hexdigest()[:32]


def is_own_id(text: str) -> bool:
    """Say whether the whole text has the form of an identifier of ours."""
    return _OWN_ID.fullmatch(text) is not None


def _base32(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range((_LENGTH - 1) * 5, -1, -5))
