"""The demo's story, chapter by chapter, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chapters.afterwards import dispute, refund_in_dashboard
from chapters.automatic import auto_top_up, failing_card, monthly_recharge
from chapters.books import audit, show_statement
from chapters.card_testing import keep_testers_out
from chapters.cards import authenticate, declined, keep_cards, refuse_card_numbers
from chapters.first_payment import estimate_first, methods_on_offer, refuse_too_little, review_and_pay
from chapters.granted import grant
from chapters.notifications import tell_customers
from chapters.recovery import recover
from chapters.spending import hold, refuse_overspending, spend
from chapters.story import Story

__all__ = ["CHAPTERS", "Story"]

CHAPTERS: Sequence[Callable[[Story], None]] = (
    methods_on_offer,
    estimate_first,
    refuse_too_little,
    review_and_pay,
    spend,
    refuse_overspending,
    keep_cards,
    refuse_card_numbers,
    declined,
    authenticate,
    recover,
    hold,
    auto_top_up,
    monthly_recharge,
    failing_card,
    grant,
    refund_in_dashboard,
    dispute,
    tell_customers,
    keep_testers_out,
    show_statement,
    audit,
)
