"""The reliability programme: each of its tests names its row and two sizes, and one table says what was tried.

A test takes its share of the work as `part`, a range of numbers:

    @pytest.mark.programme(row=5, what="sessions terminated", ci=300, release=3_000, each=100)
    def test_commands_go_on_while_their_sessions_are_killed(part): ...

`pytest` runs the small size and `make torture` the large one. A size of 0 leaves the test out.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import progress

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
    "tried",
]

HEADER = ("row", "what", "tried", "failed", "seconds")
TABLES = {"ci": Path("build") / "programme.md", "release": Path("build") / "torture.md"}


@dataclass
class Line:
    """What the parts of one test came to."""

    tried: int = 0
    failed: int = 0
    seconds: float = 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("the reliability programme")
    group.addoption("--tier", choices=("ci", "release"), default="ci", help="how much of it is tried")
    group.addoption("--row", type=int, help="only this row of it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "programme(row, what, ci, release, each): a test of the reliability programme")
    if config.getoption("tier") == "release" and progress.wanted(config):
        config.pluginmanager.register(progress.ProgressBar())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("programme")
    if marker is None or "part" not in metafunc.fixturenames:
        return
    size, each = marker.kwargs[metafunc.config.getoption("tier")], marker.kwargs["each"]
    parts = [range(start, min(start + each, size)) for start in range(0, size, each)] or [range(0)]
    metafunc.parametrize("part", parts, ids=[f"{part.start}-{part.stop}" for part in parts])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    row = config.getoption("row")
    left_out = [item for item in items if _is_left_out(item, row)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    for item in items:
        marker = item.get_closest_marker("programme")
        if marker is not None:
            what = " ".join([marker.kwargs["what"], *_variants(item)])
            item.user_properties.append(("programme", [marker.kwargs["row"], what]))
            item.add_marker("no_cover")  # measuring would double the time of what runs the same lines so often


def _is_left_out(item: pytest.Item, row: int | None) -> bool:
    marker = item.get_closest_marker("programme")
    if row is not None and (marker is None or marker.kwargs["row"] != row):
        return True
    return _parameters(item).get("part") == range(0)


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _variants(item: pytest.Item) -> Iterator[str]:
    for value in _parameters(item).values():
        if isinstance(value, str):
            yield f"({value})"


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Say how many were really tried, if it is not as many as the part has numbers."""

    def say(count: int) -> None:
        request.node.user_properties.append(("tried", count))

    return say


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("programme") is not None:
        item.user_properties.append(("tried", len(_parameters(item).get("part", [None]))))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reports = [report for key in ("passed", "failed", "error") for report in terminalreporter.stats.get(key, ())]
    lines = _lines(reports)
    if not lines:
        return
    table = _as_table(lines)
    tier = config.getoption("tier")
    terminalreporter.section(f"what the reliability programme tried, tier {tier}")
    terminalreporter.write_line(table)
    TABLES[tier].parent.mkdir(exist_ok=True)
    TABLES[tier].write_text(f"Tier {tier}, {_where()}\n\n{table}\n")


def _where() -> str:
    """Say when, and on what, as somebody who compares two tables wants to know."""
    today = datetime.now(UTC).date()
    return f"{today}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"


def _lines(reports: Iterable[pytest.TestReport]) -> dict[tuple[int, str], Line]:
    lines: dict[tuple[int, str], Line] = {}
    for report in reports:
        properties = dict(getattr(report, "user_properties", ()))  # a failed collection has none
        if "programme" not in properties or (report.when != "call" and report.passed):
            continue
        row, what = properties["programme"]
        line = lines.setdefault((row, what), Line())
        line.tried += properties["tried"]
        line.failed += not report.passed
        line.seconds += report.duration
    return dict(sorted(lines.items()))


def _as_table(lines: dict[tuple[int, str], Line]) -> str:
    rows = [
        (str(row), what, f"{line.tried:,}", str(line.failed), f"{line.seconds:.0f}")
        for (row, what), line in lines.items()
    ]
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    ruled = [HEADER, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in ruled
    )
