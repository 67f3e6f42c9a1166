"""What the generated pages are made of: what the sources say, and Markdown."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

__all__ = [
    "Field",
    "alias_docs",
    "classes_of",
    "fields_of",
    "fields_table",
    "page_of",
    "paragraph",
    "rest_of",
    "sentence",
    "table_of",
    "text_of",
]

WIDTH = 120


class Field(NamedTuple):
    """A field of a class, as its source has it."""

    name: str
    annotation: str
    default: str
    doc: str


# What the sources say ---------------------------------------------------------------------------------------------


def classes_of(module: ModuleType) -> Iterator[tuple[str, type]]:
    """Yield a module's own classes in the order of its file."""
    for name, cls in vars(module).items():
        if inspect.isclass(cls) and cls.__module__ == module.__name__:
            yield name, cls


def fields_of(cls: type) -> list[Field]:
    """Return the fields of a class, inherited ones first, with the text that stands below each."""
    found: dict[str, Field] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("interact_ledger"):
            found.update((field.name, field) for field in own_fields(base))
    return list(found.values())


def own_fields(cls: type) -> Iterator[Field]:
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    for statement_, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(statement_, ast.AnnAssign) or not isinstance(statement_.target, ast.Name):
            continue
        annotation = ast.unparse(statement_.annotation)
        if annotation.startswith("ClassVar"):
            continue
        default = ast.unparse(statement_.value) if statement_.value else ""
        yield Field(statement_.target.id, annotation, default, paragraph(text_of(after)))


def alias_docs(*modules: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield the names that modules give to types, each with the text that stands below it, where there is one."""
    for module in modules:
        body = ast.parse(inspect.getsource(module)).body
        for node, after in pairwise(body):
            if isinstance(node, ast.Assign) and (text := text_of(after)):
                yield ast.unparse(node.targets[0]), paragraph(text)


def text_of(node: ast.stmt | None) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None


# Markdown ---------------------------------------------------------------------------------------------------------


def paragraph(doc: str | None, number: int = 0) -> str:
    """Return one paragraph of a docstring on one line, an empty text if there is none."""
    parts = inspect.cleandoc(doc or "").split("\n\n")
    return " ".join(parts[number].split()) if number < len(parts) else ""


def rest_of(doc: str | None) -> str:
    """Return a docstring without its first paragraph."""
    parts = inspect.cleandoc(doc or "").split("\n\n")[1:]
    return "\n\n".join(" ".join(part.split()) for part in parts)


def sentence(cls: type) -> str:
    return paragraph(cls.__doc__)


def fields_table(fields: Iterable[Field], *, defaults: bool = False) -> str:
    rows = []
    for field in fields:
        kind = f"`{without_checks(field.annotation)}`{mark(field.annotation)}"
        default = [f"`{field.default}`" if field.default else "required"] if defaults else []
        rows.append((f"`{field.name}`", kind, *default, field.doc))
    headings = ("Field", "Type", "Default", "Meaning") if defaults else ("Field", "Type", "Meaning")
    return table_of(headings, rows) if rows else ""


def without_checks(annotation: str) -> str:
    """Return an annotated type without what pydantic checks of it."""
    return re.sub(r"^Annotated\[(.+?), Field\(.*\)\]$", r"\1", annotation)


def mark(annotation: str) -> str:
    marks = {"PersonalText": " *personal*", "GatewayToken": " *secret*"}
    return "".join(text for name, text in marks.items() if name in annotation)


def table_of(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page_of(parts: Iterable[str]) -> str:
    """Return a page made of blocks, with the lines of its paragraphs no longer than need be."""
    return "\n\n".join(_wrapped(block) for part in parts if part for block in _blocks(part)) + "\n"


def _blocks(part: str) -> Sequence[str]:
    return [part] if part.startswith("```") else part.split("\n\n")


def _wrapped(block: str) -> str:
    if block.startswith(("#", "|", "```", "<!--")):
        return block
    return "\n".join(
        textwrap.fill(
            line,
            WIDTH,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in (block.split("\n") if "\n- " in block else [" ".join(block.split())])
    )
