"""The vendor's SDK, imported without its own deprecation warnings, and opened with time-outs and without retries.

The SDK has no retries of its own, and `requests` makes none unless told to.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from interact_ledger.errors import GatewayMisconfigured

try:
    with warnings.catch_warnings():
        # Two of its class bodies warn of attributes that we do not use.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"braintree\.")
        import braintree
        from braintree import exceptions
        from braintree.exceptions.http.connection_error import ConnectionError as ConnectionFailed
        from braintree.exceptions.http.timeout_error import ConnectTimeoutError as ConnectTimedOut
        from braintree.util.http import Http
        from braintree.util.xml_util import XmlUtil
except ModuleNotFoundError as missing:
    raise GatewayMisconfigured("needs the vendor's library: pip install 'interact_ledger[braintree]'") from missing

__all__ = [
    "ENVIRONMENTS",
    "ConnectTimedOut",
    "ConnectionFailed",
    "Environment",
    "TransactionSearch",
    "exceptions",
    "open_sdk",
    "read_xml",
]

Environment = braintree.Environment
TransactionSearch = braintree.TransactionSearch

TIMEOUT_SECONDS = 60
"""For connecting and for each wait for bytes: what the vendor says the gateway may work on a request."""

ENVIRONMENTS: Mapping[str, Any] = MappingProxyType(
    {"sandbox": Environment.Sandbox, "production": Environment.Production}
)

_CARD_IN_PATH = re.compile(r"(/payment_methods/any/)[^/?\s]+")


class _CardTokensMasked(logging.Filter):
    """Takes vault tokens out of the paths that the HTTP library writes to its logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _CARD_IN_PATH.sub(r"\1***", arg) if isinstance(arg, str) else arg for arg in record.args
            )
        return True


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_CardTokensMasked())


class _Http(Http):  # type: ignore[misc]  # the SDK bears no types
    """Follows no redirect.

    The request that was answered with it has arrived; that its target could not be reached would hide that. And what
    is sent to Braintree is nobody else's.
    """

    def _get_session(self) -> Any:
        session = super()._get_session()
        session.max_redirects = 0
        return session


def open_sdk(environment: Any, merchant_id: str, public_key: str, private_key: str) -> Any:
    """Return the SDK's gateway object.

    Raises:
        GatewayMisconfigured: if a credential is empty or cannot be sent.
    """
    credentials = {"merchant_id": merchant_id, "public_key": public_key, "private_key": private_key}
    for name, value in credentials.items():
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_\-]+", value):
            raise GatewayMisconfigured("is empty or has characters that no such credential has", field=name)
    configuration = braintree.Configuration(
        environment, **credentials, timeout=TIMEOUT_SECONDS, wrap_http_exceptions=True, http_strategy=_Http
    )
    return braintree.BraintreeGateway(configuration)


def read_xml(content: bytes) -> dict[str, Any]:
    """Read XML as the vendor writes it."""
    read: dict[str, Any] = XmlUtil.dict_from_xml(content)
    return read
