"""All commands together."""

from __future__ import annotations

from interact_ledger.cli.accounts import account, credit
from interact_ledger.cli.operating import operating, settings
from interact_ledger.cli.payments import cards, payment
from interact_ledger.cli.reading import reading
from interact_ledger.cli.running import group, root_options
from interact_ledger.cli.sandbox import sandbox
from interact_ledger.cli.spending import estimate, hold, numbers, spend

__all__ = ["app"]

app = group("Prepaid balances: accounts, payments, spending, and their whole history.")
root_options(app)

for panel, groups in {
    "Accounts and payments": {"account": account, "payment": payment, "cards": cards, "credit": credit},
    "Spending": {"estimate": estimate, "spend": spend, "hold": hold, "numbers": numbers},
}.items():
    for name, commands in groups.items():
        app.add_typer(commands, name=name, rich_help_panel=panel)
app.add_typer(reading)
app.add_typer(operating)
app.add_typer(settings, name="settings", rich_help_panel="Operating")
app.add_typer(sandbox, name="sandbox", rich_help_panel="Operating")
