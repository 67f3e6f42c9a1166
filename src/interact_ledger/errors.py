"""Every error this library raises, in one tree.

LedgerError
├── InvalidRequest                 something in the request is wrong; nothing was stored or sent
│   ├── InvalidAmount
│   │   ├── BelowMinimum
│   │   └── AboveMaximum
│   ├── CurrencyMismatch
│   ├── InvalidText
│   │   ├── CardNumberRefused
│   │   └── CredentialRefused
│   ├── MethodNotOffered
│   ├── PriceNotFound
│   └── IdempotencyConflict
├── NotFound                       what the request names does not exist (or is not this account's)
│   ├── AccountNotFound
│   ├── AutomaticPaymentNotFound
│   ├── QuoteNotFound
│   ├── CardNotFound
│   ├── HoldNotFound
│   ├── NumberNotFound
│   └── TransactionNotFound
├── Refused                        the account's present state does not allow it; nothing was stored or sent
│   ├── AccountSuspended
│   ├── AccountClosed
│   ├── AccountNotEmpty
│   ├── InsufficientBalance
│   ├── QuoteExpired
│   ├── QuoteAlreadyUsed
│   ├── CardRemoved
│   ├── CardAttemptRefused
│   ├── NumberAlreadyRented
│   ├── HoldExceeded
│   ├── HoldEnded
│   ├── NotReversible
│   └── NotRefundable
├── GatewayError                   about a gateway, and not about money (money results are values)
│   ├── GatewayMisconfigured
│   ├── GatewayUnsupported
│   │   └── ChargeNotSettled
│   ├── GatewayInvalidRequest
│   ├── GatewayCustomerGone
│   └── NoticeRejected
├── ConfigurationError             settings, price list or storage address cannot be used
│   └── SchemaTooNew
├── Busy                           others kept changing the account until the deadline; try again
├── StorageUnavailable             the database could not be reached or written
├── NotDelivered                   a subscriber's program did not take a notification; it comes again
├── ReplicaTooFarBehind            the replica is, or may be, further behind than was allowed; ask the primary
└── CorruptLog                     a stored event cannot be what we wrote
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AboveMaximum",
    "AccountClosed",
    "AccountNotEmpty",
    "AccountNotFound",
    "AccountSuspended",
    "AutomaticPaymentNotFound",
    "BelowMinimum",
    "Busy",
    "CardAttemptRefused",
    "CardNotFound",
    "CardNumberRefused",
    "CardRemoved",
    "ChargeNotSettled",
    "ConfigurationError",
    "CorruptLog",
    "CredentialRefused",
    "CurrencyMismatch",
    "GatewayCustomerGone",
    "GatewayError",
    "GatewayInvalidRequest",
    "GatewayMisconfigured",
    "GatewayUnsupported",
    "HoldEnded",
    "HoldExceeded",
    "HoldNotFound",
    "IdempotencyConflict",
    "InsufficientBalance",
    "InvalidAmount",
    "InvalidRequest",
    "InvalidText",
    "LedgerError",
    "MethodNotOffered",
    "NotDelivered",
    "NotFound",
    "NotRefundable",
    "NotReversible",
    "NoticeRejected",
    "NumberAlreadyRented",
    "NumberNotFound",
    "PriceNotFound",
    "QuoteAlreadyUsed",
    "QuoteExpired",
    "QuoteNotFound",
    "Refused",
    "ReplicaTooFarBehind",
    "SchemaTooNew",
    "StorageUnavailable",
    "TransactionNotFound",
]


class LedgerError(Exception):
    """The root of the tree.

    Attributes:
        code: a stable, machine-readable name of the kind of error.
        field: the argument at fault, or None where none is.
        message: what was wrong and what to do about it, for a person.
    """

    code: ClassVar[str] = "ledger_error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __init_subclass__(cls) -> None:
        cls.code = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.field))


def _rebuild(kind: type[LedgerError], message: str, field: str | None) -> LedgerError:
    return kind(message, field=field)


class InvalidRequest(LedgerError):
    """Something in the request is wrong; nothing was stored or sent."""


class InvalidAmount(InvalidRequest):
    """An amount that is no amount: a float, not finite, out of bounds, too many decimals, zero or negative."""


class BelowMinimum(InvalidAmount):
    """A top-up below the minimum for its currency."""


class AboveMaximum(InvalidAmount):
    """A top-up above the maximum for its currency."""


class CurrencyMismatch(InvalidRequest):
    """An amount in another currency than the account's."""


