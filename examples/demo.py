"""The story of one prepaid balance, from the first card to the audit: `make demo`, `make demo GATEWAY=stripe`.

It runs the real library on a real SQLite file. The payment gateway is the sandbox, which scripts every outcome, or a
vendor's library over HTTP to a server of this project's; no money moves. The clock is moved by hand, so that nothing
waits. Every figure is checked, and the story ends with an error if one is not as told. `chapters/` tells it.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import timedelta
from pathlib import Path

from chapters import CHAPTERS, Story
from interact_ledger import Ledger
from stages import STAGES, Stage
from telling import Teller

TITLES = {
    "sandbox": "The gateway is the sandbox: no network, no money. The rest is real.",
    "stripe": "Stripe's own library, over HTTP to a server that stands in for it. No money; the rest is real.",
    "braintree": "Braintree's own library, over HTTP to a server that stands in for it. No money; the rest is real.",
}


def tell(database: Path, stage: Stage, title: str) -> None:
    """Tell the whole story on a fresh database."""
    teller = Teller()
    gateway_file = database.with_suffix(".gateway.db")
    for file in (database, gateway_file):
        for leftover in file.parent.glob(f"{file.name}*"):
            leftover.unlink()
    url = f"sqlite:///{database.absolute()}"
    with (
        stage(gateway_file) as scene,
        Ledger.open(url, gateways=[scene.bench.gateway], clock=scene.bench.clock) as ledger,
    ):
        teller.title("A prepaid balance", title)
        customer = ledger.open_account("customer-1", "GBP", "GB", time_zone="Europe/London")
        story = Story(ledger, scene, teller, customer)
        for chapter in CHAPTERS:
            chapter(story)
            story.hear()
            scene.bench.clock.advance(timedelta(minutes=7))


def main() -> None:
    parser = argparse.ArgumentParser(description="Tell the story of a prepaid balance.")
    parser.add_argument("database", nargs="?", type=Path, help="keep the ledger in this file, overwriting it")
    parser.add_argument("--gateway", choices=STAGES, default="sandbox", help="who takes the payments")
    arguments = parser.parse_args()
    stage, title = STAGES[arguments.gateway], TITLES[arguments.gateway]
    database: Path | None = arguments.database
    if database is None:
        with tempfile.TemporaryDirectory() as folder:
            tell(Path(folder) / "demo.db", stage, title)
    else:
        database.parent.mkdir(parents=True, exist_ok=True)
        tell(database, stage, title)
        print(f"\nThe ledger stays in {database}; any SQLite client can read it.")


if __name__ == "__main__":
    main()
