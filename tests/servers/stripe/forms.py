"""Stripe's form encoding, read without any code of the SDK: `a[b][0]=c` is {"a": {"b": ["c"]}}."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["decoded"]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decoded(encoded: str) -> dict[str, Any]:
    """Return what a body or a query says; a name that comes twice or makes no sense is a ValueError."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded)):
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"not a name: {name}")
        _put(tree, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value)
    return {name: _with_lists(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    *above, last = path
    for part in above:
        tree = tree.setdefault(part, {})
    if last in tree:
        raise ValueError(f"comes twice: {path}")
    tree[last] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {str(number) for number in range(len(value))}:
        return [_with_lists(value[str(number)]) for number in range(len(value))]
    return {name: _with_lists(below) for name, below in value.items()}
