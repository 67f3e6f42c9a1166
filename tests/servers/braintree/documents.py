"""XML as Braintree writes it (hyphens, types, `nil`) and as its SDK sends it (underscores, `item`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

__all__ = ["Many", "errors", "read", "write"]


@dataclass(frozen=True)
class Many:
    """Elements of one name; `kind` is the attribute `type` around them."""

    tag: str
    values: list[Any]
    kind: str = "array"


def write(tag: str, value: Any) -> str:
    """Write an element."""
    match value:
        case None:
            return f'<{tag} nil="true"/>'
        case bool():
            return f'<{tag} type="boolean">{str(value).lower()}</{tag}>'
        case int():
            return f'<{tag} type="integer">{value}</{tag}>'
        case datetime():
            return f'<{tag} type="datetime">{value:%Y-%m-%dT%H:%M:%SZ}</{tag}>'
        case date():
            return f'<{tag} type="date">{value:%Y-%m-%d}</{tag}>'
        case Many():
            inner = "".join(write(value.tag, each) for each in value.values)
            return f'<{tag} type="{value.kind}">{inner}</{tag}>'
        case dict():
            return f"<{tag}>{''.join(write(name, each) for name, each in value.items())}</{tag}>"
    return f"<{tag}>{escape(str(value))}</{tag}>"


def errors(about: str, code: str, attribute: str, **also: Any) -> str:
    """Write an error response with one validation error, or with none if `code` is empty."""
    nested = {"code": code, "attribute": attribute, "message": f"Error {code}."}
    content = {
        "errors": {
            "errors": Many("error", []),
            **({about: {"errors": Many("error", [nested])}} if code else {}),
        },
        "message": f"Error {code}.",
        **also,
    }
    return write("api-error-response", content)


def read(body: bytes) -> dict[str, Any]:
    """Read a request's document, without its root."""
    content = _read(ET.fromstring(body)) if body else {}
    assert isinstance(content, dict)
    return content


def _read(element: ET.Element) -> Any:
    kind = element.get("type")
    if kind == "array":
        return [_read(child) for child in element]
    if kind == "boolean":
        return element.text == "true"
    if len(element):
        return {child.tag: _read(child) for child in element}
    return element.text or ""
