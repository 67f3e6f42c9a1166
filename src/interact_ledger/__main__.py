"""`python -m interact_ledger` is `interact-ledger`."""

from __future__ import annotations

from interact_ledger.cli import main

main()
