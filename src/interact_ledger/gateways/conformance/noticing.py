"""Webhooks: the authentic ones understood, and whatever else arrives at a public address rejected."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.conformance.bench import Bench, Delivery
from interact_ledger.gateways.conformance.requests import good_card, paid, payment, refund_of, saving, told
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.protocol import CardSaved, Notice, NoticeSubject, Refunded, Succeeded

__all__ = ["Noticing"]

_HUGE = 1_000_000
"""The ledger lets no longer body through to an adapter."""

_ALIKE = (b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Noticing:
    """Notices about charges, and everything that only looks like one."""

    mutations: ClassVar[int] = 500
    """How many altered requests are offered; many more before a release."""
    notice_too_old: ClassVar[timedelta] = timedelta(hours=1)
    """An age at which a notice is surely too old at this gateway; also how far in the future one surely lies."""

    def test_an_authentic_notice_names_the_object_and_our_id_for_it(self, bench: Bench) -> None:
        charge = paid(bench)
        bench.settle(charge.reference)
        known = {NoticeSubject.CHARGE: (charge.reference, payment(bench).transaction_id)}
        known |= _other_subjects(bench, charge)
        for delivery in _due(bench):
            for notice in _understood(bench, delivery):
                hold(Rule.AUTHENTIC, notice.occurred_at.utcoffset() is not None, f"{notice!r} bears no time zone")
                named = known.get(notice.subject, (notice.reference, notice.operation_id))
                right = (notice.reference, notice.operation_id) == named
                hold(Rule.AUTHENTIC, right, f"about {named!r} there came {notice!r}")

    def test_a_notice_has_one_id_however_often_and_in_whatever_order_it_comes(self, bench: Bench) -> None:
        for number in (1, 2, 3):
            _announced(bench, number)
        first = {due.notice_id: _understood(bench, due) for due in _due(bench)}
        ids = [notice.notice_id for notices in first.values() for notice in notices]
        hold(Rule.AUTHENTIC, len(set(ids)) == len(ids), f"different notices share an id: {sorted(ids)}")
        bench.clock.advance(timedelta(seconds=30))
        again = 2 * _due(bench)
        random.Random(1).shuffle(again)  # noqa: S311 - an order, not a secret
        for due in again:
            same = _understood(bench, due) == first[due.notice_id]
            hold(Rule.AUTHENTIC, same, f"notice {due.notice_id!r} means something else when it comes again")

    def test_a_notice_that_is_acknowledged_comes_no_more(self, bench: Bench) -> None:
        _announced(bench)
        for due in _due(bench):
            bench.acknowledge(due.notice_id)
        hold(Rule.BENCH, not bench.notices_due(), "acknowledged notices still come")

    @pytest.mark.parametrize("way", [1, -1], ids=["stale", "future"])
    def test_a_notice_from_another_time_is_rejected(self, bench: Bench, way: int) -> None:
        _announced(bench)
        due = _due(bench)
        bench.clock.advance(way * self.notice_too_old)
        for delivery in due:
            _rejected(bench, delivery.body, delivery.headers, f"{-way * self.notice_too_old} from now")

    def test_an_altered_notice_is_never_accepted(self, bench: Bench) -> None:
        for number in (1, 2):
            _announced(bench, number)
        due = _due(bench)
        accepted = [_understood(bench, delivery) for delivery in due]
        chance = random.Random(20270301)  # noqa: S311 - the same alterations on every run
        for _ in range(self.mutations):
            body, headers = _altered(chance, due)
            _rejected(bench, body, headers, "an altered notice", unless=accepted)

    def test_a_notice_signed_for_another_body_is_never_accepted(self, bench: Bench) -> None:
        for number in (1, 2):
            _announced(bench, number)
        due = _due(bench)
        for one in due:
            # Where the signature is in the body, its headers say nothing, and it stays the notice that it was.
            same = [_understood(bench, one)] if _is_taken(bench, one.body, {}) else []
            for other in (other for other in due if other.headers != one.headers):
                _rejected(bench, one.body, other.headers, "another's signature", unless=same)

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"[]", b"null", b"\xff\x00", "é€😀".encode(), b"a=1&a=2", b"[" * 9999]
    )
    def test_what_is_no_notice_is_rejected_and_nothing_else(self, bench: Bench, body: bytes) -> None:
        _announced(bench)
        for delivery in _due(bench):
            for headers in (delivery.headers, {}):
                _rejected(bench, body, headers, f"{body[:20]!r}")

    def test_headers_of_any_characters_are_rejected_and_nothing_else(self, bench: Bench) -> None:
        _announced(bench)
        for delivery in _due(bench):
            for text in ("", "é", "t=1,v1=é", "\u0661\u0662", "\x00", "|", "=", ",", "9" * 5000, "😀" * 100):
                headers = dict.fromkeys(delivery.headers, text)
                _rejected(bench, delivery.body + b" ", headers, f"headers of {text[:9]!r}")

    def test_a_huge_body_is_rejected_and_nothing_else(self, bench: Bench) -> None:
        _announced(bench)
        for delivery in _due(bench):
            _rejected(bench, delivery.body + b"0" * (_HUGE - len(delivery.body)), delivery.headers, "a huge body")

    def test_a_foreign_objects_notice_bears_no_id_of_ours(self, bench: Bench) -> None:
        foreign = bench.foreign_notice()
        for notice in bench.gateway.notices(foreign.body, foreign.headers):
            hold(Rule.AUTHENTIC, notice.operation_id is None, f"a foreign object is taken for ours: {notice!r}")

    def test_header_names_are_read_in_any_case(self, bench: Bench) -> None:
        _announced(bench)
        for due in _due(bench):
            lower = {name.lower(): value for name, value in due.headers.items()}
            same = _understood(bench, due) == _understood(bench, replace(due, headers=lower))
            hold(Rule.AUTHENTIC, same, "web servers change the case of header names, and then it is not understood")


def _announced(bench: Bench, number: int = 1) -> None:
    bench.settle(paid(bench, payment(bench, number)).reference)


def _other_subjects(bench: Bench, charge: Succeeded) -> dict[NoticeSubject, tuple[str, str]]:
    """Pay the charge back and save a card, as far as the gateway does so; returns what their notices must name."""
    can, known = bench.gateway.capabilities, {}
    if can.refunds:
        refund = refund_of(bench, charge)
        refunded = told(Refunded, bench.gateway.refund(refund), "refunding")
        known[NoticeSubject.REFUND] = (refunded.reference, refund.refund_id)
    if can.saves_without_charging:
        request = saving(bench)
        kept = told(CardSaved, bench.gateway.save(request, good_card(bench)), "saving a card")
        known[NoticeSubject.CARD] = (kept.reference, request.saving_id)
    return known


def _due(bench: Bench) -> list[Delivery]:
    due = list(bench.notices_due())
    hold(Rule.BENCH, bool(due), "the bench has no notice about a charge that was captured and settled")
    return due


def _understood(bench: Bench, delivery: Delivery) -> list[Notice]:
    try:
        return list(bench.gateway.notices(delivery.body, delivery.headers))
    except NoticeRejected as rejected:
        raise Violation(Rule.AUTHENTIC, f"an authentic notice was rejected: {rejected}") from None


def _rejected(
    bench: Bench, body: bytes, headers: Mapping[str, str], what: str, *, unless: Sequence[list[Notice]] = ()
) -> None:
    """Hold the adapter to rejecting a request; `unless` is what it may mean if the change has no meaning."""
    try:
        notices = list(bench.gateway.notices(body, headers))
    except NoticeRejected:
        return
    except Exception as crash:
        raise Violation(Rule.REJECTED, f"{what} raised {type(crash).__name__} instead of NoticeRejected") from crash
    hold(Rule.REJECTED, notices in unless, f"{what} was accepted as {notices!r}")


def _is_taken(bench: Bench, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        return bool(bench.gateway.notices(body, headers))
    except NoticeRejected:
        return False


def _altered(chance: random.Random, due: Sequence[Delivery]) -> tuple[bytes, dict[str, str]]:
    """Return a delivery with a few bytes of its body or characters of its headers changed, or with no headers."""
    delivery = chance.choice(due)
    body, headers = bytearray(delivery.body), dict(delivery.headers)
    if headers and chance.random() < 1 / 3:
        name = chance.choice(sorted(headers))
        headers[name] = bytes(_edited(chance, bytearray(headers[name].encode()))).decode("latin-1")
        return bytes(body), headers
    return bytes(_edited(chance, body)), {} if chance.random() < 1 / 3 else headers


def _edited(chance: random.Random, text: bytearray) -> bytearray:
    """Change a text; every other time only letters and digits, so that it stays as readable as it was."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                text[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                text[at : at + chance.randint(1, 8)] = b""
            case 2:
                text[at:at] = text[: chance.randint(1, 8)]
            case _:
                alike = next((kind for kind in _ALIKE if text[at : at + 1] and text[at] in kind), b"")
                if alike:
                    text[at] = chance.choice(alike)
    return text
