"""Gateway adapters are found by entry point, so that a third party's package needs nothing but to be installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

from interact_ledger.errors import ConfigurationError
from interact_ledger.free_text import from_outside
from interact_ledger.gateways.protocol import Gateway

__all__ = ["ENTRY_POINT_GROUP", "gateway_from_env", "gateway_names"]

ENTRY_POINT_GROUP = "interact_ledger.gateways"


class GatewayClass(Protocol):
    """What an entry point names: a class that can be made from environment variables."""

    def from_env(self, environ: Mapping[str, str]) -> Gateway: ...


def gateway_names() -> list[str]:
    """Return the names of the adapters that are installed, without importing any."""
    return sorted(entry_point.name for entry_point in entry_points(group=ENTRY_POINT_GROUP))


def gateway_from_env(name: str, environ: Mapping[str, str]) -> Gateway:
    """Import an adapter by its entry point's name and make it from environment variables.

    Raises:
        ConfigurationError: if no such adapter is installed, or what it needs is not.
    """
    found = entry_points(group=ENTRY_POINT_GROUP, name=name)
    if not found:
        raise ConfigurationError(
            f"no gateway {from_outside(name)!r} is installed; there are: {', '.join(gateway_names())}", field="gateways"
        )
    entry_point = next(iter(found))
    try:
        gateway_class = cast("GatewayClass", entry_point.load())
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"the gateway {name!r} needs {missing.name!r}, which is not installed; {_cure(entry_point)}",
            field="gateways",
        ) from None
    return gateway_class.from_env(environ)


def _cure(entry_point: EntryPoint) -> str:
    package = entry_point.dist
    if package is None:
        return f"install what {entry_point.value} needs"
    if entry_point.name in (package.metadata.get_all("Provides-Extra") or ()):
        return f'pip install "{package.name}[{entry_point.name}]"'
    return f"install the package {package.name} again, with its modules and all that it depends on"
