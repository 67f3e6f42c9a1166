"""Quotes: what was shown is what is charged, once, until it expires (product rule 11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interact_ledger.domain import events as e
from interact_ledger.errors import QuoteAlreadyUsed, QuoteExpired, QuoteNotFound

__all__ = ["refuse_expired", "usable_quote"]


def usable_quote(past: Sequence[e.Recorded], now: datetime) -> e.CheckoutQuoted:
    """Return the quote from its operation's events if it can be charged now.

    Raises:
        QuoteNotFound, QuoteAlreadyUsed, QuoteExpired
    """
    quote = past[0].event if past else None
    if not isinstance(quote, e.CheckoutQuoted):
        raise QuoteNotFound("there is no such quote on this account; call checkout first", field="quote_id")
    if any(isinstance(recorded.event, e.TopUpRequested) for recorded in past):
        raise QuoteAlreadyUsed("this quote was used by another top-up; call checkout for a new one", field="quote_id")
    refuse_expired(quote, now)
    return quote


def refuse_expired(quote: e.CheckoutQuoted, now: datetime) -> None:
    """Nothing is sent for a quote after its expiry, a further attempt neither."""
    if now >= quote.expires_at:
        raise QuoteExpired(f"expired at {quote.expires_at:%Y-%m-%d %H:%M} UTC; call checkout again", field="quote_id")
