"""Pays top-ups with gift vouchers: an adapter in a package of its own, found by its entry point.

Nothing is saved and nothing is paid back, so that the capabilities say so and the methods refuse it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NoReturn, Self

from moneyed import Money
from voucher_office import Redemption, VoucherOffice, signature

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import GatewayInvalidRequest, GatewayMisconfigured, GatewayUnsupported, NoticeRejected
from interact_ledger.gateways.protocol import (
    Advice,
    Begun,
    Cancelled,
    Capabilities,
    CardDetails,
    CardFunding,
    ChargeRequest,
    ChargeResult,
    CurrencyTerms,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    Notice,
    NoticeSubject,
    PaymentSource,
    Succeeded,
    Unknown,
)

__all__ = ["VoucherGateway"]

UNITS = {"GBP": 100, "EUR": 100, "JPY": 1, "KWD": 1000}
"""How many of the office's units one pound, euro, yen and dinar have."""

CAPABILITIES = Capabilities(
    currencies={
        currency: CurrencyTerms(step=1 / Decimal(units), minimum=1 / Decimal(units), maximum=Decimal(5_000))
        for currency, units in UNITS.items()
    },
    countries=None,
    brands=frozenset({"voucher"}),
    saves_cards=False,
    saves_without_charging=False,
    refunds=False,
    partial_refunds=False,
    refunds_before_settlement=False,
    tells_after_capture=False,
    sends_every_notice=True,
    replay_window=timedelta(days=3650),
    settles_within=timedelta(seconds=30),
    lookup_lag=timedelta(0),
)

REFUSALS = {
    "not enough on it": (DeclineReason.INSUFFICIENT_FUNDS, Advice.NEW_METHOD),
    "no such voucher": (DeclineReason.INCORRECT_DETAILS, Advice.NEW_METHOD),
    "expired": (DeclineReason.EXPIRED_CARD, Advice.NEVER),
    "stolen": (DeclineReason.LOST_OR_STOLEN, Advice.NEVER),
}
OTHER_REFUSAL = (DeclineReason.OTHER, Advice.NEW_METHOD)
TOLERANCE = timedelta(minutes=5)


class VoucherGateway:
    """Takes gift vouchers of one office; the code that the customer typed is the one-time token."""

    gateway_id = "voucher"
    capabilities = CAPABILITIES

    def __init__(self, office: VoucherOffice, secret: str, clock: Clock | None = None) -> None:
        self._office = office
        self._secret = secret
        self._clock = clock or SystemClock()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Open the office in the file VOUCHER_OFFICE, whose webhooks are signed with VOUCHER_SECRET."""
        try:
            return cls(VoucherOffice(environ["VOUCHER_OFFICE"], SystemClock()), environ["VOUCHER_SECRET"])
        except KeyError as missing:
            raise GatewayMisconfigured(f"set {missing.args[0]}", field="environ") from None

    # Charging ---------------------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        return account_id  # the office knows no customers

    def begin(self, request: ChargeRequest) -> None:
        return None  # there is no such step: a voucher is taken at once

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if request.save_card or not isinstance(source, NewCard):
            raise GatewayUnsupported("vouchers cannot be saved", field="save_card")
        units, currency = _units(request.amount), request.amount.currency.code
        if self._clock.now() >= request.send_before:
            return NotAttempted(why="send_before has passed")
        try:
            taken = self._office.redeem(request.attempt_id, source.token, units, currency, request.transaction_id)
        except ConnectionRefusedError:
            return NotAttempted(why="the connection was refused")
        except TimeoutError:
            return Unknown(why="the request timed out")
        except ValueError:
            raise GatewayInvalidRequest("was used before with other parameters", field="attempt_id") from None
        return _result(taken)

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        try:
            found = self._office.find(request.attempt_id)
        except OSError:
            return Indeterminate(why="the office could not be asked")
        return NotFound() if found is None else Found(_result(found))

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        try:
            return _result(self._office.void(request.attempt_id, request.transaction_id))
        except ConnectionRefusedError:
            return NotAttempted(why="the connection was refused")
        except TimeoutError:
            return Unknown(why="the request timed out")

    # Notices ----------------------------------------------------------------------------------------------------

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        signed = next((text for name, text in headers.items() if name.lower() == "voucher-signature"), "")
        if re.fullmatch(r"[0-9]{1,11}\.[0-9a-f]{64}", signed) is None:
            raise NoticeRejected("is missing or malformed", field="Voucher-Signature")
        now = self._clock.now()
        moment = datetime.fromtimestamp(int(signed.partition(".")[0]), now.tzinfo)
        if not hmac.compare_digest(signature(body, self._secret, moment), signed):
            raise NoticeRejected("is not the office's", field="Voucher-Signature")
        if abs(now - moment) > TOLERANCE:
            raise NoticeRejected("is too old or from the future", field="Voucher-Signature")
        told = json.loads(body)  # the office signed it, so it is what the office writes
        notice = Notice(
            notice_id=f"{told['key']} {told['at']}",
            subject=NoticeSubject.CHARGE,
            reference=told["key"],
            operation_id=told["note"] or None,
            occurred_at=datetime.fromisoformat(told["at"]),
        )
        return [notice]

    # What the capabilities deny ---------------------------------------------------------------------------------

    def save(self, *_: object, **__: object) -> NoReturn:
        raise GatewayUnsupported("vouchers cannot be saved")

    complete_save = cancel_save = find_card = forget = find_saved_card = save

    def refund(self, *_: object, **__: object) -> NoReturn:
        raise GatewayUnsupported("vouchers are not paid back")

    find_refund = find_after_capture = refund


def _units(amount: Money) -> int:
    """Return an amount in the office's units, if it is within the terms."""
    terms = CAPABILITIES.currencies.get(amount.currency.code)
    if terms is None or not terms.minimum <= amount.amount <= terms.maximum or amount.amount % terms.step:
        raise GatewayInvalidRequest("is not an amount that the office takes", field="amount")
    return int(amount.amount * UNITS[amount.currency.code])


def _result(redemption: Redemption) -> ChargeResult:
    if redemption.state == "void":
        return Cancelled(reference=redemption.key)
    if redemption.state != "taken":
        reason, advice = REFUSALS.get(redemption.state, OTHER_REFUSAL)
        return Declined(reason=reason, advice=advice, raw_code=redemption.state, reference=redemption.key)
    return Succeeded(
        reference=redemption.key,
        amount=Money(Decimal(redemption.units) / UNITS[redemption.currency], redemption.currency),
        captured_at=datetime.fromisoformat(redemption.moved_at),
        card=CardDetails(
            brand="voucher",
            last_four=f"{redemption.number:04}"[-4:],
            expiry_month=12,
            expiry_year=2099,
            funding=CardFunding.PREPAID,
        ),
    )
