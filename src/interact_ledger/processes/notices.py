"""Notices of a gateway (webhooks): verified, then taken as a hint to look at what they are about.

What a notice says is never believed: the object's present state is looked up and recorded, in the same append as the
mark that the notice was acted on. So a notice may come late, shuffled, several times and to several processes at
once. Whose an object is comes from our own indexes of references and customers, or from an operation of ours that the
object names and whose own look-up then finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX
from interact_ledger.errors import LedgerError, NoticeRejected
from interact_ledger.free_text import storable
from interact_ledger.gateways.protocol import AfterCapture, Gateway, NotFound, Notice, NoticeSubject
from interact_ledger.ids import derived_id
from interact_ledger.processes import cards, disputes, refunds, top_up
from interact_ledger.processes.attempts import Marked, followed_by, unmarked
from interact_ledger.processes.context import Context
from interact_ledger.processes.disputes import ChargeAt
from interact_ledger.processes.kept_cards import hear_of_cards
from interact_ledger.storage.accounts import Decide, History
from interact_ledger.storage.books import Books
from interact_ledger.storage.index import account_of_customer, operation_at
from interact_ledger.storage.rows import GATEWAY_PREFIX
from interact_ledger.tables import Query

__all__ = ["NOTICE_BYTES_MAX", "NoticeOutcome", "ReceivedNotice", "receive"]

HEADERS_MAX = 1000
NOTICE_BYTES_MAX = 1_000_000
"""No gateway's notice is nearly as long; more is refused before anything is computed over it."""


class NoticeOutcome(StrEnum):
    """What became of a notice."""

    RECORDED = "recorded"
    """What it is about was looked up; whatever was new is recorded."""
    DUPLICATE = "duplicate"
    """It was acted on before."""
    FOREIGN = "foreign"
    """It is about something that is not ours."""
    LATER = "later"
    """It is about something of ours that cannot be looked up yet; the gateway must send it again."""
    UNEXPLAINED = "unexplained"
    """It is about something of ours, or a customer of ours, and looking cannot explain it: recorded, and reported by
    the audit, for a person to look at the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedNotice:
    """What became of one notice."""

    gateway: str
    notice_id: str
    subject: str
    """charge, card, refund, dispute or other."""
    reference: str
    """The gateway's id of what it is about."""
    occurred_at: datetime
    """The gateway's own time, UTC."""
    outcome: NoticeOutcome
    account_id: str | None
    operation_id: str | None
    """Our top-up, saving or refund, None if there is none."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether to answer yes, so that the gateway does not send it again."""
        return self.outcome is not NoticeOutcome.LATER


@runtime_checkable
class _Headers(Protocol):
    """What web frameworks hand on: a mapping, or what is nearly one, such as Werkzeug's and the standard library's."""

    def __len__(self) -> int: ...

    def items(self) -> Iterable[tuple[str, str]]: ...


class _Whose(NamedTuple):
    account_id: str
    operation_id: str | None
    """None if all that is known is that the customer is ours."""


_Hear: TypeAlias = Callable[[Context, str, str, str, Marked], bool]

_BY_FIRST_EVENT: Mapping[type[e.Event], _Hear] = {
    e.TopUpRequested: top_up.hear,
    e.CardSavingRequested: cards.hear,
    e.RefundRequested: refunds.hear,
}
"""How an operation's own object is looked up."""

_MONEY = frozenset({NoticeSubject.CHARGE, NoticeSubject.REFUND, NoticeSubject.DISPUTE})


def receive(
    context: Context, books: Books, query: Query, gateway_id: str, body: bytes, headers: Mapping[str, str]
) -> list[ReceivedNotice]:
    """Verify a request of a gateway, and act on each notice in it.

    Raises:
        NoticeRejected: if it is not authentic, not recent, not readable or too long; nothing was looked up or stored.
        ConfigurationError: if there is no such gateway.
    """
    gateway = context.gateway(gateway_id)
    notices = _verified(gateway, body, headers)
    context.accounts.follow()  # whose something is must not be behind: what is thought foreign does not come again
    return [_act_on(context, books, query, gateway_id, notice) for notice in notices]


