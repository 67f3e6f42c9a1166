"""What stands in the way of one of many things to be done, of which none keeps the others waiting."""

from __future__ import annotations

from interact_ledger.errors import LedgerError

__all__ = ["what_went_wrong"]


def what_went_wrong(error: Exception) -> str:
    """Say what went wrong; of an adapter's own mistake only its kind, as its text may hold what is not to be shown."""
    return f"{error.code}: {error.message}" if isinstance(error, LedgerError) else f"failed: {type(error).__name__}"