class InvalidText(InvalidRequest):
    """A free field that is empty, too long or holds characters that it must not."""


class CardNumberRefused(InvalidText):
    """A free field that holds what looks like a card number. The message never repeats it."""


class CredentialRefused(InvalidText):
    """A free field that holds what looks like a key, a secret or a password. The message never repeats it."""


class MethodNotOffered(InvalidRequest):
    """A payment method that is not offered for the account's currency and country."""


class PriceNotFound(InvalidRequest):
    """The price list has no price for what is to be bought."""


class IdempotencyConflict(InvalidRequest):
    """The idempotency key was used before for another request."""


class NotFound(LedgerError):
    """What the request names does not exist, or is not this account's."""


class AccountNotFound(NotFound):
    """There is no such account."""


class AutomaticPaymentNotFound(NotFound):
    """The account has no such automatic payment."""


class QuoteNotFound(NotFound):
    """There is no such quote on this account."""


class CardNotFound(NotFound):
    """There is no such card on this account."""


class HoldNotFound(NotFound):
    """There is no such hold on this account."""


class NumberNotFound(NotFound):
    """The account rents no such number."""


class TransactionNotFound(NotFound):
    """There is no such transaction."""


class Refused(LedgerError):
    """The account's present state does not allow the command; nothing was stored or sent."""


class AccountSuspended(Refused):
    """The account is suspended: it may be topped up by hand, and nothing else."""


class AccountClosed(Refused):
    """The account is closed and takes no command."""


class AccountNotEmpty(Refused):
    """An account is closed only with nothing on it and nothing open."""


class InsufficientBalance(Refused):
    """The available balance does not cover what the command takes."""


class QuoteExpired(Refused):
    """The quote is past its expiry; ask for a new one."""


class QuoteAlreadyUsed(Refused):
    """The quote was used by another top-up; ask for a new one."""


class CardRemoved(Refused):
    """The card was removed and can no longer be charged."""


class CardAttemptRefused(Refused):
    """Too many declines or new cards of late, or the service's own policy; nothing was stored or sent."""


class NumberAlreadyRented(Refused):
    """The account rents this number already."""


class HoldExceeded(Refused):
    """More was to be settled than the hold still reserves."""


class HoldEnded(Refused):
    """The hold was settled, released or has expired."""


class NotReversible(Refused):
    """More was to be given back than was spent and not yet given back."""


class NotRefundable(Refused):
    """More was to be paid back than is left of the charge, or than the balance covers; the message says how much is."""


class GatewayError(LedgerError):
    """Something about a gateway that is not about money; money results are values, never exceptions."""


class GatewayMisconfigured(GatewayError):
    """The gateway refuses our credentials or set-up; an operator must act."""


class GatewayUnsupported(GatewayError):
    """The gateway does not have this capability."""


class ChargeNotSettled(GatewayUnsupported):
    """The gateway pays this back only once the charge has settled; nothing was sent. The refund waits for that."""


class GatewayInvalidRequest(GatewayError):
    """The gateway says the request is malformed; nothing was charged. The quote is spent, so check out again."""


class GatewayCustomerGone(GatewayError):
    """The account's customer was deleted at the gateway; nothing was done. Repeat the request, with a new card.

    Its saved cards are gone with it. Another customer takes its place once nothing else of the account is open there.
    """


class NoticeRejected(GatewayError):
    """A notice (webhook) that is not authentic, not recent or not readable."""


class ConfigurationError(LedgerError):
    """Settings, a price list or a storage address that cannot be used."""


class SchemaTooNew(ConfigurationError):
    """The database was written by a newer version of this library."""


class Busy(LedgerError):
    """Other writers kept changing the account until the deadline. Nothing was stored; try again."""


class StorageUnavailable(LedgerError):
    """The database could not be reached, read or written."""


class NotDelivered(LedgerError):
    """A subscriber's program did not take a notification, which will be handed over again."""


class ReplicaTooFarBehind(LedgerError):
    """A replica is, or may be, further behind its primary than its reader allowed."""


class CorruptLog(LedgerError):
    """A stored event is not what this library wrote: unknown topic, unreadable, or a broken chain."""
