"""Refusals, as Stripe words them."""

from __future__ import annotations

from typing import Any

__all__ = ["Refused", "card_error", "invalid", "missing"]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: dict[str, Any], *, stored: bool = True) -> None:
        super().__init__(error.get("message"))
        self.status = status
        self.body = {"error": error}
        self.stored = stored
        """Whether the idempotency key remembers it: not what failed before anything was executed."""


def invalid(
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    stored: bool = True,
    status: int = 400,
    **more: Any,
) -> Refused:
    named = {name: value for name, value in (("code", code), ("param", param)) if value is not None}
    return Refused(status, {"type": "invalid_request_error", "message": message, **named, **more}, stored=stored)


def missing(what: str, name: str, param: str, status: int = 404) -> Refused:
    return invalid(f"No such {what}: '{name}'", code="resource_missing", param=param, status=status, stored=False)


def card_error(error: dict[str, Any], **about: Any) -> Refused:
    return Refused(402, {**error, **about})