def _verified(gateway: Gateway, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
    if not isinstance(body, bytes):
        raise NoticeRejected("must be the request's raw bytes", field="body")
    if len(body) > NOTICE_BYTES_MAX:
        raise NoticeRejected(f"is longer than {NOTICE_BYTES_MAX:,} bytes", field="body")
    try:
        notices = gateway.notices(body, _by_name(headers))
    except LedgerError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a check of strangers' bytes stumbles over is a no
        raise NoticeRejected(f"cannot be verified ({type(error).__name__})", field="body") from None
    for notice in notices:
        names = (notice.notice_id, notice.reference, notice.operation_id, notice.charge_reference, notice.customer_id)
        for name in names:
            if name is not None and (not name or name != storable(name, REFERENCE_LENGTH_MAX)):
                raise NoticeRejected("names what cannot be stored", field="body")
    return notices


def _by_name(headers: _Headers) -> Mapping[str, str]:
    """Return the headers as a mapping; one that comes several times is one list of values, as HTTP has it."""
    if not isinstance(headers, _Headers) or len(headers) > HEADERS_MAX:
        raise NoticeRejected(f"are no mapping of at most {HEADERS_MAX} headers", field="headers")
    if isinstance(headers, Mapping):
        return headers
    by_name: dict[str, str] = {}
    for name, value in headers.items():
        by_name[name] = f"{by_name[name]}, {value}" if name in by_name else value
    return by_name


def _act_on(context: Context, books: Books, query: Query, gateway_id: str, notice: Notice) -> ReceivedNotice:
    mark = derived_id("ntc", gateway_id, notice.notice_id)
    whose = _whose(context, query, gateway_id, notice)
    if context.accounts.account_of(mark) is not None:
        outcome = NoticeOutcome.DUPLICATE
    elif whose is None and notice.operation_id is None:
        outcome = NoticeOutcome.FOREIGN
    else:
        outcome = _heard(context, whose, mark, gateway_id, notice)
    account_id = whose.account_id if whose else None
    if outcome is NoticeOutcome.UNEXPLAINED:
        _record_unexplained(context, books, account_id, gateway_id, notice)
    return ReceivedNotice(
        gateway=gateway_id,
        notice_id=notice.notice_id,
        subject=notice.subject.value,
        reference=notice.reference,
        occurred_at=notice.occurred_at,
        outcome=outcome,
        account_id=account_id,
        operation_id=whose.operation_id if whose else None,
    )


# Whose it is ------------------------------------------------------------------------------------------------------


def _whose(context: Context, query: Query, gateway_id: str, notice: Notice) -> _Whose | None:
    known = operation_at(query, gateway_id, notice.reference)
    if known is not None:
        return _Whose(*known)
    account_id = context.accounts.account_of(notice.operation_id) if notice.operation_id else None
    charged = operation_at(query, gateway_id, notice.charge_reference) if notice.charge_reference else None
    if charged is not None and charged[0] != account_id:
        return _Whose(*charged)
    if account_id is not None:
        return _Whose(account_id, notice.operation_id)
    if notice.customer_id is None or notice.operation_id is not None or notice.subject is NoticeSubject.OTHER:
        return None
    account_id = account_of_customer(query, gateway_id, notice.customer_id)
    return _Whose(account_id, None) if account_id is not None else None


# What becomes of it -----------------------------------------------------------------------------------------------


def _heard(context: Context, whose: _Whose | None, mark: str, gateway_id: str, notice: Notice) -> NoticeOutcome:
    if whose is not None and not _is_explicable(context, whose, gateway_id, notice):
        return NoticeOutcome.UNEXPLAINED
    if whose is not None and _hear(context, whose, gateway_id, notice, _marking(whose, mark, gateway_id, notice)):
        return NoticeOutcome.RECORDED
    is_new = context.now() < notice.occurred_at + context.settings.notice_retry_within
    return NoticeOutcome.LATER if is_new else NoticeOutcome.UNEXPLAINED


def _is_explicable(context: Context, whose: _Whose, gateway_id: str, notice: Notice) -> bool:
    """Say whether looking, now or later, can explain it.

    It cannot where a customer of ours was charged without us, or where the gateway does not tell of such things.
    """
    if whose.operation_id is None:
        return notice.subject is NoticeSubject.CARD
    return notice.subject is not NoticeSubject.DISPUTE or disputes.is_told(context, gateway_id)


def _marking(whose: _Whose, mark: str, gateway_id: str, notice: Notice) -> Marked:
    received = e.NoticeReceived(
        operation_id=whose.operation_id or mark,
        mark=mark,
        gateway=gateway_id,
        notice_id=notice.notice_id,
        subject=notice.subject,
        about=notice.reference,
        occurred_at=notice.occurred_at,
    )

    def marked(decide: Decide) -> Decide:
        def once(account: Account, history: History) -> Sequence[e.Event]:
            return () if history(mark) else [*decide(account, history), received]

        return once

    return marked


def _hear(context: Context, whose: _Whose, gateway_id: str, notice: Notice, marked: Marked) -> bool:
    """Look up what a notice is about and record what is new with its mark; say whether it could be looked up."""
    account_id, operation_id = whose
    if operation_id is None:
        return hear_of_cards(context, account_id, gateway_id, marked)
    first = context.accounts.start_of(account_id, operation_id).event
    if notice.subject is NoticeSubject.CARD and not isinstance(first, e.CardSavingRequested):
        return hear_of_cards(context, account_id, gateway_id, marked)
    hear = _BY_FIRST_EVENT.get(type(first))
    charge = _charge(account_id, gateway_id, first, notice)
    if charge is None or not disputes.is_told(context, gateway_id):
        return hear is not None and hear(context, account_id, operation_id, notice.reference, marked)
    is_about = _is_about(notice, first)
    after = disputes.look(context, charge, notice.reference if is_about else None)
    if hear is not None and is_about:
        also = _also(context, charge, after, marked)
        return hear(context, account_id, operation_id, notice.reference, also) and after is not None
    if not isinstance(after, AfterCapture) or _may_lag(context, gateway_id, notice, after):
        return False
    return disputes.hear(context, charge, after, marked)


def _is_about(notice: Notice, first: e.Event) -> bool:
    """Say whether a notice is about an operation's own object, not about what somebody did to its charge."""
    return isinstance(first, e.RefundRequested) or notice.subject not in {NoticeSubject.REFUND, NoticeSubject.DISPUTE}


def _charge(account_id: str, gateway_id: str, first: e.Event, notice: Notice) -> ChargeAt | None:
    """Return the charge that a notice about money concerns."""
    if notice.subject not in _MONEY:
        return None
    match first:
        case e.TopUpRequested():
            own = notice.reference if notice.subject is NoticeSubject.CHARGE else None
            reference = notice.charge_reference or own
            return ChargeAt(account_id, first.operation_id, gateway_id, reference) if reference else None
        case e.RefundRequested() | e.ChargeEvent():
            return ChargeAt(account_id, first.transaction_id, gateway_id, first.charge_reference)
    return None


def _also(context: Context, charge: ChargeAt, after: AfterCapture | NotFound | None, marked: Marked) -> Marked:
    """Let a decision be followed by the one about what left its charge, and by the mark once that is known."""
    if after is None:
        return unmarked
    if isinstance(after, NotFound):
        return marked
    recording = disputes.recording(context, charge, after)
    return lambda decide: marked(followed_by(decide, recording))


def _may_lag(context: Context, gateway_id: str, notice: Notice, after: AfterCapture) -> bool:
    """Say whether the look-up may be from before what the notice tells.

    What is not listed when it must be is none of what takes money: a refund that failed, an inquiry.
    """
    references = {*(made.reference for made in after.refunds), *(dispute.reference for dispute in after.disputes)}
    lag = context.gateway(gateway_id).capabilities.lookup_lag
    return notice.reference not in references and context.now() < notice.occurred_at + lag


# What nothing explains --------------------------------------------------------------------------------------------


def _record_unexplained(
    context: Context, books: Books, account_id: str | None, gateway_id: str, notice: Notice
) -> None:
    unexplained = e.NoticeUnexplained(
        mark=derived_id("ntu", gateway_id, notice.notice_id),
        gateway=gateway_id,
        notice_id=notice.notice_id,
        subject=notice.subject,
        about=notice.reference,
        occurred_at=notice.occurred_at,
    )
    if account_id is None:
        books.enter(context.cause, f"{GATEWAY_PREFIX}{gateway_id}", unexplained)
    else:
        context.transact(account_id, lambda *_: () if books.is_entered(unexplained) else [unexplained])
