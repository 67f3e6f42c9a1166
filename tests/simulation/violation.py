"""What every observer says when an invariant does not hold."""

from __future__ import annotations

__all__ = ["Violation"]


class Violation(BaseException):
    """An invariant does not hold. No handler of the library may swallow it."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(invariant, what)
        self.invariant = invariant
        self.what = what

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"
