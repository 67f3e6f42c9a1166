"""The one fold: what an account, a top-up, the saving of a card and a refund are after their events.

It only adds up: no price, tax, rule or clock in it, so a changed rule never rewrites history.
"""

from interact_ledger.domain.fold.account import evolve
from interact_ledger.domain.fold.operations import fold_card_saving, fold_refund, fold_top_up

__all__ = ["FOLD_VERSION", "evolve", "fold_card_saving", "fold_refund", "fold_top_up"]

FOLD_VERSION = 6
"""Raised whenever the fold's result changes for the same events, so that older snapshots are discarded."""
