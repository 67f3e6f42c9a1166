"""What a module says it exports is there, once, in order."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import interact_ledger


def module_names() -> list[str]:
    found = pkgutil.walk_packages(interact_ledger.__path__, f"{interact_ledger.__name__}.")
    return [interact_ledger.__name__, *(module.name for module in found if not module.name.endswith("__main__"))]


def exporting_modules() -> list[ModuleType]:
    return [module for module in map(importlib.import_module, module_names()) if hasattr(module, "__all__")]


def in_order(names: list[str]) -> list[str]:
    """Sort as ruff's RUF022 does: constants, then classes, then the rest."""
    return sorted(names, key=lambda name: (not name.isupper(), not name.lstrip("_")[0].isupper(), name))


every_exporting_module = pytest.mark.parametrize("module", exporting_modules(), ids=lambda module: module.__name__)


def test_the_ground_floor_exports_names() -> None:
    ground_floor = {f"interact_ledger.{name}" for name in ("clock", "errors", "free_text", "ids", "money")}
    assert ground_floor <= {module.__name__ for module in exporting_modules()}


@every_exporting_module
def test_every_exported_name_exists(module: ModuleType) -> None:
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@every_exporting_module
def test_exported_names_are_sorted_and_unique(module: ModuleType) -> None:
    assert list(module.__all__) == in_order(list(set(module.__all__)))


@every_exporting_module
def test_no_private_name_is_exported(module: ModuleType) -> None:
    assert [name for name in module.__all__ if name.startswith("_") and not name.endswith("__")] == []
