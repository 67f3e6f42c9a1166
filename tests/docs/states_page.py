"""The page of states, read: what each table and each drawing says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pages import ROOT

from interact_ledger.domain.events import TOPICS

__all__ = ["CONCEPT_EDGES", "DRAWINGS", "MACHINES", "MOVING_NOTHING", "START", "Edge", "Row", "named_topics"]

START = "[*]"
BESIDE = "Recorded with it, and moving nothing:"


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


class Row(NamedTuple):
    """One state of a table."""

    state: str
    topics: frozenset[str]
    """What brings it about."""
    who: frozenset[str]


class Edge(NamedTuple):
    """One arrow of a drawing."""

    before: str
    after: str


def sections() -> Iterator[tuple[str, str]]:
    for section in text_of("reference/states.md").split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        yield title, text


def rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] not in {"State", "---"}:
            yield Row(cells[0], named_topics(cells[1]), frozenset(cells[2].split(", ")))


def named_topics(text: str) -> frozenset[str]:
    """Return the topics that a text names; whatever looks like one must be one."""
    named = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", text)
    return frozenset(name for name in named if "-" in name or name in TOPICS)


def drawings(text: str) -> list[frozenset[Edge]]:
    drawn = re.findall(r"^stateDiagram-v2\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    arrows = [re.findall(r"^\s*(\S+) --> (\w+)", drawing, re.MULTILINE) for drawing in drawn]
    return [frozenset(Edge(*arrow) for arrow in drawing) for drawing in arrows]


MACHINES = {title: list(rows(text)) for title, text in sections() if "| State |" in text}

_top_up, _dispute = drawings(text_of("ARCHITECTURE.md"))
DRAWINGS = {"Top-up": _top_up, "Dispute": _dispute} | {
    title: drawn for title, text in sections() for drawn in drawings(text)
}
(CONCEPT_EDGES,) = drawings(text_of("concepts/attempts-and-recovery.md"))


def beside() -> Iterator[str]:
    """Yield each text that names events which move nothing."""
    for title, text in sections():
        if BESIDE in text:
            yield text.partition(BESIDE)[2].partition("\n\n")[0]
        if title == "What moves no state":
            yield text


MOVING_NOTHING = [topic for text in beside() for topic in named_topics(text)]
