"""A progress bar for long runs: how many parts are done, how much was tried, and how long the rest will take.

It takes the place of pytest's dots where a person looks on; what fails is still said at once.
"""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as RestColumn

__all__ = ["ProgressBar", "wanted"]


def wanted(config: pytest.Config) -> bool:
    """Say whether somebody looks on in the process that reports."""
    reports = not hasattr(config, "workerinput")
    return reports and config.getoption("verbose") <= 0 and Console(stderr=True).is_terminal


class ProgressBar:
    """A pytest plugin; the terminal's own reports come before and after the bar."""

    def __init__(self) -> None:
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("parts,"),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            RestColumn(),
            TextColumn("left · {task.fields[tried]:,} tried, {task.fields[failed]} failed · {task.description}"),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None
        self._tried = self._failed = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Every worker collects the same."""
        self._begin(len(ids))

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        return ("passed", "", "") if report.passed and report.when == "call" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and not report.failed:
            return
        if report.failed:
            self._failed += 1
            self._progress.console.print(f"[bold red]failed[/] {report.nodeid}", soft_wrap=True)
        properties: dict[str, Any] = dict(report.user_properties)
        self._tried += properties.get("tried", 0)
        [_, what] = properties.get("programme", (None, ""))
        if self._task is not None:
            self._progress.update(self._task, advance=1, description=what, tried=self._tried, failed=self._failed)

    def pytest_sessionfinish(self) -> None:
        self._progress.stop()

    def _begin(self, parts: int) -> None:
        if self._task is None and parts:
            self._task = self._progress.add_task("", total=parts, tried=0, failed=0)
            self._progress.start()
