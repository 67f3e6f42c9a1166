"""Nothing secret is seen, whatever is logged, shown, raised or pickled."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from interact_ledger.errors import GatewayError
from interact_ledger.gateways.conformance.bench import Behaviour, Bench, Fault
from interact_ledger.gateways.conformance.requests import begin_and_charge, good_card, paid, payment, saved, saving
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import NewCard, SavedCard

__all__ = ["Secrecy"]

_UNKNOWN_TOKEN = "never-was-a-token-7f3a91"  # noqa: S105 - it opens nothing


class Secrecy(Scenarios):
    """Tokens, client secrets, API keys and webhook secrets."""

    def test_nothing_secret_is_logged_shown_or_raised(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        secrets = {*bench.secrets, _UNKNOWN_TOKEN}
        seen: list[str] = [repr(bench.gateway)]
        with caplog.at_level(logging.DEBUG):
            for call in self._calls(bench, secrets):
                try:
                    result = call()
                except GatewayError as error:
                    seen.append("".join(traceback.format_exception(error)))
                    seen.append(repr(error))
                else:
                    seen.append(repr(result))
                    seen.append(str(result))
                    secrets |= _secrets_in(result)
        seen += [f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records]
        for secret in secrets:
            where = [text.replace(secret, "[the secret]")[:500] for text in seen if secret in text]
            hold(Rule.SECRET, not where, f"a secret of {len(secret)} characters shows in {where!r}")

    def test_nothing_secret_is_pickled(self, bench: Bench) -> None:
        request, card = payment(bench), good_card(bench)
        result = begin_and_charge(bench, request, card)
        secrets = [*bench.secrets, card.token]
        for thing in (request, result, bench.gateway.capabilities.currencies.keys(), bench.gateway):
            try:
                pickled = pickle.dumps(thing)
            except Exception:  # noqa: BLE001, S112 - what cannot be pickled shows nothing
                continue
            shown = [secret for secret in secrets if secret.encode() in pickled]
            hold(Rule.SECRET, not shown, f"{len(shown)} secrets are in the pickle of a {type(thing).__name__}")

    def _calls(self, bench: Bench, secrets: set[str]) -> Iterator[Callable[[], object]]:
        """Yield calls of every kind; `secrets` learns the tokens that they are given."""
        gateway, numbers = bench.gateway, iter(range(1, 100))
        cards = [good_card(bench), self.declining_card(bench), NewCard(_UNKNOWN_TOKEN)]
        asking = self.card(bench, Behaviour.ASKS_CUSTOMER)
        if asking is not None:
            cards.append(asking)
        for card in cards:
            secrets.add(card.token)
            yield partial(repr, card)
            yield partial(gateway.begin, payment(bench, next(numbers)))
            yield partial(begin_and_charge, bench, payment(bench, next(numbers)), card)
            yield partial(gateway.save, saving(bench, next(numbers)), card)
        for fault in (Fault.BEFORE, Fault.AFTER, Fault.REFUSED):
            bench.fail_next("charge", fault)
            yield partial(begin_and_charge, bench, payment(bench, next(numbers)), cards[0])
        if gateway.capabilities.saves_cards:
            kept = saved(bench)
            secrets.add(kept.token)
            yield partial(repr, kept)
            yield partial(begin_and_charge, bench, payment(bench, next(numbers)), kept)
            yield partial(gateway.find_saved_card, kept, payment(bench).customer_id)
            yield partial(gateway.forget, kept, payment(bench).customer_id)
            yield partial(gateway.find_saved_card, kept, payment(bench).customer_id)
            yield partial(gateway.find_saved_card, SavedCard(_UNKNOWN_TOKEN), payment(bench).customer_id)
        yield partial(gateway.forget, SavedCard(_UNKNOWN_TOKEN), payment(bench).customer_id)
        charge = paid(bench, payment(bench, next(numbers)))
        bench.settle(charge.reference)
        yield partial(gateway.find_after_capture, charge.reference)
        for due in bench.notices_due():
            yield partial(gateway.notices, due.body, due.headers)
            yield partial(gateway.notices, due.body + b"x", due.headers)
            yield partial(gateway.notices, _UNKNOWN_TOKEN.encode(), due.headers)
            yield partial(gateway.notices, due.body, dict.fromkeys(due.headers, _UNKNOWN_TOKEN))


def _secrets_in(result: object) -> set[str]:
    """Return what a result holds and must not show."""
    kept = getattr(result, "saved_card", None)
    found = (getattr(result, "client_secret", None), getattr(result, "token", None), getattr(kept, "token", None))
    return {secret for secret in found if isinstance(secret, str)}
