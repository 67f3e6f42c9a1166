"""The page of states says what the code does: each event has its place there, and moves what the fold lets it move."""

from __future__ import annotations

import pytest
from states_in_code import MACHINES as IN_CODE
from states_in_code import moves, observed
from states_page import CONCEPT_EDGES, DRAWINGS, MACHINES, MOVING_NOTHING, START, Edge

from exercised import attention_account, exercise
from interact_ledger.domain.events import TOPICS
from interact_ledger.testing import ledger_kit

WHO = {"customer", "service", "notice", "recovery", "schedule", "operator", "nobody"}
NOT_DRAWN = {"Top-up": {"mismatched"}}
"""Said in words below the drawing."""


def said(title: str) -> set[tuple[str, str]]:
    return {(row.state, topic) for row in MACHINES[title] for topic in row.topics}


def states(title: str) -> set[str]:
    return {row.state for row in MACHINES[title]}


def test_every_event_has_its_place_and_nothing_else_is_named():
    moving = {topic for title in MACHINES for _, topic in said(title)}
    assert moving | set(MOVING_NOTHING) == set(TOPICS)
    assert moving & set(MOVING_NOTHING) == set()
    assert len(MOVING_NOTHING) == len(set(MOVING_NOTHING))


@pytest.mark.parametrize("title", IN_CODE)
def test_each_state_comes_by_the_events_that_bring_it_about(title):
    assert said(title) == moves(title)


def test_each_thing_that_has_states_is_on_the_page():
    assert list(MACHINES) == list(IN_CODE) == [title for title in MACHINES if title in DRAWINGS]


@pytest.mark.parametrize("title", MACHINES)
def test_each_state_is_drawn_and_told_who_moves_it(title):
    drawn = {state for edge in DRAWINGS[title] for state in edge} - {START}
    assert drawn | NOT_DRAWN.get(title, set()) == states(title)
    assert all(row.who <= WHO and row.who for row in MACHINES[title])


@pytest.fixture(scope="module")
def seen() -> set[tuple[str, Edge]]:
    """What moved where in a ledger that was put through every verb."""
    with ledger_kit() as kit:
        exercise(kit, spends=5)
        attention_account(kit)
        accounts = [account.account_id for account in kit.ledger.accounts(limit=1000).accounts]
        return {edge for account_id in accounts for edge in observed(kit.ledger, account_id)}


@pytest.mark.parametrize("title", MACHINES)
def test_whatever_really_moved_is_drawn(title, seen):
    edges = {edge for name, edge in seen if name == title}
    assert edges - DRAWINGS[title] <= {edge for edge in edges if set(edge) & NOT_DRAWN.get(title, set())}
    assert len(edges) * 3 >= len(DRAWINGS[title]), "too little moved for this to say anything"


def test_the_concept_draws_nothing_else_of_a_top_up():
    assert {edge for edge in CONCEPT_EDGES if edge.after != START} <= DRAWINGS["Top-up"]
