"""Notices mutated, forged, stale, from the future, duplicated, shuffled: none altered is taken, each counts once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest

from interact_ledger.errors import NoticeRejected
from interact_ledger.gateways.sandbox import Delivery, SandboxGateway
from interact_ledger.gateways.sandbox.notices import SIGNATURE_HEADER, TOLERANCE, signature_headers
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import at_gateway, available, gbp, pay, stored


class Letter(NamedTuple):
    """A request as it arrives."""

    body: bytes
    headers: dict[str, str]


Mutation = Callable[[random.Random, LedgerKit, Delivery], Letter]


def _with_signature(delivery: Delivery, value: str) -> Letter:
    return Letter(delivery.body, {SIGNATURE_HEADER: value})


def one_byte(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    body = bytearray(delivery.body)
    body[chance.randrange(len(body))] ^= chance.randrange(1, 256)
    return Letter(bytes(body), dict(delivery.headers))


def cut_short(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    return Letter(delivery.body[: chance.randrange(len(delivery.body))], dict(delivery.headers))


def made_longer(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    place, more = chance.randrange(len(delivery.body) + 1), chance.randbytes(chance.randrange(1, 40))
    return Letter(delivery.body[:place] + more + delivery.body[place:], dict(delivery.headers))


def two_swapped(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    first, second = sorted(chance.sample(range(len(delivery.body) + 1), 2))
    body = delivery.body[second:] + delivery.body[first:second] + delivery.body[:first]
    return Letter(body + (b" " if body == delivery.body else b""), dict(delivery.headers))


def another_signature(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    value = list(delivery.headers[SIGNATURE_HEADER])
    place = chance.randrange(len(value))
    value[place] = chance.choice([sign for sign in "0123456789abcdefvt=,\u00e9 " if sign != value[place]])
    return _with_signature(delivery, "".join(value))


def an_old_secret(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    secret = chance.choice(["whsec_old", "", "whsec_sandbo", "whsec_sandbox ", "WHSEC_SANDBOX"])
    return Letter(delivery.body, signature_headers(delivery.body, secret, kit.clock.now()))


def stale(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    moment = kit.clock.now() - TOLERANCE - timedelta(seconds=chance.randrange(1, 10**8))
    return Letter(delivery.body, signature_headers(delivery.body, "whsec_sandbox", moment))


def from_the_future(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    moment = kit.clock.now() + TOLERANCE + timedelta(seconds=chance.randrange(1, 10**9))
    return Letter(delivery.body, signature_headers(delivery.body, "whsec_sandbox", moment))


def without_a_signature(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    return Letter(delivery.body, chance.choice([{}, {"Content-Type": "json"}, {SIGNATURE_HEADER: ""}]))


def signed_twice(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    other = signature_headers(delivery.body, "whsec_other", kit.clock.now())[SIGNATURE_HEADER]
    both = [(SIGNATURE_HEADER, delivery.headers[SIGNATURE_HEADER]), (SIGNATURE_HEADER.lower(), other)]
    chance.shuffle(both)
    return Letter(delivery.body, dict(both))


def of_anothers_signature(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    body = delivery.body.replace(b"pay_", b"pay-")
    return Letter(body, dict(delivery.headers))


def signed_nonsense(chance: random.Random, kit: LedgerKit, delivery: Delivery) -> Letter:
    body = chance.choice([b"", b"{}", b"[]", b"null", b"[" * 5_000, chance.randbytes(50), b'{"id": 1}', b"\xff"])
    return Letter(body, dict(kit.gateway.signed(body)))


MUTATIONS: list[Mutation] = [
    one_byte,
    cut_short,
    made_longer,
    two_swapped,
    another_signature,
    an_old_secret,
    stale,
    from_the_future,
    without_a_signature,
    signed_twice,
    of_anothers_signature,
    signed_nonsense,
]


def paid_for(kit: LedgerKit) -> tuple[str, list[Delivery]]:
    """Return an account with three payments that settled, and what the sandbox sends about them."""
    account_id = kit.account().account_id
    for number in range(3):
        paid = pay(kit, account_id, key=f"pay {number}", card_token="tok_pending")
        kit.gateway.settle(str(paid.gateway_reference))
    return account_id, kit.gateway.notices_due()


@pytest.mark.programme(row=9, what="sandbox notices altered", ci=20_000, release=1_000_000, each=20_000)
def test_no_altered_notice_is_taken_and_none_leaves_a_trace(part):
    with ledger_kit() as kit:
        account_id, due = paid_for(kit)
        before = stored(kit), at_gateway(kit)
        for seed in part:
            chance = random.Random(seed)
            letter = MUTATIONS[seed % len(MUTATIONS)](chance, kit, chance.choice(due))
            with pytest.raises(NoticeRejected):
                kit.ledger.receive("sandbox", *letter)
        assert (stored(kit), at_gateway(kit)) == before
        assert available(kit, account_id) == gbp("0")


@pytest.mark.programme(row=9, what="sandbox notices duplicated and shuffled", ci=3_000, release=60_000, each=3_000)
def test_however_often_and_in_whatever_order_they_come_each_payment_is_credited_once(part, tried):
    count = 0
    for seed in range(part.start, part.stop, 100):
        chance = random.Random(seed)
        with ledger_kit() as kit:
            account_id, due = paid_for(kit)
            copies = [copy for copy in due for _ in range(chance.randrange(1, 2 * 100 // len(due)))]
            chance.shuffle(copies)
            for delivery in copies:
                (received,) = kit.ledger.receive("sandbox", delivery.body, delivery.headers)
                assert received.is_acknowledged
            count += len(copies)
            assert available(kit, account_id) == gbp("150.00")
            assert kit.ledger.audit().findings == ()
    tried(count)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_each_mutation_alters_something(mutation):
    """None of them passes because it left the request as it was: what was not altered is taken."""
    with ledger_kit() as kit:
        _, due = paid_for(kit)
        for seed in range(50):
            letter = mutation(random.Random(seed), kit, due[0])
            assert letter != Letter(due[0].body, dict(due[0].headers))
        (received,) = kit.ledger.receive("sandbox", due[0].body, due[0].headers)
        assert received.is_acknowledged


def test_a_retired_secret_still_counts_only_while_it_is_listed(clock_and_body):
    clock, body = clock_and_body
    headers = signature_headers(body, "whsec_old", clock.now())
    with SandboxGateway(clock=clock, secrets=["whsec_new", "whsec_old"]) as both:
        assert len(both.notices(body, headers)) == 1
    with SandboxGateway(clock=clock, secrets=["whsec_new"]) as new, pytest.raises(NoticeRejected):
        new.notices(body, headers)


@pytest.fixture
def clock_and_body():
    with ledger_kit() as kit:
        _, due = paid_for(kit)
        yield kit.clock, due[0].body
