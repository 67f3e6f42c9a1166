"""Webhooks as the gateway signs them: form fields over base64 over XML."""

from __future__ import annotations

import hashlib
import hmac
from base64 import encodebytes
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from servers.braintree.documents import write
from servers.braintree.objects import Event
from servers.braintree.web import PRIVATE_KEY, PUBLIC_KEY

__all__ = ["event_notice", "fields", "signed", "transaction_notice"]


def fields(
    kind: str,
    subject: dict[str, Any],
    moment: datetime,
    *,
    public_key: str = PUBLIC_KEY,
    private_key: str = PRIVATE_KEY,
) -> dict[str, str]:
    """Return the two form fields of a notification."""
    content = {"timestamp": moment, "kind": kind, "subject": subject}
    payload = encodebytes(write("notification", content).encode()).decode()
    key = hashlib.sha1(private_key.encode()).digest()
    signature = hmac.new(key, payload.encode(), hashlib.sha1).hexdigest()
    return {"bt_signature": f"{public_key}|{signature}", "bt_payload": payload}


def signed(kind: str, subject: dict[str, Any], moment: datetime, **keys: str) -> bytes:
    """Return the body of a webhook request."""
    return urlencode(fields(kind, subject, moment, **keys)).encode()


def event_notice(event: Event) -> bytes:
    """Return the webhook that tells of an event."""
    return signed(event.kind, event.subject, event.at)


def transaction_notice(kind: str, transaction: Any, moment: datetime) -> bytes:
    """Return a webhook about a transaction."""
    return signed(kind, {"transaction": transaction.document()}, moment)
