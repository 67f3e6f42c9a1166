"""What a ledger promises or does not, as the storage of its events allows."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Guarantees"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantees:
    """What a ledger promises on SQLite and PostgreSQL, and does not where its events are kept elsewhere.

    What holds everywhere is not listed: each request is done once, no command overdraws, an append is stored whole or
    not at all, events are chained, and recovery and every table come from the log alone.
    """

    rows_with_events: bool = True
    """Every table is written in the same commit as its events, and so is never behind them."""
    one_order: bool = True
    """The whole log is read in the order in which events of different accounts were committed."""
    ends_by_deadline: bool = True
    """A command ends by the settings' `command_deadline`, also if the database does not answer."""
    append_only: bool = True
    """The database itself refuses to change or delete an event."""
    one_invoice_per_payment: bool = True
    """A payment gets one invoice number and a refund one credit note, also while processes with two sellers run."""

    @property
    def off(self) -> tuple[str, ...]:
        """The names of those that do not hold."""
        return tuple(field.name for field in fields(self) if not getattr(self, field.name))
