"""A process of its own whose disk fills up while it pays, and has room again afterwards; it writes what happened.

Arguments: how the disk is filled, a directory of its own, and when: before the request, or while the gateway charges.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import crash_commands as do
from crash_places import Place
from crash_scenes import HASTY, opened, state_of

from interact_ledger.errors import LedgerError
from interact_ledger.testing import LedgerKit

MEGABYTE = 2**20


class Disk(NamedTuple):
    """A disk that can be filled."""

    directory: Path
    fill: Callable[[], None]
    free: Callable[[], None]


def small_disk(directory: Path) -> Disk:
    """Mount a disk of its own, which nobody but this process sees; it goes with the process."""
    disk, ballast = directory / "disk", directory / "disk" / "ballast"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={2 * MEGABYTE}", "none", disk], check=True)

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (MEGABYTE, 4096):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass

    return Disk(disk, fill, ballast.unlink)


def no_larger_files(directory: Path) -> Disk:
    """Use the disk that is there, on which the system lets this process write nothing more when it is full."""
    _, limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def only(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit))

    return Disk(directory, lambda: only(0), lambda: only(limit))


WAYS = {"a small disk": small_disk, "no larger files": no_larger_files}


def story(way: str, directory: Path, when: str) -> dict[str, Any]:
    disk = WAYS[way](directory)
    place = Place(f"sqlite:///{disk.directory / 'ledger.db'}", str(directory / "sandbox.db"))
    with opened(place, settings=HASTY) as kit:
        do.fund(kit)
        do.quote(kit)
        pay = do.pay(kit)
        if when == "while it charges":
            fill_while_charging(kit, disk)
        else:
            disk.fill()
        told = error_of(pay)
        captured_when_full = len(kit.gateway.captured())
        disk.free()
        answers = [pay().status for _ in range(2)]
        report = kit.ledger.audit()
        assert state_of(kit).available == do.BEFORE.amount + do.CREDIT.amount
        return {
            "told": told,
            "captured when full": captured_when_full,
            "answers": answers,
            "captured": len(kit.gateway.captured()),
            "invoices": state_of(kit).invoices,
            "findings": [str(finding) for finding in report.findings],
            "open": len(kit.ledger.recover()),
        }


def fill_while_charging(kit: LedgerKit, disk: Disk) -> None:
    charge = kit.gateway.charge

    def charge_and_fill(*arguments: Any) -> Any:
        kit.gateway.charge = charge
        result = charge(*arguments)
        disk.fill()
        return result

    kit.gateway.charge = charge_and_fill


def error_of(call: Callable[[], object]) -> list[str]:
    try:
        call()
    except LedgerError as error:
        return [type(error).__name__, str(error)]
    return []


def main() -> NoReturn:
    way, directory, when = sys.argv[1:]
    print(json.dumps(story(way, Path(directory), when)))
    sys.exit()


if __name__ == "__main__":
    main()
