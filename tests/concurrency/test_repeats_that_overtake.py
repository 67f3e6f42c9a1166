"""A repeat may overtake the first call: then what the first call learned is no proof about the attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moneyed import Money

from interact_ledger import Ledger
from interact_ledger.gateways.protocol import NotAttempted
from interact_ledger.gateways.sandbox import SandboxGateway


class Charging:
    """The sandbox as a gateway that has nothing to begin."""

    def __init__(self, sandbox: SandboxGateway) -> None:
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def begin(self, _request: Any) -> None:
        return None


class RefusedOnce:
    """The sandbox behind a connection that is refused once, while something else happens."""

    def __init__(self, sandbox: Any, verb: str, meanwhile: Callable[[], None]) -> None:
        self._sandbox = sandbox
        self._verb: str | None = verb
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        if name != self._verb:
            return getattr(self._sandbox, name)
        self._verb = None
        return self._refuse

    def _refuse(self, *_arguments: Any) -> NotAttempted:
        self._meanwhile()
        return NotAttempted(why="the connection was refused")


class SlowAnswer:
    """The sandbox with an answer that is long under way."""

    def __init__(self, sandbox: Any, verb: str) -> None:
        self._sandbox = sandbox
        self._verb = verb
        self.done = threading.Event()
        self.arrives = threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._sandbox, name)
        if name != self._verb:
            return found

        def answer(*arguments: Any) -> Any:
            result = found(*arguments)
            self.done.set()
            assert self.arrives.wait(30)
            return result

        return answer


@contextmanager
def two_ledgers(
    directory: Path, verb: str, repeat: Callable[[Ledger], Any], kind: Callable[[SandboxGateway], Any]
) -> Iterator[tuple[Ledger, SandboxGateway]]:
    """A ledger whose first `verb` is refused; meanwhile another sends the same request, whose answer takes long."""
    url = f"sqlite:///{directory}/ledger.db"
    with SandboxGateway(directory / "sandbox.db") as sandbox:
        slow = SlowAnswer(kind(sandbox), "save" if verb == "save" else "charge")
        with Ledger.open(url, gateways=[slow]) as other:
            thread = threading.Thread(target=lambda: repeat(other))

            def overtake() -> None:
                thread.start()
                assert slow.done.wait(30)

            with Ledger.open(url, gateways=[RefusedOnce(kind(sandbox), verb, overtake)]) as ledger:
                try:
                    yield ledger, sandbox
                finally:
                    slow.arrives.set()
                    thread.join(30)


def begins(sandbox: SandboxGateway) -> SandboxGateway:
    return sandbox


@pytest.mark.parametrize(("verb", "kind"), [("begin", begins), ("charge", begins), ("charge", Charging)])
def test_a_refused_first_call_opens_no_second_attempt_while_a_repeat_is_under_way(
    verb: str, kind: Callable[[SandboxGateway], Any], tmp_path: Path
) -> None:
    asked: dict[str, str] = {}

    def top_up(ledger: Ledger) -> Any:
        return ledger.top_up(**asked, card_token="tok_visa", idempotency_key="key")

    with two_ledgers(tmp_path, verb, top_up, kind) as (ledger, sandbox):
        asked["account_id"] = ledger.open_account("customer-1", "GBP", "GB").account_id
        asked["quote_id"] = ledger.checkout(asked["account_id"], Money("10.00", "GBP")).quote_id
        top_up(ledger)
        top_up(ledger)
        assert len(sandbox.captured()) == 1

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[sandbox]) as ledger:
        assert ledger.balance(asked["account_id"]).total == Money("10.00", "GBP")


def test_a_refused_first_call_saves_no_second_card_while_a_repeat_is_under_way(tmp_path: Path) -> None:
    asked: dict[str, str] = {}

    def save(ledger: Ledger) -> Any:
        return ledger.save_card(asked["account_id"], "tok_visa", idempotency_key="key")

    with two_ledgers(tmp_path, "save", save, begins) as (ledger, sandbox):
        asked["account_id"] = ledger.open_account("customer-1", "GBP", "GB").account_id
        save(ledger)
        save(ledger)
        assert len(sandbox.saved_cards()) == 1

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[sandbox]) as ledger:
        assert len(ledger.cards(asked["account_id"])) == 1
