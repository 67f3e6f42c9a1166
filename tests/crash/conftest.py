"""Kills commands in processes of their own, on copies of prepared files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_scenes import SCENES, Scene, opened

KILLS = os.environ.get("INTERACT_LEDGER_KILLS", "40")
"""How many kills per command, evenly spread over its lines; "all" kills at every line."""


class Killing:
    """One scene, prepared once, and a process whose children are killed in it."""

    def __init__(self, name: str, directory: Path, process: subprocess.Popen[str]) -> None:
        self.scene: Scene = SCENES[name]
        self._name = name
        self._directory = directory
        self._process = process
        self._prepared = directory / "prepared"
        self._prepared.mkdir()
        with opened(self._prepared) as kit:
            self.scene.prepare(kit)

    def points(self, *, share: int = 1) -> list[int]:
        """Return after how many lines to kill, from before the first to behind the last; a share of what is asked."""
        lines = self._ended(self.copied(self._prepared), None)["executed"]
        assert lines is not None
        assert lines > 100, "the command was traced"
        if KILLS == "all":
            return [*range(lines + 1)]
        count = int(KILLS) // share
        return [round(lines * number / (count - 1)) for number in range(count)]

    def killed_after(self, lines: int) -> Path:
        """Return the directory that a killed command leaves behind."""
        directory = self.copied(self._prepared)
        assert self._ended(directory, lines)["signal"] == signal.SIGKILL
        return directory

    def copied(self, directory: Path) -> Path:
        """Copy the files as they are, all connections to them being closed or dead."""
        copy = self._directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(directory, copy))

    def _ended(self, directory: Path, last: int | None) -> dict[str, int | None]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"scene": self._name, "directory": str(directory), "last": last}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        told: dict[str, int | None] = json.loads(self._process.stdout.readline())
        return told


@pytest.fixture(scope="session")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose children are killed."""
    arguments = [sys.executable, str(Path(__file__).with_name("victim.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, **pipes) as started:
        yield started
        started.stdin.close()
        assert started.wait(timeout=60) == 0


@pytest.fixture(params=SCENES)
def killing(request: pytest.FixtureRequest, process: subprocess.Popen[str], tmp_path: Path) -> Killing:
    """Each command, ready to be killed."""
    return Killing(request.param, tmp_path, process)
