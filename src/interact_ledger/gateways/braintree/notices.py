"""Braintree's webhooks: two form fields, one of them signed with our private key.

The vendor's own check knows no age, takes the last of two fields of the same name, and takes a payload with and
without its last newline for two different ones. This one is stricter in all of that, and never laxer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.braintree.requests import operation_of
from interact_ledger.gateways.braintree.results import CAPTURED, reference_of_card
from interact_ledger.gateways.braintree.sdk import read_xml
from interact_ledger.gateways.protocol import Notice, NoticeSubject

__all__ = ["FUTURE", "PAST", "verified_notices"]

PAST = timedelta(hours=25)
"""Braintree goes on delivering a notice for a day, always with the time at which it happened."""
FUTURE = timedelta(minutes=5)

_REVOCATIONS = frozenset({"payment_method_revoked_by_customer", "granted_payment_method_revoked"})
_SIGNATURES = re.compile(r"[a-z0-9]+\|[0-9a-f]{40}(?:&[a-z0-9]+\|[0-9a-f]{40})*")
_PAYLOAD = re.compile(r"(?:[A-Za-z0-9+/]+\n)*[A-Za-z0-9+/]+={0,2}\n?")


def verified_notices(body: bytes, public_key: str, private_key: str, now: datetime) -> list[Notice]:
    """Return what an authentic, recent request tells: one notice, or none if it is the dashboard's test.

    Raises:
        NoticeRejected: for anything else, whatever is wrong with it.
    """
    try:
        signatures, payload = _fields(body)
        _verify(signatures, payload, public_key, private_key)
        content = read_xml(base64.b64decode(payload.replace("\n", ""), validate=True))["notification"]
        notice = _notice(content, payload)
    except NoticeRejected:
        raise
    except Exception as unreadable:  # noqa: BLE001 - strangers' bytes: whatever goes wrong with them is a no
        raise NoticeRejected(f"is not a notice ({type(unreadable).__name__})", field="body") from None
    if not now - PAST <= notice.occurred_at <= now + FUTURE:
        raise NoticeRejected("was signed too long ago or in the future", field="bt_payload")
    return [] if content["kind"] == "check" else [notice]


def _fields(body: bytes) -> tuple[str, str]:
    """Exactly the two fields, each once: which of two counts must not depend on who reads them."""
    if not isinstance(body, bytes):
        raise NoticeRejected("is not bytes", field="body")
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    if sorted(name for name, _ in pairs) != ["bt_payload", "bt_signature"]:
        raise NoticeRejected("must hold bt_signature and bt_payload, once each and nothing else", field="body")
    fields = dict(pairs)
    if not _SIGNATURES.fullmatch(fields["bt_signature"]) or not _PAYLOAD.fullmatch(fields["bt_payload"]):
        raise NoticeRejected("is malformed", field="body")
    return fields["bt_signature"], fields["bt_payload"]


def _verify(signatures: str, payload: str, public_key: str, private_key: str) -> None:
    """As the vendor does, allow for web servers that cut the last newline off a field."""
    key = hashlib.sha1(private_key.encode()).digest()  # noqa: S324 - the vendor's scheme
    for signed in (payload, payload + "\n"):
        expected = f"{public_key}|{hmac.new(key, signed.encode(), hashlib.sha1).hexdigest()}"
        if any(hmac.compare_digest(expected, signature) for signature in signatures.split("&")):
            return
    raise NoticeRejected("was not signed with our key", field="bt_signature")


def _notice(content: dict[str, Any], payload: str) -> Notice:
    """A notice has no id of its own: it is the same if its content is."""
    notice_id = hashlib.sha256(payload.removesuffix("\n").encode()).hexdigest()
    what = _about(content["kind"], content["subject"], notice_id)
    if not isinstance(what.reference, str) or not what.reference:
        raise NoticeRejected("names nothing", field="bt_payload")
    occurred_at = content["timestamp"]
    if not isinstance(occurred_at, datetime):
        raise NoticeRejected("bears no time", field="bt_payload")
    return Notice(
        notice_id=notice_id,
        subject=what.subject,
        reference=what.reference,
        operation_id=operation_of(what.order_id),
        occurred_at=occurred_at.replace(tzinfo=UTC),
        charge_reference=_named(what.charge),
        customer_id=_named(what.customer),
    )


class _About(NamedTuple):
    """What a notice is about, in our words."""

    subject: NoticeSubject
    reference: Any
    order_id: Any = None
    charge: Any = None
    customer: Any = None


def _about(kind: str, subject: dict[str, Any], notice_id: str) -> _About:
    """Say what a notice is about; whatever a saved card's token is, stays unsaid."""
    if kind == "refund_failed" or (kind.startswith("transaction_") and "transaction" in subject):
        return _about_transaction(subject["transaction"], is_refund=kind == "refund_failed")
    if kind.startswith("dispute_"):
        dispute = subject["dispute"]
        sale = dispute["transaction"]
        return _About(NoticeSubject.DISPUTE, dispute["id"], sale.get("order_id"), sale["id"])
    if kind in _REVOCATIONS:
        (revoked,) = subject.values()
        reference = reference_of_card(revoked["token"])
        return _About(NoticeSubject.CARD, reference, customer=revoked.get("customer_id"))
    return _About(NoticeSubject.OTHER, notice_id)


def _about_transaction(transaction: dict[str, Any], *, is_refund: bool) -> _About:
    refunded, order_id = transaction.get("refunded_transaction_id"), transaction.get("order_id")
    has_paid = transaction.get("status") in CAPTURED  # who only tried to is nobody's business
    customer = (transaction.get("customer") or {}).get("id") if has_paid else None
    if is_refund or refunded or transaction.get("type") == "credit":
        return _About(NoticeSubject.REFUND, transaction["id"], order_id, refunded, customer)
    return _About(NoticeSubject.CHARGE, transaction["id"], order_id, transaction["id"], customer)


def _named(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
