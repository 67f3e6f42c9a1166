"""Whatever the documentation shows, Python and commands, does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pages import ROOT, Page, compare, page_paths


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", page_paths(), ids=named)
def test_a_page_does_what_it_says(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Page(path).run()


@pytest.mark.parametrize("path", page_paths(), ids=named)
def test_links_within_the_project_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named_targets = {
        target
        for path in page_paths()
        for target in re.findall(r"(?:`|^)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= named_targets
    assert named_targets <= targets


def test_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^  make ([a-z]+)", listed, re.MULTILINE)) == targets


def test_a_page_that_says_something_else_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    for wrong in ("```python\nprint(1)\n```\n```output\n2\n```\n", "```console\n$ echo 1\n2\n```\n"):
        page.write_text(wrong, encoding="utf-8")
        with pytest.raises(AssertionError, match="this was printed:\n1"):
            Page(page).run()


def test_three_dots_stand_for_anything():
    compare("txn_... succeeded", "txn_0123 succeeded\n")
