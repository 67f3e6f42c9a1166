"""Runs the pages of the documentation: their Python, what it prints, and their commands.

In a page, a `python` block is run; an `output` block is what has been printed since the last one; in a `console`
block, `$ ` starts a command and what it prints follows. `...` in an output stands for anything. All of a page is run
in one folder of its own, and shares its names. Blocks of any other language are only shown.

The pages are parsed by Sybil, which is maintained and takes evaluators of one's own; one test runs one page, because
the tests are spread over several processes, and the blocks of a page follow from one another.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sybil import Example
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser

__all__ = ["ROOT", "Page", "page_paths"]

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def page_paths() -> list[Path]:
    """Return the Markdown pages whose blocks are run."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Page:
    """One page, to be run in the present folder."""

    def __init__(self, path: Path) -> None:
        evaluators = {"python": self._python, "output": self._output, "console": self._console}
        parsers = [CodeBlockParser(language, evaluator) for language, evaluator in evaluators.items()]
        self._document = Document.parse(str(path), *parsers)
        self._printed = io.StringIO()
        self._environment = Path(".environment").absolute()
        self._environment.touch()

    def run(self) -> None:
        """Run every block, and close what the page leaves open."""
        with contextlib.ExitStack() as left_open:
            left_open.callback(self._close)
            for example in self._document.examples():
                example.evaluate()

    def _python(self, example: Example) -> None:
        place = f"{Path(example.path).name}, line {example.line}"
        code = compile("\n" * example.line + example.parsed, place, "exec", dont_inherit=True)
        with contextlib.redirect_stdout(self._printed):
            exec(code, example.namespace)

    def _output(self, example: Example) -> None:
        printed, self._printed = self._printed.getvalue(), io.StringIO()
        compare(example.parsed, printed)

    def _console(self, example: Example) -> None:
        for command, wanted in commands(example.parsed):
            compare(wanted, self._shell(command))

    def _shell(self, command: str) -> str:
        """Run a command in the shell that the page's earlier commands left behind, its variables included."""
        remembered = shlex.quote(str(self._environment))
        script = f"set -a; . {remembered}; {command}\nexport -p > {remembered}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INTERACT_LEDGER_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
        run = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**inherited, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        return run.stdout + run.stderr

    def _close(self) -> None:
        for value in reversed(list(self._document.namespace.values())):
            if hasattr(value, "close") and not isinstance(value, type):
                value.close()


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with what it prints."""
    for part in f"\n{block}".split("\n$ ")[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def compare(wanted: str, printed: str) -> None:
    """Hold what was printed against what the page says; no-break spaces of formatted money count as spaces."""
    wanted, printed = f"{wanted.rstrip()}\n", f"{printed.rstrip()}\n".replace("\u00a0", " ")
    if not doctest.OutputChecker().check_output(wanted, printed, OPTIONS):
        raise AssertionError(f"the page says:\n{wanted}\nthis was printed:\n{printed}")
