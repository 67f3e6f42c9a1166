"""A disk that is full refuses a payment in words that say so, and takes it, once, when it has room again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest


@cache
def with_a_disk_of_its_own() -> Sequence[str] | None:
    """Return the command under which a process may mount a disk that only it sees, None if the system lets nobody."""
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--user", "--map-root-user"]
    try:
        tried = subprocess.run([*alone, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return alone if tried.returncode == 0 else None


WAYS = {"no larger files": ()} | ({"a small disk": with_a_disk_of_its_own()} if with_a_disk_of_its_own() else {})
"""Filling a disk for good needs one that is ours; where that may not be, the system is asked to take no more."""


@pytest.mark.parametrize("when", ["before the request", "while it charges"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.programme(row=4, what="full disks", ci=1, release=1, each=1)
def test_a_full_disk_is_named_and_the_same_request_is_done_once_when_it_has_room(way, when, part, tmp_path: Path):
    story = [sys.executable, str(Path(__file__).with_name("full_disk_story.py")), way, str(tmp_path), when]
    ran = subprocess.run([*WAYS[way], *story], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    error, message = told.pop("told")
    assert error == "StorageUnavailable"
    assert "disk" in message
    assert told == {
        "captured when full": 0 if when == "before the request" else 1,
        "answers": ["succeeded", "succeeded"],
        "captured": 1,
        "invoices": 1,
        "findings": [],
        "open": 0,
    }
