"""The example of a gateway in a package of its own: installed, found, and certified by the conformance kit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "voucher_gateway"
PAGE = ROOT / "docs" / "how-to" / "write-a-gateway.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the package installed in it, as pip does it, and its test beside it."""
    folder = tmp_path_factory.mktemp("voucher")
    shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--target", folder / "site", folder / "source"], check=True, timeout=120
    )
    shutil.copy(PACKAGE / "test_voucher_gateway.py", folder)
    return folder


def run(folder: Path, *arguments: str, **variables: str) -> str:
    environment = (
        os.environ | {"PYTHONPATH": f"{folder / 'site'}{os.pathsep}{ROOT / 'src'}", "NO_COLOR": "1"} | variables
    )
    command = [sys.executable, "-m", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_package_is_small_and_holds_the_adapter_and_nothing_of_the_test(installed):
    assert len((PACKAGE / "voucher_gateway.py").read_text(encoding="utf-8").splitlines()) < 200
    modules = {path.name for path in (installed / "site").glob("*.py")}
    assert modules == {"voucher_gateway.py", "voucher_office.py"}


def test_the_command_line_lists_the_installed_gateway(installed):
    listed = run(installed, "interact_ledger", "gateways", VOUCHER_OFFICE="office.db", VOUCHER_SECRET="whsec_1")
    assert re.search(r"\bvoucher\b", listed)
    assert re.search(r"\bsandbox\b", listed)


def test_the_installed_gateway_passes_the_conformance_kit(installed):
    report = run(installed, "pytest", "-q", "-p", "no:cacheprovider", "test_voucher_gateway.py")
    assert re.search(r"^\d{3,} passed in ", report, re.MULTILINE), report
    assert not re.search(r"skipped|xfailed|deselected|warning", report), report


def test_the_how_to_shows_the_packages_own_files():
    files = [path.read_text(encoding="utf-8") for path in sorted(PACKAGE.iterdir()) if path.is_file()]
    shown = re.findall(r"^```(?:py|toml)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(shown) >= 8
    for block in shown:
        for part in re.split(r"^ *\.\.\.\n", block, flags=re.MULTILINE):
            assert any(part.strip("\n") in text for text in files), f"the package has not:\n{part}"
