"""The service that the voucher gateway talks to: it sells gift vouchers, and takes them in payment.

A stand-in: what are methods here would be requests over the network, each of which may raise `ConnectionRefusedError`
(surely not sent) or `TimeoutError` (who knows). It remembers in an SQLite file, so that it outlives its clients.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from interact_ledger.clock import Clock, iso

__all__ = ["Redemption", "VoucherOffice", "signature"]

_TABLES = """
CREATE TABLE IF NOT EXISTS vouchers (
    code TEXT, currency TEXT, left INTEGER, trouble TEXT, PRIMARY KEY (code, currency)
);
CREATE TABLE IF NOT EXISTS redemptions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, request TEXT, note TEXT, units INTEGER, currency TEXT,
    state TEXT, moved_at TEXT
);
"""


@dataclass(frozen=True)
class Redemption:
    """A request to take a voucher in payment, and what became of it."""

    number: int
    key: str
    request: str | None
    """A digest of what was asked for, None if it was only ever called off."""
    note: str
    """Whatever the client wants to find it by."""
    units: int
    currency: str
    state: str
    """`taken`, `void`, or why it was refused."""
    moved_at: str


class VoucherOffice:
    """Sells vouchers and takes them back, each request once by its key."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(_TABLES)
        self._lock = threading.Lock()
        self._clock = clock

    def close(self) -> None:
        self._connection.close()

    def sell(self, code: str, currency: str, units: int, trouble: str | None = None) -> None:
        """Put an amount on a voucher, or bring it into trouble: expired, stolen."""
        self._connection.execute("INSERT INTO vouchers VALUES (?, ?, ?, ?)", (code, currency, units, trouble))

    def redeem(self, key: str, code: str, units: int, currency: str, note: str) -> Redemption:
        """Take a voucher in payment; the same key again tells what became of it, unless another request bears it."""
        request = hashlib.sha256(repr((code, units, currency, note)).encode()).hexdigest()
        with self._alone():
            known = self.find(key)
            if known is None:
                return self._add(key, request, note, units, currency, self._take(code, units, currency))
            if known.request not in {None, request}:
                raise ValueError("this key was used for another request")
            return known

    def void(self, key: str, note: str) -> Redemption:
        """Call a request off, even one that never came; one that was taken or refused stays as it is."""
        with self._alone():
            return self.find(key) or self._add(key, None, note, 0, "", "void")

    def find(self, key: str) -> Redemption | None:
        return next((redemption for redemption in self.redemptions() if redemption.key == key), None)

    def redemptions(self) -> list[Redemption]:
        rows = self._connection.execute("SELECT * FROM redemptions ORDER BY number").fetchall()
        return [Redemption(*row) for row in rows]

    def webhook(self, redemption: Redemption, secret: str) -> tuple[bytes, dict[str, str]]:
        """Return the body and the headers with which the office tells of a redemption now."""
        body = json.dumps({"key": redemption.key, "note": redemption.note, "at": redemption.moved_at}).encode()
        return body, {"Voucher-Signature": signature(body, secret, self._clock.now())}

    def _take(self, code: str, units: int, currency: str) -> str:
        asked = (code, currency)
        voucher = self._connection.execute("SELECT left, trouble FROM vouchers WHERE (code, currency) = (?, ?)", asked)
        left, trouble = voucher.fetchone() or (0, "no such voucher")
        if trouble or left < units:
            return trouble or "not enough on it"
        self._connection.execute("UPDATE vouchers SET left = left - ? WHERE (code, currency) = (?, ?)", (units, *asked))
        return "taken"

    def _add(self, key: str, request: str | None, note: str, units: int, currency: str, state: str) -> Redemption:
        row = (key, request, note, units, currency, state, iso(self._clock.now()))
        sql = "INSERT INTO redemptions (key, request, note, units, currency, state, moved_at) VALUES (?,?,?,?,?,?,?)"
        number = self._connection.execute(sql, row).lastrowid
        return Redemption(number or 0, *row)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")


def signature(body: bytes, secret: str, moment: datetime) -> str:
    """Sign a body at a moment: Unix seconds, a dot, and a hexadecimal HMAC over both."""
    seconds = str(int(moment.timestamp()))
    return f"{seconds}.{hmac.new(secret.encode(), seconds.encode() + b'.' + body, hashlib.sha256).hexdigest()}"
