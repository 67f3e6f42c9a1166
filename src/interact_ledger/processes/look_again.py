"""Looking again at what a gateway may know more of than it told: recent charges, and the cards of who made them.

Not every gateway sends a notice of all that people do there. What is looked at is what was captured or kept since a
moment that the caller names; nothing is remembered of a look, so several processes may look, and again. It never
charges, saves or pays back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from interact_ledger.domain import events as e
from interact_ledger.errors import StorageUnavailable
from interact_ledger.gateways.protocol import AfterCapture, NotFound
from interact_ledger.processes import disputes
from interact_ledger.processes.context import Context
from interact_ledger.processes.disputes import ChargeAt
from interact_ledger.processes.failures import what_went_wrong
from interact_ledger.processes.kept_cards import look_at_cards
from interact_ledger.projections.at_gateways import AtGateway, at_gateways, how_many
from interact_ledger.tables import Query

__all__ = ["LookedAgain", "News", "Unanswered", "look_again"]

PAGE = 500
FAILURES_IN_A_ROW_MAX = 10
"""A gateway that answers nothing any more is left to the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that a gateway had not told, recorded now."""

    account_id: str
    version: int
    """The event, by its position in the account's history."""
    topic: str
    """What it is: refund-made-elsewhere, dispute-opened, payment-reversed, card-detached, card-updated, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Something that could not be looked at now."""

    account_id: str
    gateway: str
    subject: str
    """The top-up, or the account whose cards they are."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAgain:
    """What a look at recent charges and cards came to."""

    charges: int
    """How many were looked at."""
    accounts: int
    """Of how many the kept cards were looked at."""
    news: Sequence[News]
    unanswered: Sequence[Unanswered]
    not_reached: int
    """How many charges and cards were left out because their gateway answered nothing ten times in a row."""

    @property
    def is_complete(self) -> bool:
        """Whether all was looked at. What was not is looked at by the next run that goes as far back."""
        return not self.unanswered and not self.not_reached


def look_again(
    context: Context,
    query: Query,
    gateway_ids: Sequence[str],
    since: datetime,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> LookedAgain:
    """Look at what gateways captured or kept since a moment, the earliest first, and record what is new."""
    counts = {gateway_id: how_many(query, gateway_id, since) for gateway_id in gateway_ids}
    run = _Run(context)
    done = not_reached = 0
    for gateway_id, count in counts.items():
        before = done
        for thing in _in_pages(query, gateway_id, since):
            run.look_at(gateway_id, thing)
            done += 1
            on_progress(done, sum(counts.values()))
            if run.failures_in_a_row >= FAILURES_IN_A_ROW_MAX:
                not_reached += max(count - (done - before), 0)
                break
        run.failures_in_a_row = 0
    return LookedAgain(
        charges=run.charges,
        accounts=run.accounts,
        news=tuple(run.news),
        unanswered=tuple(run.unanswered),
        not_reached=not_reached,
    )


def _in_pages(query: Query, gateway_id: str, since: datetime) -> Iterator[AtGateway]:
    page = at_gateways(query, gateway_id, since, after=None, limit=PAGE)
    while page:
        yield from page
        page = at_gateways(query, gateway_id, since, after=page[-1], limit=PAGE)


@dataclass(slots=True)
class _Run:
    context: Context
    charges: int = 0
    accounts: int = 0
    news: list[News] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)
    failures_in_a_row: int = 0
    _seen: set[tuple[str, str]] = field(default_factory=set)
    """Of which accounts, at which gateway, the cards were looked at."""

    def look_at(self, gateway_id: str, thing: AtGateway) -> None:
        """Look at a charge, and once at the cards that its account keeps there."""
        if thing.is_charge and disputes.is_told(self.context, gateway_id):
            charge = ChargeAt(thing.account_id, thing.operation_id, gateway_id, thing.reference)
            if self._asked(thing.account_id, gateway_id, thing.operation_id, lambda: self._charge(charge)):
                self.charges += 1
        key = (gateway_id, thing.account_id)
        if key not in self._seen and self._keeps_cards(gateway_id, thing.account_id):
            self._seen.add(key)
            if self._asked(
                thing.account_id, gateway_id, thing.account_id, lambda: self._cards(gateway_id, thing.account_id)
            ):
                self.accounts += 1

    def _asked(self, account_id: str, gateway_id: str, subject: str, look: Callable[[], str | None]) -> bool:
        """Look, and remember what is in the way; one account's trouble does not keep the others waiting."""
        try:
            why = look()
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - an adapter's mistake about one charge must not hold up the others
            why = what_went_wrong(error)
        if why is None:
            self.failures_in_a_row = 0
            return True
        self.failures_in_a_row += 1
        self.unanswered.append(Unanswered(account_id=account_id, gateway=gateway_id, subject=subject, why=why))
        return False

    def _charge(self, charge: ChargeAt) -> str | None:
        after = disputes.look(self.context, charge, None)
        if isinstance(after, NotFound):
            return "the gateway knows no such charge"
        if not isinstance(after, AfterCapture):
            return "what left it cannot be known yet"
        decide = disputes.recording(self.context, charge, after)
        change = self.context.transact(charge.account_id, decide)
        self._tell(change.recorded)
        return None

    def _cards(self, gateway_id: str, account_id: str) -> str | None:
        decide = look_at_cards(self.context, account_id, gateway_id)
        if decide is None:
            return "its cards could not be looked up"
        self._tell(self.context.transact(account_id, decide).recorded)
        return None

    def _keeps_cards(self, gateway_id: str, account_id: str) -> bool:
        kept = self.context.accounts.load(account_id).cards.values()
        return any(card.gateway == gateway_id for card in kept)

    def _tell(self, recorded: Sequence[e.Recorded]) -> None:
        self.news += [News(account_id=r.stream_id, version=r.version, topic=r.event.TOPIC) for r in recorded]
