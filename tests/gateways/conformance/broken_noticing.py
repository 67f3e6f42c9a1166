"""Gateways that trust too many notices, or show too much, each in one way."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from kit_runner import Broken, breaks

from interact_ledger.errors import GatewayError, GatewayInvalidRequest, NoticeRejected
from interact_ledger.gateways.protocol import ChargeRequest, ChargeResult, Notice, NoticeSubject, PaymentSource
from interact_ledger.gateways.sandbox.notices import SIGNATURE_HEADER, verified_notice

_log = logging.getLogger(__name__)


@breaks(
    "an_authentic_notice_names_the_object_and_our_id_for_it",
)
class NoticesWithoutOurId(Broken):
    """The object's metadata is not read."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return [replace(notice, operation_id=None) for notice in super().notices(body, headers)]


@breaks(
    "a_notice_has_one_id_however_often_and_in_whatever_order_it_comes",
    "an_altered_notice_is_never_accepted",
    "header_names_are_read_in_any_case",
)
class NewIdOnEachDelivery(Broken):
    """A notice that comes again has another id."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        self._calls = getattr(self, "_calls", None) or count()
        return [replace(n, notice_id=f"{n.notice_id}-{next(self._calls)}") for n in super().notices(body, headers)]


@breaks(
    "a_notice_that_is_acknowledged_comes_no_more",
    "a_payment_made_elsewhere_is_noticed_with_its_customer",
)
class NeverAcknowledged(Broken):
    """Its bench delivers for ever."""

    def acknowledge(self, notice_id: str) -> None:
        pass


@breaks(
    "a_notice_from_another_time_is_rejected",
)
class NeverTooOld(Broken):
    """A replayed notice is good for ever."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return [verified_notice(body, headers, self._secrets, min(self._now(), _signed_at(headers, self._now())))]


@breaks(
    "a_notice_from_another_time_is_rejected",
)
class TheFutureIsFine(Broken):
    """A notice from the future is as good as any."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return [verified_notice(body, headers, self._secrets, max(self._now(), _signed_at(headers, self._now())))]


def _signed_at(headers: Mapping[str, str], now: datetime) -> datetime:
    try:
        seconds = int(headers[SIGNATURE_HEADER].removeprefix("t=").partition(",")[0])
        return now + timedelta(seconds=seconds - now.timestamp())
    except (KeyError, ValueError, OverflowError):
        return now


@breaks(
    "a_notice_from_another_time_is_rejected",
    "an_altered_notice_is_never_accepted",
    "headers_of_any_characters_are_rejected_and_nothing_else",
)
class ChecksNoSignature(Broken):
    """Whoever writes JSON is believed."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        try:
            return super().notices(body, headers)
        except NoticeRejected as rejected:
            return [_read(body, rejected)] if rejected.field == SIGNATURE_HEADER else _reject(rejected)


@breaks(
    "an_altered_notice_is_never_accepted",
)
class ChecksWhatIsSigned(Broken):
    """A signature is checked where there is one."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return super().notices(body, headers) if headers else [_read(body, NoticeRejected("is no notice"))]


@breaks(
    "an_altered_notice_is_never_accepted",
)
class AnySignatureWillDo(Broken):
    """A signature that was right once is right for every body."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        known = self.__dict__.setdefault("_right_once", set())
        try:
            notices = super().notices(body, headers)
        except NoticeRejected as rejected:
            if headers.get(SIGNATURE_HEADER) in known:
                return [_read(body, rejected)]
            raise
        known.add(headers.get(SIGNATURE_HEADER))
        return notices


def _read(body: bytes, rejected: NoticeRejected) -> Notice:
    try:
        content = json.loads(body)
        return Notice(
            notice_id=content["id"],
            subject=NoticeSubject(content["subject"]),
            reference=content["reference"],
            operation_id=content["operation_id"],
            occurred_at=datetime.fromisoformat(content["occurred_at"]),
            charge_reference=content["charge_reference"],
            customer_id=content["customer_id"],
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        raise rejected from None


def _reject(rejected: NoticeRejected) -> Sequence[Notice]:
    raise rejected


@breaks(
    "what_is_no_notice_is_rejected_and_nothing_else",
)
class CrashesOnWhatIsNoNotice(Broken):
    """The body is parsed before it is verified."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        if body in {b"{}", b"[]", b"null"}:
            json.loads(body)["id"]
        return super().notices(body, headers)


@breaks(
    "headers_of_any_characters_are_rejected_and_nothing_else",
)
class CrashesOnForeignCharacters(Broken):
    """A header of other characters than ASCII raises whatever the codec raises."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        if headers.get(SIGNATURE_HEADER) == "é":
            headers[SIGNATURE_HEADER].encode("ascii")
        return super().notices(body, headers)


@breaks(
    "a_huge_body_is_rejected_and_nothing_else",
)
class CrashesOnHugeBodies(Broken):
    """A long body is more than its parser takes."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        if len(body) >= 1_000_000:
            raise RecursionError
        return super().notices(body, headers)


@breaks(
    "a_foreign_objects_notice_bears_no_id_of_ours",
    "a_payment_made_elsewhere_is_noticed_with_its_customer",
)
class ForeignIsOurs(Broken):
    """What bears no id of ours is given one."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return [replace(n, operation_id=n.operation_id or "txn_1") for n in super().notices(body, headers)]


@breaks(
    "header_names_are_read_in_any_case",
)
class ReadsHeadersAsWritten(Broken):
    """A header is found only as its sender wrote it."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        return super().notices(body, {name: text for name, text in headers.items() if name == SIGNATURE_HEADER})


@breaks(
    "nothing_secret_is_logged_shown_or_raised",
)
class LogsTokens(Broken):
    """For debugging it logs what it sends."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        _log.debug("charging %s", source.token)
        return super().charge(request, source)


@breaks(
    "nothing_secret_is_logged_shown_or_raised",
)
class ShowsItsKey(Broken):
    """Its repr says all that it was made with."""

    def __repr__(self) -> str:
        return f"ShowsItsKey({self._secrets!r})"


@breaks(
    "nothing_secret_is_logged_shown_or_raised",
)
class QuotesTheToken(Broken):
    """An error repeats the token that was wrong."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        try:
            return super().charge(request, source)
        except GatewayInvalidRequest:
            raise GatewayInvalidRequest(f"no such token: {source.token}", field="source") from None


@breaks(
    "nothing_secret_is_logged_shown_or_raised",
)
class QuotesTheNotice(Broken):
    """The error of a rejected notice carries the request as its cause."""

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        try:
            return super().notices(body, headers)
        except NoticeRejected as rejected:
            raise rejected from GatewayError(repr(body))


@breaks(
    "nothing_secret_is_pickled",
)
class PicklesItsKeys(Broken):
    """It can be pickled, with its keys."""

    def __reduce__(self) -> Any:
        return (tuple, (self._secrets,))
