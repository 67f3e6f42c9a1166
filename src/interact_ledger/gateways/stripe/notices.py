"""Stripe's webhooks: verified here, over the raw bytes, because the SDK's own check lets the future pass.

The header `Stripe-Signature: t=<Unix seconds>,v1=<hex>[,v1=<hex>]` carries an HMAC-SHA256 over `<t>.<raw body>`, with
two of them while a secret is being rotated. Other schemes (`v0`) are for test mode and prove nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.protocol import Notice, NoticeSubject
from interact_ledger.gateways.stripe.requests import OPERATION
from interact_ledger.gateways.stripe.results import UNREADABLE
from interact_ledger.ids import derived_id

__all__ = ["SIGNATURE_HEADER", "TOLERANCE", "verified_notice"]

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE = timedelta(minutes=5)
"""How far a signed time may lie from the present, past or future."""

_HEADER = re.compile(r"t=([0-9]{1,12})((?:,v[0-9]=[0-9a-f]{64}){1,10})")
_CARD_CHANGES = frozenset({"payment_method.detached", "payment_method.updated", "payment_method.automatically_updated"})
_TEXT_MAX = 500


def verified_notice(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> Notice:
    """Return the notice, if one of `secrets` signed these very bytes within `TOLERANCE` of `now`.

    Raises:
        NoticeRejected: for anything else, however malformed.
    """
    if not isinstance(body, bytes) or not isinstance(headers, Mapping):
        raise NoticeRejected("is not bytes with a mapping of headers", field="body")
    timestamp, signatures = _signed_parts(headers)
    if not any(_signed_with(secret, timestamp, body, signatures) for secret in secrets):
        raise NoticeRejected("was not signed with a secret of ours", field=SIGNATURE_HEADER)
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise NoticeRejected("was signed too long ago or in the future", field=SIGNATURE_HEADER)
    return _parsed(body)


def _signed_parts(headers: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Two headers of that name are refused: which one counts must not depend on who reads them."""
    values = [v for name, v in headers.items() if isinstance(name, str) and name.lower() == SIGNATURE_HEADER.lower()]
    match = _HEADER.fullmatch(values[0]) if len(values) == 1 and isinstance(values[0], str) else None
    signatures = re.findall(r",v1=([0-9a-f]{64})", match[2]) if match else []
    if match is None or not signatures:
        raise NoticeRejected("is missing, repeated or malformed", field=SIGNATURE_HEADER)
    return match[1], signatures


def _signed_with(secret: str, timestamp: str, body: bytes, signatures: Sequence[str]) -> bool:
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(expected, signature) for signature in signatures)


def _parsed(body: bytes) -> Notice:
    try:
        event = json.loads(body.decode())
        return _notice(event, event["data"]["object"])
    except (*UNREADABLE, RecursionError) as unreadable:
        # The cause may quote the body, which is nobody's business in a log.
        raise NoticeRejected(f"is not an event ({type(unreadable).__name__})", field="body") from None


class _About(NamedTuple):
    """What an event is about, in our words."""

    subject: NoticeSubject
    reference: object
    charge: object = None
    customer: object = None


def _notice(event: dict[str, Any], about: dict[str, Any]) -> Notice:
    what = _about(event, about)
    operation_id = (about.get("metadata") or {}).get(OPERATION)
    return Notice(
        notice_id=_text(event["id"]),
        subject=what.subject,
        reference=_text(what.reference),
        operation_id=None if operation_id is None or what.subject is NoticeSubject.OTHER else _text(operation_id),
        occurred_at=datetime.fromtimestamp(_seconds(event["created"]), UTC),
        charge_reference=None if what.charge is None else _text(what.charge),
        customer_id=None if what.customer is None else _text(what.customer),
    )


def _about(event: dict[str, Any], about: dict[str, Any]) -> _About:
    """Only what the ledger could look up is named; all else, a saved card's token included, stays unsaid.

    A payment's customer is named once there is money: what was only begun or declined by hand is nobody's business.
    """
    match _text(about["object"]):
        case "payment_intent":
            captured = about.get("status") == "succeeded"
            return _charged(about["id"], about, captured=captured)
        case "charge":
            payment = about.get("payment_intent")
            return _charged(payment or about["id"], about, captured=about.get("captured") is True)
        case "setup_intent":
            return _About(NoticeSubject.CARD, about["id"], customer=about.get("customer"))
        case "refund":
            return _About(NoticeSubject.REFUND, about["id"], about.get("payment_intent"), about.get("customer"))
        case "dispute":
            return _About(NoticeSubject.DISPUTE, about["id"], about.get("payment_intent"))
        case "payment_method" if event.get("type") in _CARD_CHANGES:
            before = event["data"].get("previous_attributes") or {}
            customer = about.get("customer") or before.get("customer")
            return _About(NoticeSubject.CARD, derived_id("crd", "stripe", _text(about["id"])), customer=customer)
        case "customer" if event.get("type") == "customer.deleted":
            return _About(NoticeSubject.CARD, event["id"], customer=about["id"])
    return _About(NoticeSubject.OTHER, event["id"])


def _charged(reference: object, about: dict[str, Any], *, captured: bool) -> _About:
    if not captured:
        return _About(NoticeSubject.CHARGE, reference)
    return _About(NoticeSubject.CHARGE, reference, reference, about.get("customer"))


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX or not value.isprintable():
        raise ValueError("not a name")
    return value


def _seconds(value: object) -> int:
    if type(value) is not int:
        raise ValueError("not a time")
    return value
