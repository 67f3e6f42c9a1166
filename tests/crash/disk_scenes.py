"""The commands that meet a failing disk: some of those that are killed, and the opening of a ledger."""

from __future__ import annotations

from functools import partial

import crash_commands as do
from crash_scenes import FUNDED, SCENES, Scene

__all__ = ["DISK_SCENES", "OPENINGS"]

_NAMES = (
    "a top-up that saves its card",
    "a campaign",
    "the removal of a card",
    "the recovery of a charge that never arrived",
    "the numbering of invoices",
)
OPENINGS = (
    Scene(name="the opening of a new ledger", prepare=(), request=partial(do.adjust, amount="7.000001")),
    Scene(name="the opening of a ledger", prepare=FUNDED, request=partial(do.adjust, amount="1"), moved="1"),
)
"""Here the fault is met while the ledger is opened; the request comes after."""

DISK_SCENES = {name: SCENES[name] for name in _NAMES} | {scene.name: scene for scene in OPENINGS}
