"""Identifiers are of one form, never collide, and an operation's is the same wherever it is worked out."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.ids import RandomIds, is_own_id, operation_id, request_fingerprint

GOLDEN_OPERATION = "txn_bdmnve9bj5q9djjbdscqcars6w"
GOLDEN_FINGERPRINT = "e51ceaffb090733d2b2147fa1185a12d"
TAIL = "0123456789abcdefghjkmnpqrs"

keys = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.decimals(allow_nan=False))


def in_another_process(expression: str) -> str:
    """Work the expression out where hashes of texts are salted differently."""
    program = f"from interact_ledger.ids import *; print({expression})"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("kind", ["acct", "quote", "card", "txn", "no", "twelveletter"])
def test_a_random_id_says_its_kind_and_is_our_own(kind: str) -> None:
    identifier = RandomIds().new(kind)
    assert identifier.startswith(f"{kind}_")
    assert is_own_id(identifier)


@pytest.mark.parametrize("kind", ["", "a", "thirteenchars", "Acct", "acct1", "my_acct", "é" * 4, "acct\n"])
def test_a_kind_is_two_to_twelve_lower_case_letters(kind: str) -> None:
    with pytest.raises(AssertionError, match="two to twelve"):
        RandomIds().new(kind)


def test_random_ids_do_not_collide_and_use_all_their_bits() -> None:
    tails = [RandomIds().new("acct").removeprefix("acct_") for _ in range(20_000)]
    assert len(set(tails)) == len(tails)
    assert all(len({tail[place] for tail in tails}) == 32 for place in range(26))


def test_an_operation_id_never_changes() -> None:
    assert operation_id("acct_1", "order 42") == GOLDEN_OPERATION
    assert in_another_process("operation_id('acct_1', 'order 42')") == GOLDEN_OPERATION


@given(keys, keys)
def test_an_operation_id_is_our_own_and_the_same_each_time(account_id: str, key: str) -> None:
    assert is_own_id(operation_id(account_id, key))
    assert operation_id(account_id, key).startswith("txn_")
    assert operation_id(account_id, key) == operation_id(account_id, key)


@given(st.tuples(keys, keys), st.tuples(keys, keys))
def test_other_account_or_other_key_is_another_operation(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (operation_id(*one) == operation_id(*other)) == (one == other)


def test_account_and_key_are_not_run_together() -> None:
    assert operation_id("acct_1", "2") != operation_id("acct_12", "")
    assert operation_id("acct_1", "2x") != operation_id("acct_12", "x")


def test_operation_ids_do_not_collide() -> None:
    made = {operation_id(f"acct_{account}", f"order {order}") for account in range(100) for order in range(200)}
    assert len(made) == 20_000


@pytest.mark.parametrize(
    "text", [f"acct_{TAIL}", f"txn_{TAIL}.1", f"txn_{TAIL}.9999", f"no_{'z' * 26}", f"twelveletter_{'0' * 26}"]
)
def test_the_form_of_our_ids_and_attempts_is_recognised(text: str) -> None:
    assert is_own_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TAIL,
        f"_{TAIL}",
        f"a_{TAIL}",
        f"thirteenchars_{TAIL}",
        f"ACCT_{TAIL}",
        f"acct_{TAIL.upper()}",
        f"acct_{TAIL[:-1]}",
        f"acct_{TAIL}0",
        f"acct-{TAIL}",
        f" acct_{TAIL}",
        f"acct_{TAIL}\n",
        f"acct_{TAIL} ",
        f"txn_{TAIL}.",
        f"txn_{TAIL}.x",
        f"txn_{TAIL}.12345",
        f"txn_{TAIL}.1.1",
        f"txn_{TAIL}.\N{ARABIC-INDIC DIGIT ONE}",
        *(f"acct_{TAIL[:-1]}{letter}" for letter in "ilou"),
        "4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_nothing_else_is_taken_for_an_id_of_ours(text: str) -> None:
    assert not is_own_id(text)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    request = "'spend', 'GBP', ('message/GB', 2), None"
    assert request_fingerprint("spend", "GBP", ("message/GB", 2), None) == GOLDEN_FINGERPRINT
    assert in_another_process(f"request_fingerprint({request})") == GOLDEN_FINGERPRINT


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
def test_another_request_has_another_fingerprint(one: list[object], other: list[object]) -> None:
    same = repr(one) == repr(other)
    assert (request_fingerprint("spend", *one) == request_fingerprint("spend", *other)) == same
    assert request_fingerprint("spend", *one) != request_fingerprint("hold", *one)


def test_a_fingerprint_tells_types_and_grouping_apart() -> None:
    requests: list[tuple[object, ...]] = [(1,), ("1",), (Decimal(1),), (True,), ((1,),), (1, None), ("1, None",), ()]
    assert len({request_fingerprint("spend", *request) for request in requests}) == len(requests)


def test_a_fingerprint_is_short_and_takes_any_text() -> None:
    assert len(request_fingerprint("spend", "x" * 100_000, "\ud800")) == 32
