"""The rules of the protocol that the kit holds an adapter to, each with what happens to money if it is broken."""

from __future__ import annotations

from enum import Enum

__all__ = ["Rule", "Violation", "hold"]


class Rule(Enum):
    """A rule, in the words that an adapter's author gets to read when it is broken."""

    ONE_CHARGE = (
        "protocol, rule 1: an attempt's id is the gateway's idempotency key; repeating it never charges twice",
        "whenever an answer is lost the ledger asks again, and the customer pays again",
    )
    SAME_ATTEMPT = (
        "protocol, rule 1: an attempt is repeated with equal parameters, or refused, or its present state is told",
        "a changed amount or card under an old key charges somebody what nobody agreed to",
    )
    UNKNOWN = (
        "protocol, rule 2: one try that may have arrived makes the outcome Unknown, whatever later tries said",
        "a false no opens a second attempt, perhaps at another gateway, and the customer pays twice",
    )
    VALUES = (
        "protocol: money results are values; exceptions are for what is not about money",
        "an error after sending is taken for a refusal or a crash, while the customer may have paid",
    )
    SURELY_NOT_SENT = (
        "protocol, rule 2: when every try surely failed before it was sent, the outcome is NotAttempted",
        "a customer waits for the safe delay although nothing can have happened",
    )
    SEND_BEFORE = (
        "protocol, rule 3: nothing that can charge, save or pay back is sent at or after `send_before`",
        "recovery believes 'not found' after that moment; a late request charges behind its back",
    )
    BEGIN = (
        "protocol, `begin`: it creates what can later be charged, and nothing can be charged or saved yet",
        "the ledger writes the reference down after it; a charge before that is a charge nobody remembers",
    )
    FINDING = (
        "protocol, `find_charge`, `find_card`, `find_refund`: the present state, by reference or by our ids",
        "after a crash this is all that recovery has; what is not found is never credited",
    )
    INDETERMINATE = (
        "protocol, `Indeterminate`: a look-up that failed is not NotFound",
        "NotFound is believed, the attempt counts as not attempted, and the customer pays twice",
    )
    CHANGES_NOTHING = (
        "protocol: looking up changes nothing",
        "recovery looks up again and again; a look-up that charges, cancels or refunds moves money nobody asked for",
    )
    UNPAYABLE = (
        "protocol, `cancel`: a cancelled attempt can no longer be paid by anybody",
        "an old browser tab pays a top-up that is over, and the customer is charged for nothing",
    )
    TRUE_CANCEL = (
        "protocol, `cancel`: one that was paid already is Succeeded",
        "captured money is taken for cancelled and never credited",
    )
    OUTCOME = (
        "protocol, results: each outcome is said as what it is",
        "the ledger credits, waits or gives up by this word alone",
    )
    VOCABULARY = (
        "protocol, `DeclineReason` and `Advice`: a decline says why and what may be tried next",
        "automatic payments go on charging a card that must not be charged again, or give up on one that could pay",
    )
    AMOUNT = (
        "protocol: amounts are gross, in ISO 4217's minor unit; an adapter owns the exponent its gateway wants",
        "an exponent that is wrong by one charges ten or a hundred times too much",
    )
    TERMS = (
        "protocol, `CurrencyTerms`: step, minimum and maximum as the gateway has them; all else is refused",
        "an amount that the adapter rounds or the gateway refuses is a checkout that shows one sum and charges another",
    )
    TRUE_CAPTURE = (
        "protocol, `Succeeded.amount`: what the gateway says it captured, not what was asked for",
        "a mismatch between intent and capture is credited silently",
    )
    UNSAVED = (
        "protocol, `save_card`: a card that the customer did not choose to save leaves nothing chargeable behind",
        "somebody's card can be charged who refused exactly that",
    )
    SAVED = (
        "protocol, `CardSaved`: a card that the customer chose to save can be charged again by its token",
        "automatic payments fail for a card that the ledger believes it has",
    )
    FORGOTTEN = (
        "protocol, `forget`: a forgotten card cannot be charged; already gone is success",
        "a card that its owner removed is charged again",
    )
    REFUND_ONCE = (
        "protocol, `refund`: idempotent by attempt; two refunds of equal amount are two refunds",
        "money is paid back twice, or the second of two refunds never is",
    )
    REFUND_LIMIT = (
        "protocol, `refund`: never more in all than was captured",
        "the merchant pays out money that it never took",
    )
    LEFT = (
        "protocol, `find_after_capture`: all that left a captured charge again, whoever made it, and nothing else",
        "credit stays although the bank took its money back, or is taken back although nothing left",
    )
    CUSTOMER = (
        "protocol, `GatewayCustomerGone`: a deleted customer is told apart, and `link_customer` creates another",
        "whoever was deleted in the dashboard, by mistake or not, can never pay again",
    )
    KEPT = (
        "protocol, `find_saved_card`: the card's present details; NotFound if it is surely kept no more",
        "a good card is dropped and its automatic payments stop, or one that is gone is charged for ever",
    )
    HINTS = (
        "protocol, `Notice`: it names the captured charge, and the customer, that it concerns",
        "nobody finds out whose charge was disputed, and the credit is spent meanwhile",
    )
    UNSUPPORTED = (
        "protocol, `Capabilities`: what is not declared raises GatewayUnsupported before anything is sent",
        "the ledger takes silence or a made-up result for the thing itself",
    )
    DECLARED = (
        "protocol, `Capabilities`: what an adapter can do is declared once, and true",
        "the ledger chooses gateways and waits by these figures",
    )
    AUTHENTIC = (
        "protocol, `notices`: an authentic notice is understood, and names the object, and our id from its metadata",
        "a payment that completes later is not credited until somebody looks",
    )
    REJECTED = (
        "protocol, `notices`: raises NoticeRejected, and nothing else, for what is not authentic, recent and readable",
        "forged or replayed notices get in, or a stranger's bytes crash the endpoint",
    )
    SECRET = (
        "protocol: tokens and secrets never show in a repr, a log, an error or a pickle",
        "whoever reads a log file can charge cards",
    )
    THREADS = (
        "protocol, `Gateway`: methods may be called from several threads at once",
        "two workers answer one request at the same moment, and the customer pays twice",
    )
    BENCH = (
        "the bench: it offers every scenario that `lacks` does not name, and none that it does",
        "a check without its scenario is a check that cannot fail",
    )

    def __init__(self, promise: str, danger: str) -> None:
        self.promise = promise
        self.danger = danger


class Violation(AssertionError):
    """An adapter broke a rule of the protocol."""

    def __init__(self, rule: Rule, seen: str) -> None:
        super().__init__(f"{seen}\n  rule broken: {rule.promise}\n  why it matters: {rule.danger}")
        self.rule = rule


def hold(rule: Rule, condition: bool, seen: str) -> None:  # noqa: FBT001 - reads as a sentence, like assert
    """Hold an adapter to a rule; `seen` says in one sentence what it did instead."""
    __tracebackhide__ = True  # pytest then shows the check that failed, and not this line
    if not condition:
        raise Violation(rule, seen)
