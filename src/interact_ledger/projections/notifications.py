"""What a customer, or the service, should be told of: one row for each thing, written with the event that it is about.

The ledger itself sends nothing. `processes/notifications.py` hands the rows to whoever subscribes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from pydantic_core import from_json, to_json

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, Standing
from interact_ledger.gateways.protocol import Initiator
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = ["NOTIFICATIONS", "Notification", "notifications_of", "rows"]

NOTIFICATIONS = Table(
    name="notifications",
    columns={
        "account_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "kind": ColumnType.TEXT,
        "recorded_at": ColumnType.TIME,
        "data": ColumnType.TEXT,
    },
    key=("account_id", "version", "kind"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something that a customer, or the service, should be told of."""

    account_id: str
    version: int
    """The event, by its position in the account's history."""
    kind: str
    """refund_done, dispute_opened, account_suspended, low_balance, auto_top_up_failed, auto_top_up_paused,
    auto_top_up_capped, monthly_recharge_action_required, monthly_recharge_disabled or card_expiring."""
    recorded_at: datetime
    data: Mapping[str, Any]
    """What it is about; amounts as decimal text in the account's currency."""

    @property
    def notification_id(self) -> str:
        """The same for each delivery of the same notification."""
        return f"{self.account_id}/{self.version}/{self.kind}"


Said: TypeAlias = dict[str, Any]

_BY_EVENT: Mapping[type[e.Event], tuple[str, Callable[[Any], Said | None]]] = {
    e.Refunded: (
        "refund_done",
        lambda event: {
            "refund_id": event.operation_id,
            "transaction_id": event.transaction_id,
            "total": event.total if event.claimed is None else event.claimed,
        },
    ),
    e.AutoTopUpFailed: (
        "auto_top_up_failed",
        lambda event: {"transaction_id": event.operation_id, "next_try_at": event.next_try_at},
    ),
    e.AutoTopUpPaused: (
        "auto_top_up_paused",
        lambda event: {"reason": event.reason, "transaction_id": event.operation_id},
    ),
    e.AutoTopUpPostponed: (
        "auto_top_up_capped",
        lambda event: (
            None
            if event.reason is e.PostponeReason.NOT_ATTEMPTED
            else {"cap": event.reason, "next_try_at": event.next_try_at}
        ),
    ),
    e.MonthlyRechargeDisabled: (
        "monthly_recharge_disabled",
        lambda event: {"reason": event.reason, "transaction_id": event.operation_id},
    ),
    e.CardExpiryAnnounced: (
        "card_expiring",
        lambda event: {
            "card_id": event.card_id,
            "expiry_month": event.expiry_month,
            "expiry_year": event.expiry_year,
            "due_at": event.due_at,
        },
    ),
    e.RefundMadeElsewhere: (
        "refund_done",
        lambda event: {"refund_id": event.operation_id, "transaction_id": event.transaction_id, "total": event.claimed},
    ),
    e.DisputeOpened: (
        "dispute_opened",
        lambda event: {
            "dispute_id": event.operation_id,
            "transaction_id": event.transaction_id,
            "total": event.claimed,
            "held": event.held,
            "evidence_due_by": event.evidence_due_by,
        },
    ),
}


def rows(recorded: e.Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield a row for each thing to be told of an event."""
    if before is None or after is None:
        return
    for kind, said in _to_be_told(recorded.event, before, after):
        yield NOTIFICATIONS.insert(
            account_id=recorded.stream_id,
            version=recorded.version,
            kind=kind,
            recorded_at=recorded.recorded_at,
            data=to_json({**said, "currency": after.currency}).decode(),
        )


def notifications_of(query: Query, events: Sequence[tuple[str, int]]) -> list[Notification]:
    """Return what is to be told of events, given as account and version, in their order."""
    found: dict[tuple[str, int], list[Notification]] = {}
    streams = sorted({account_id for account_id, _ in events})
    marks = ", ".join("?" * len(streams))
    versions = [version for _, version in events]
    for row in query(
        f"SELECT * FROM notifications WHERE account_id IN ({marks}) AND version BETWEEN ? AND ? ORDER BY kind",
        [*streams, min(versions), max(versions)],
    ):
        read = NOTIFICATIONS.read(row)
        told = Notification(**{**read, "data": from_json(read["data"])})
        found.setdefault((told.account_id, told.version), []).append(told)
    return [told for event in events for told in found.get(event, ())]


def _to_be_told(event: e.Event, before: Account, after: Account) -> Iterator[tuple[str, Said]]:
    if type(event) in _BY_EVENT and not _is_told_otherwise(event, after):
        kind, of = _BY_EVENT[type(event)]
        said = of(event)
        if said is not None:
            yield kind, said
    if isinstance(event, e.PaymentActionRequired) and _is_monthly(event.operation_id, after):
        yield (
            "monthly_recharge_action_required",
            {"transaction_id": event.operation_id, "expires_at": event.expires_at},
        )
    if before.standing is not Standing.SUSPENDED and after.standing is Standing.SUSPENDED:
        yield "account_suspended", {"balance": after.balance}
    threshold = after.low_balance_threshold
    if threshold is not None and after.available < threshold <= before.available:
        yield "low_balance", {"available": after.available, "threshold": threshold}


def _is_told_otherwise(event: e.Event, after: Account) -> bool:
    """Say whether a failure is not told: it is not the first in a row, or it paused what was agreed, which is told."""
    policy = after.auto_top_up
    is_paused = policy is not None and policy.paused is not None
    return isinstance(event, e.AutoTopUpFailed) and (event.failures > 1 or is_paused)


def _is_monthly(operation_id: str, after: Account) -> bool:
    """Say whether a payment is a month's. An auto top-up that waits for its customer is told of as a pause."""
    top_up = after.top_ups.get(operation_id)
    return top_up is not None and top_up.intent.initiator is Initiator.RECURRING
