"""Whatever goes wrong at the wire, in whatever order: what the adapter says is true, and nothing happens twice."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from stripe_helpers import payment, refund_of, saving

from interact_ledger.gateways.protocol import (
    Begun,
    CardSaved,
    Forgotten,
    Found,
    NewCard,
    NotAttempted,
    NotFound,
    Refunded,
    SavedCard,
    Succeeded,
    Unknown,
)
from servers.stripe import Fault, Script
from stripe_bench import StripeBench, adapter

FAULTS = [fault for fault in Fault if not fault.name.startswith("HANG")]
STEPS = [("POST", "/v1/[a-z_]+"), ("POST", "/v1/.*/(confirm|detach|cancel)"), ("GET", "/v1/.*")]


def spoil(chance: random.Random, bench: StripeBench) -> None:
    """Let some of the next requests fail."""
    for _ in range(chance.randint(0, 4)):
        bench.server.faults.add(*chance.choice(STEPS), chance.choice(FAULTS))


@pytest.mark.parametrize("seed", range(30))
def test_a_charge_its_card_and_its_refund_survive_any_faults(bench, seed):
    chance = random.Random(seed)
    gateway = adapter(bench.server, bench.clock)
    request = payment(bench, save_card=True)
    card = NewCard(bench.server.card(Script()))
    said = []
    for _ in range(3):
        spoil(chance, bench)
        begun = gateway.begin(request)
        if isinstance(begun, Begun):
            said.append(gateway.charge(replace(request, reference=begun.reference), card))
        bench.server.faults.clear()
        assert all(isinstance(result, Succeeded | Unknown | NotAttempted) for result in said), said
        assert len(bench.captured()) <= 1
        if all(isinstance(result, NotAttempted) for result in said):
            assert bench.captured() == []
        if any(isinstance(result, Succeeded) for result in said):
            assert len(bench.captured()) == 1
    found = gateway.find_charge(request)
    charged = isinstance(found, Found) and isinstance(found.result, Succeeded)
    assert charged == bool(bench.captured())
    assert charged or found == NotFound() or isinstance(found.result, Begun)
    if charged:
        _refund_and_forget(chance, bench, gateway, found.result)


def _refund_and_forget(chance, bench, gateway, captured: Succeeded) -> None:
    refunding, customer = refund_of(bench, captured), payment(bench).customer_id
    kept = SavedCard(captured.saved_card.token)
    for _ in range(3):
        spoil(chance, bench)
        refunded, forgotten = gateway.refund(refunding), gateway.forget(kept, customer)
        bench.server.faults.clear()
        paid_back = bench.captured()[0].refunded
        assert paid_back.amount == 0 or paid_back == captured.amount
        assert not isinstance(refunded, Refunded) or paid_back == captured.amount
        assert forgotten != Forgotten() or bench.saved_cards() == []
    found = gateway.find_refund(refunding)
    assert isinstance(found, Found) == (bench.captured()[0].refunded == captured.amount)


@pytest.mark.parametrize("seed", range(15))
def test_a_saving_survives_any_faults(bench, seed):
    chance = random.Random(seed)
    gateway = adapter(bench.server, bench.clock)
    request, card = saving(bench), NewCard(bench.server.card(Script()))
    said = []
    for _ in range(3):
        spoil(chance, bench)
        said.append(gateway.save(request, card))
        bench.server.faults.clear()
        assert all(isinstance(result, CardSaved | Unknown | NotAttempted) for result in said), said
        assert len(bench.saved_cards()) <= 1
        if any(isinstance(result, CardSaved) for result in said):
            assert len(bench.saved_cards()) == 1
        if all(isinstance(result, NotAttempted) for result in said):
            assert bench.saved_cards() == []
    found = gateway.find_card(request)
    assert (isinstance(found, Found) and isinstance(found.result, CardSaved)) == bool(bench.saved_cards())
