"""Directories for what is thrown away at once, and need not outlive a power cut: in memory, where there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["scratch"]

_MEMORY = Path("/dev/shm")  # as on every Linux; elsewhere the usual place must do


@contextmanager
def scratch(megabytes: int) -> Iterator[Path]:
    """Give an empty directory, in memory if so much is free there; other users may look into it."""
    roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > megabytes * 2**20
    with tempfile.TemporaryDirectory(dir=_MEMORY if roomy else None) as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)
