"""Gateways that keep in a process's memory what must outlast it, each in one way."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, TypeVar

from kit_runner import Broken, breaks

from interact_ledger.gateways.protocol import (
    CardRequest,
    CardResult,
    ChargeRequest,
    NewCard,
    RefundRequest,
    RefundResult,
)

Request = TypeVar("Request", ChargeRequest, CardRequest, RefundRequest)


class KeysInMemory(Broken):
    """It gives each attempt a random key of its own, and knows it again by a dictionary."""

    def _keyed(self, request: Request) -> Request:
        keys: dict[str, str] = self.__dict__.setdefault("_keys", {})
        return replace(request, attempt_id=keys.setdefault(request.attempt_id, secrets.token_hex(16)))


def _through_memory(name: str) -> Any:
    def method(self: Any, request: Any, *more: Any) -> Any:
        return getattr(super(KeysInMemory, self), name)(self._keyed(request), *more)

    return method


@breaks(
    "the_same_attempt_after_a_restart_is_one_charge",
    "a_lost_answer_is_one_charge_after_a_restart",
    "a_charge_is_found_after_a_restart",
)
class ChargesByKeysInMemory(KeysInMemory):
    """A process that was started anew charges again what another one has charged."""

    begin, charge, cancel, find_charge = map(_through_memory, ("begin", "charge", "cancel", "find_charge"))


@breaks(
    "the_same_saving_after_a_restart_keeps_one_card",
)
class SavesByKeysInMemory(KeysInMemory):
    """A process that was started anew saves again what another one has saved."""

    complete_save, cancel_save, find_card = map(_through_memory, ("complete_save", "cancel_save", "find_card"))

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        return super().save(self._keyed(request), card)


@breaks(
    "the_same_refund_after_a_restart_is_one_refund",
)
class RefundsByKeysInMemory(KeysInMemory):
    """A process that was started anew pays back again what another one has paid back."""

    find_refund = _through_memory("find_refund")

    def refund(self, request: RefundRequest) -> RefundResult:
        return super().refund(self._keyed(request))
