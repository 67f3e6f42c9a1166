"""The operators' command line, `interact-ledger`. Thin: every rule is the ledger's.

`app` puts the commands together; `running` is the one place where a command gets its ledger and its errors are
told; `output` the one place where anything is printed. A module per part of the product has its commands.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

PROGRAM = "interact-ledger"
INSTALL = 'python -m pip install "interact_ledger[cli]" (or ".[cli]" from a clone)'


def main() -> None:
    """Run the command line, or say what to install if it lacks what it needs."""
    try:
        from interact_ledger.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"typer", "rich"}:
            raise
        sys.exit(f"{PROGRAM} needs {missing}, which is not installed: {INSTALL}")
    app(prog_name=PROGRAM)
