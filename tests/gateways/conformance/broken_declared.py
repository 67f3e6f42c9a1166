"""Gateways that say wrong things of themselves, or whose benches do, each in one way."""

from __future__ import annotations

from dataclasses import replace

from kit_runner import Broken, breaks

from interact_ledger.gateways.protocol import Capabilities


@breaks(
    "it_has_every_method_and_a_name_that_events_can_bear",
)
class NameWithSpaces(Broken):
    """Its name cannot stand in an event."""

    @property
    def gateway_id(self) -> str:
        return "my gateway"


@breaks(
    "capabilities_agree_with_each_other",
)
class CountriesInSmallLetters(Broken):
    """Its countries are not written as ISO 3166-1 has them, so no customer is in one."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, countries=frozenset({"gb"}))


@breaks(
    "a_charge_that_was_never_captured_is_not_found",
    "a_pending_charge_is_pending_until_it_settles",
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
    "what_no_card_does_is_pinned",
)
class NoCardPends(Broken):
    """Its bench has no card that pends, and nobody pinned that."""

    without_cards = frozenset({"pends"})


@breaks(
    "whether_every_deed_is_noticed_is_declared",
)
class SaysItTellsLess(Broken):
    """It sends a notice of everything, and declares that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, sends_every_notice=False)
