"""Notices of a gateway (webhooks): verified, then taken as a hint to look at what they are about.

What a notice says is never believed: the object's present state is looked up and recorded, in the same append as the
mark that the notice was acted on. So a notice may come late, shuffled, several times and to several processes at
once. Whose an object is comes from our own index, or from an operation of ours that the object names and whose own
look-up then finds it.
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
from interact_ledger.gateways.protocol import Gateway, Notice
from interact_ledger.ids import derived_id
from interact_ledger.processes import cards, refunds, top_up
from interact_ledger.processes.attempts import Marked
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Decide, History
from interact_ledger.storage.index import operation_at
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
    """It names something of ours and was not found for so long that a person must look at the gateway."""


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
    operation_id: str


_Hear: TypeAlias = Callable[[Context, str, str, str, Marked], bool]

_BY_FIRST_EVENT: Mapping[type[e.Event], _Hear] = {
    e.TopUpRequested: top_up.hear,
    e.CardSavingRequested: cards.hear,
    e.RefundRequested: refunds.hear,
}


def receive(
    context: Context, query: Query, gateway_id: str, body: bytes, headers: Mapping[str, str]
) -> list[ReceivedNotice]:
    """Verify a request of a gateway, and act on each notice in it.

    Raises:
        NoticeRejected: if it is not authentic, not recent, not readable or too long; nothing was looked up or stored.
        ConfigurationError: if there is no such gateway.
    """
    gateway = context.gateway(gateway_id)
    notices = _verified(gateway, body, headers)
    context.accounts.follow()  # whose something is must not be behind: what is thought foreign does not come again
    return [_act_on(context, query, gateway_id, notice) for notice in notices]


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
        for name in (notice.notice_id, notice.reference, notice.operation_id):
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


def _act_on(context: Context, query: Query, gateway_id: str, notice: Notice) -> ReceivedNotice:
    mark = derived_id("ntc", gateway_id, notice.notice_id)
    whose = _whose(context, query, gateway_id, notice)
    if context.accounts.account_of(mark) is not None:
        outcome = NoticeOutcome.DUPLICATE
    elif whose is None and notice.operation_id is None:
        outcome = NoticeOutcome.FOREIGN
    elif whose is not None and _hear(context, whose, mark, gateway_id, notice):
        outcome = NoticeOutcome.RECORDED
    elif context.now() < notice.occurred_at + context.settings.notice_retry_within:
        outcome = NoticeOutcome.LATER
    else:
        outcome = NoticeOutcome.UNEXPLAINED
    return ReceivedNotice(
        gateway=gateway_id,
        notice_id=notice.notice_id,
        subject=notice.subject.value,
        reference=notice.reference,
        occurred_at=notice.occurred_at,
        outcome=outcome,
        account_id=whose.account_id if whose else None,
        operation_id=whose.operation_id if whose else None,
    )


def _whose(context: Context, query: Query, gateway_id: str, notice: Notice) -> _Whose | None:
    known = operation_at(query, gateway_id, notice.reference)
    if known is not None:
        return _Whose(*known)
    account_id = context.accounts.account_of(notice.operation_id) if notice.operation_id else None
    return _Whose(account_id, str(notice.operation_id)) if account_id else None


def _hear(context: Context, whose: _Whose, mark: str, gateway_id: str, notice: Notice) -> bool:
    first = context.accounts.start_of(whose.account_id, whose.operation_id).event
    hear = _BY_FIRST_EVENT.get(type(first))
    if hear is None:
        return False
    received = e.NoticeReceived(
        operation_id=whose.operation_id,
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

    return hear(context, whose.account_id, whose.operation_id, notice.reference, marked)
