"""How the sandbox signs its notices (webhooks) and how the adapter verifies them.

The header `Sandbox-Signature: t=<Unix seconds>,v1=<hex>` carries an HMAC-SHA256 over `<t>.<raw body>`. The age is
checked in both directions: a signed time in the future is as suspect as one long past.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interact_ledger.clock import iso
from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.protocol import Notice, NoticeSubject

__all__ = ["SIGNATURE_HEADER", "TOLERANCE", "Delivery", "notice_body", "signature_headers", "verified_notice"]

SIGNATURE_HEADER = "Sandbox-Signature"
TOLERANCE = timedelta(minutes=5)
"""How far a signed time may lie from the present, past or future."""

_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook request as the sandbox would send it now."""

    notice_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def notice_body(notice: Notice) -> bytes:
    """Write a notice as the sandbox sends it: the same bytes on each delivery."""
    content = {
        "id": notice.notice_id,
        "subject": notice.subject,
        "reference": notice.reference,
        "operation_id": notice.operation_id,
        "occurred_at": iso(notice.occurred_at),
        "charge_reference": notice.charge_reference,
        "customer_id": notice.customer_id,
    }
    return json.dumps(content, sort_keys=True).encode()


def signature_headers(body: bytes, secret: str, moment: datetime) -> dict[str, str]:
    """Sign a body at a moment."""
    timestamp = str(int(moment.timestamp()))
    return {SIGNATURE_HEADER: f"t={timestamp},v1={_signature(secret, timestamp, body)}"}


def verified_notice(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> Notice:
    """Return the notice, if one of `secrets` signed these very bytes within `TOLERANCE` of `now`.

    Raises:
        NoticeRejected: for anything else, however malformed.
    """
    if not isinstance(body, bytes) or not isinstance(headers, Mapping):
        raise NoticeRejected("is not bytes with a mapping of headers", field="body")
    timestamp, signature = _signed_parts(headers)
    if not any(hmac.compare_digest(_signature(secret, timestamp, body), signature) for secret in secrets):
        raise NoticeRejected("was not signed with a secret of ours", field=SIGNATURE_HEADER)
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise NoticeRejected("was signed too long ago or in the future", field=SIGNATURE_HEADER)
    return _parsed(body)


def _signed_parts(headers: Mapping[str, str]) -> tuple[str, str]:
    """Two headers of that name are refused: which one counts must not depend on who reads them."""
    values = [v for name, v in headers.items() if isinstance(name, str) and name.lower() == SIGNATURE_HEADER.lower()]
    match = _SIGNATURE.fullmatch(values[0]) if len(values) == 1 and isinstance(values[0], str) else None
    if match is None:
        raise NoticeRejected("is missing, repeated or malformed", field=SIGNATURE_HEADER)
    return match[1], match[2]


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _parsed(body: bytes) -> Notice:
    try:
        content = json.loads(body.decode("ascii"))
        notice = Notice(
            notice_id=content["id"],
            subject=NoticeSubject(content["subject"]),
            reference=content["reference"],
            operation_id=content["operation_id"],
            occurred_at=datetime.fromisoformat(content["occurred_at"]),
            charge_reference=content.get("charge_reference"),
            customer_id=content.get("customer_id"),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as unreadable:
        # The cause may quote the body, which is nobody's business in a log.
        raise NoticeRejected(f"is not a notice ({type(unreadable).__name__})", field="body") from None
    hints = (notice.operation_id, notice.charge_reference, notice.customer_id)
    texts = (notice.notice_id, notice.reference, *(hint or "" for hint in hints))
    if not all(isinstance(text, str) for text in texts) or notice.occurred_at.tzinfo is None:
        raise NoticeRejected("is not a notice", field="body")
    return notice
