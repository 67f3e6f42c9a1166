"""The commands that are killed: what stands before them, the request itself, and what it comes to in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import crash_commands as do
from crash_commands import WAITING, Ready, Step, done, fails
from crash_places import Place

from interact_ledger import Ledger, Settings
from interact_ledger.clock import MovableClock
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.testing import START, LedgerKit, SequentialIds

SETTINGS = Settings.default()
HASTY = SETTINGS.model_copy(update={"command_deadline": timedelta(milliseconds=200)})
"""Gives up soon on a disk that goes on failing."""
SEND = SETTINGS.send_within
with SandboxGateway() as _gateway:
    PROVEN = SEND + _gateway.capabilities.safe_delay + timedelta(minutes=1)
    """So long after a command, what the gateway does not know was never sent."""
EXPIRED = SETTINGS.authentication_within + PROVEN
"""So long after a command, its customer may no longer authenticate."""
TRIED_AGAIN = SETTINGS.automatic_unsent_retry_after + timedelta(minutes=1)
"""So long after recovery found that an automatic payment was never sent, it is due once more."""


class State(NamedTuple):
    """What there is of money and cards, on the account and at the gateway."""

    available: Decimal
    held: Decimal
    granted: Decimal
    pending: Decimal
    captured: int
    refunded: Decimal
    cards: int
    numbers: int
    invoices: int
    credit_notes: int
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A command to be killed. What makes it ready is not killed."""

    name: str
    prepare: Sequence[Step]
    """What goes before."""
    request: Ready
    """What the customer asks for, under a key: it may be repeated at any time."""
    killed: Ready | None = None
    """What is killed, if not the request."""
    after: timedelta = timedelta(0)
    """How long after the preparation it is killed."""
    over: timedelta = PROVEN
    """How long after the kill recovery can bring everything to its end."""
    finish: Sequence[Step] = ()
    """What the world does after the request; until then, it may wait for that."""
    captures: int = 0
    """How many payments it comes to."""
    refunded: str = "0"
    """How much is paid back of them."""
    credit_notes: int = 0
    """How many credit notes and cancellations of credit notes it comes to."""
    cards: int = 0
    """How many saved cards there are in the end."""
    numbers: int = 0
    """How many rented numbers."""
    moved: str = "0"
    """What it adds to the available balance, payments aside."""
    held: str = "0"
    """What is held in the end."""
    granted: str = "0"
    """What is left of granted credit in the end."""
    standing: str = "open"
    """The account's, in the end."""

    @property
    def end(self) -> State:
        return State(
            available=do.BEFORE.amount + self.captures * do.CREDIT.amount + Decimal(self.moved),
            held=Decimal(self.held),
            granted=Decimal(self.granted),
            pending=Decimal(0),
            captured=self.captures,
            refunded=Decimal(self.refunded),
            cards=self.cards,
            numbers=self.numbers,
            invoices=self.captures,
            credit_notes=self.credit_notes,
            standing=self.standing,
        )


FUNDED = (do.fund,)
QUOTED = (do.fund, do.quote)
SAVED = (do.fund, done(do.save))

pay_waiting = partial(do.pay, token=WAITING)
save_waiting = partial(do.save, token=WAITING)
PAID = (*QUOTED, done(do.pay))
DISPUTED = (*PAID, do.open_dispute)
PAYMENT_WAITS = (*QUOTED, done(pay_waiting))
SAVING_WAITS = (do.fund, done(save_waiting))

charging = partial(Scene, captures=1, cards=1)
"""A scene that ends with one payment, and with its card saved."""
told = partial(charging, request=do.receive)
refunding = partial(charging, request=do.refund, moved="-10", refunded="12", credit_notes=1)
recovering = partial(Scene, killed=do.recover, after=PROVEN)
"""A scene in which recovery is killed, not the request that it ends."""
recovering_charge = partial(charging, **recovering.keywords)
recovering_refund = partial(refunding, **recovering.keywords)


def scheduled(killed: Ready, **about: Any) -> Scene:
    """Return a scene in which a card is charged automatically; until it is, the schedule goes on."""
    return charging(killed=killed, request=do.and_on(killed, max(PROVEN, TRIED_AGAIN)), **about)


TOP_UPS = (
    charging(name="a top-up that saves its card", prepare=QUOTED, request=do.pay),
    Scene(
        name="a top-up that does not save its card",
        prepare=QUOTED,
        request=partial(do.pay, save_card=False),
        captures=1,
    ),
    charging(name="a top-up with a saved card", prepare=(*SAVED, do.quote), request=do.pay_with_saved_card),
    Scene(
        name="a top-up that is declined",
        prepare=QUOTED,
        request=partial(do.pay, token="tok_declined_insufficient_funds"),
    ),
    charging(
        name="a top-up that its customer then authenticates",
        prepare=QUOTED,
        request=pay_waiting,
        finish=(do.authenticate, done(do.complete)),
    ),
    charging(
        name="the completion of a top-up",
        prepare=(*PAYMENT_WAITS, do.authenticate),
        request=do.complete,
        over=EXPIRED,
    ),
    charging(
        name="a top-up that the network then settles",
        prepare=QUOTED,
        request=partial(do.pay, token="tok_pending"),
        finish=(do.settle_at_network, done(do.complete)),
    ),
    Scene(name="the cancellation of a top-up", prepare=PAYMENT_WAITS, request=do.cancel, over=EXPIRED),
    charging(
        name="the second attempt of a top-up that reached nobody",
        prepare=(*QUOTED, fails("charge", Fault.REFUSED), done(do.pay)),
        request=do.pay,
    ),
    charging(
        name="the repeat of a top-up without an answer",
        prepare=(*QUOTED, fails("charge", Fault.AFTER), done(do.pay)),
        request=do.pay,
    ),
)
CARDS = (
    Scene(name="the saving of a card", prepare=FUNDED, request=do.save, cards=1),
    Scene(
        name="the saving of a card that its customer then authenticates",
        prepare=FUNDED,
        request=save_waiting,
        finish=(do.authenticate_saving, done(do.complete_saving)),
        cards=1,
    ),
    Scene(
        name="the completion of a saving",
        prepare=(*SAVING_WAITS, do.authenticate_saving),
        request=do.complete_saving,
        over=EXPIRED,
        cards=1,
    ),
    Scene(name="the cancellation of a saving", prepare=SAVING_WAITS, request=do.cancel_saving, over=EXPIRED),
    Scene(
        name="the choice of a default card",
        prepare=(*SAVED, done(partial(do.save, token="tok_mastercard", key="save another"))),
        request=do.choose_default,
        cards=2,
    ),
    Scene(name="the removal of a card", prepare=SAVED, request=do.remove),
)
REFUNDS = (
    refunding(name="a refund", prepare=PAID),
    refunding(
        name="the repeat of a refund without an answer",
        prepare=(*PAID, fails("refund", Fault.AFTER), done(do.refund)),
    ),
    refunding(
        name="the second attempt of a refund that reached nobody",
        prepare=(*PAID, fails("refund", Fault.REFUSED), done(do.refund)),
    ),
    recovering_refund(
        name="the recovery of a refund without an answer",
        prepare=(*PAID, fails("refund", Fault.AFTER), done(do.refund)),
    ),
    recovering_refund(
        name="the recovery of a refund that never arrived",
        prepare=(*PAID, fails("refund", Fault.BEFORE), done(do.refund)),
    ),
)
NOTICES = (
    charging(
        name="the notices of a payment that was settled",
        prepare=(*QUOTED, done(partial(do.pay, token="tok_pending")), do.settle_at_network),
        request=do.receive,
    ),
    charging(
        name="the notices of a payment that was authenticated",
        prepare=(*PAYMENT_WAITS, do.authenticate),
        request=do.receive,
        over=EXPIRED,
    ),
    charging(
        name="the notices of a refund made elsewhere that came back",
        prepare=(*PAID, do.refund_elsewhere_and_return_it),
        request=do.receive,
        credit_notes=2,
    ),
    Scene(
        name="the notices of a saving that was authenticated",
        prepare=(*SAVING_WAITS, do.authenticate_saving),
        request=do.receive,
        over=EXPIRED,
        cards=1,
    ),
    told(name="the notice of a dispute", prepare=DISPUTED, moved="-10", held="10"),
    told(name="the notice of a dispute that is lost", prepare=(*DISPUTED, do.lose_dispute), moved="-10"),
    told(
        name="the notice of a refund in the dashboard",
        prepare=(*PAID, do.refund_in_the_dashboard),
        moved="-10",
        refunded="12",
        credit_notes=1,
    ),
)
RECOVERIES = (
    recovering_charge(
        name="the recovery of a charge without an answer",
        prepare=(*QUOTED, fails("charge", Fault.AFTER), done(do.pay)),
        request=do.pay,
    ),
    recovering_charge(
        name="the recovery of a charge that never arrived",
        prepare=(*QUOTED, fails("charge", Fault.BEFORE), done(do.pay)),
        request=do.pay,
    ),
    recovering(
        name="the recovery of a payment that nobody authenticated",
        prepare=PAYMENT_WAITS,
        request=pay_waiting,
        after=EXPIRED,
    ),
    recovering(
        name="the recovery of a payment's cancellation without an answer",
        prepare=(*PAYMENT_WAITS, fails("cancel", Fault.BEFORE), done(do.cancel)),
        request=do.cancel,
        after=EXPIRED,
    ),
    recovering(
        name="the recovery of a saving without an answer",
        prepare=(do.fund, fails("save", Fault.AFTER), done(do.save)),
        request=do.save,
        cards=1,
    ),
    recovering(
        name="the recovery of a saving that never arrived",
        prepare=(do.fund, fails("save", Fault.BEFORE), done(do.save)),
        request=do.save,
        cards=1,
    ),
    recovering(
        name="the recovery of a saving's cancellation without an answer",
        prepare=(*SAVING_WAITS, fails("cancel_save", Fault.BEFORE), done(do.cancel_saving)),
        request=do.cancel_saving,
        after=EXPIRED,
    ),
    recovering(
        name="the recovery of a removal without an answer",
        prepare=(*SAVED, fails("forget", Fault.BEFORE), done(do.remove)),
        request=do.remove,
    ),
)
SPENDING = (
    Scene(name="a purchase", prepare=FUNDED, request=do.spend, moved="-0.0975"),
    Scene(name="a campaign", prepare=FUNDED, request=do.spend_many, moved="-3.9000"),
    Scene(name="the reversal of a purchase", prepare=(do.fund, done(do.spend)), request=do.reverse, moved="-0.0325"),
    Scene(name="a hold", prepare=FUNDED, request=do.hold, moved="-2", held="2"),
    Scene(
        name="the settlement of a hold", prepare=(do.fund, done(do.hold)), request=do.settle, moved="-2", held="1.675"
    ),
    Scene(name="the release of a hold", prepare=(do.fund, done(do.hold)), request=do.release),
    Scene(name="an adjustment upwards", prepare=FUNDED, request=partial(do.adjust, amount="1.25"), moved="1.25"),
    Scene(name="an adjustment downwards", prepare=FUNDED, request=partial(do.adjust, amount="-1.25"), moved="-1.25"),
    Scene(name="a grant of credit", prepare=FUNDED, request=do.grant_credit, moved="3", granted="3"),
    Scene(
        name="a purchase out of granted credit",
        prepare=(do.fund, done(do.grant_credit)),
        request=do.spend,
        moved="2.9025",
        granted="2.9025",
    ),
    Scene(name="the renting of a number", prepare=FUNDED, request=do.rent_number, moved="-2", numbers=1),
    Scene(
        name="the release of a number", prepare=(do.fund, done(do.rent_number)), request=do.release_number, moved="-2"
    ),
    Scene(
        name="the closing of an account", prepare=FUNDED, request=do.close_account, moved="-7.000001", standing="closed"
    ),
)
SCHEDULE = (
    Scene(
        name="two months' rent",
        prepare=(do.fund, done(do.rent_number)),
        request=do.run_due,
        after=timedelta(days=65),
        moved="-4",
        numbers=1,
    ),
    Scene(
        name="the expiry of a hold",
        prepare=(do.fund, done(do.hold)),
        request=do.run_due,
        after=SETTINGS.hold_lifetime + timedelta(hours=1),
    ),
    Scene(
        name="the numbering of invoices",
        prepare=(do.fund, do.pay_twice_without_invoices),
        request=do.run_due,
        captures=2,
        cards=2,
    ),
    refunding(
        name="the numbering of a credit note",
        prepare=(*PAID, do.refund_without_credit_note),
        request=do.run_due,
    ),
)
AUTOMATIC = (
    scheduled(
        do.run_due,
        name="the schedule's charge of a low balance",
        prepare=(*SAVED, partial(do.agree_to_auto_top_up, threshold="10")),
    ),
    scheduled(
        do.run_due,
        name="the schedule's charge of a month",
        prepare=(*SAVED, do.agree_to_monthly_recharge),
        after=timedelta(days=9),
    ),
    scheduled(
        partial(do.spend, top_up_at_once=True),
        name="a purchase that tops up at once",
        prepare=(*SAVED, partial(do.agree_to_auto_top_up, threshold="7")),
        moved="-0.0975",
    ),
)
TOP_UP = TOP_UPS[0]
GROUPS = (TOP_UPS, CARDS, REFUNDS, NOTICES, RECOVERIES, SPENDING, SCHEDULE, AUTOMATIC)
SCENES = {scene.name: scene for group in GROUPS for scene in group}


@contextmanager
def opened(place: Place, after: timedelta = timedelta(0), settings: Settings = SETTINGS) -> Iterator[LedgerKit]:
    """Open the ledger and the sandbox of a place, so long after the beginning."""
    clock = MovableClock(START + after)
    with (
        SandboxGateway(place.sandbox, clock=clock) as gateway,
        Ledger.open(place.url, gateways=[gateway], settings=settings, clock=clock, ids=SequentialIds()) as ledger,
    ):
        yield LedgerKit(ledger, clock, gateway)


def state_of(kit: LedgerKit) -> State:
    account_id = do.account_id(kit)
    balance = kit.ledger.balance(account_id)
    payments = kit.gateway.captured()
    [invoices] = kit.ledger._log.query("SELECT COUNT(*) AS count FROM invoices")
    [credit_notes] = kit.ledger._log.query("SELECT COUNT(*) AS count FROM credit_notes")
    return State(
        available=balance.available.amount,
        held=balance.held.amount,
        granted=sum((lot.remaining.amount for lot in kit.ledger.granted_credit(account_id)), Decimal(0)),
        pending=balance.pending.amount,
        captured=len(payments),
        refunded=sum((payment.refunded.amount for payment in payments), Decimal(0)),
        cards=len(kit.ledger.cards(account_id)),
        numbers=len(kit.ledger.numbers(account_id)),
        invoices=invoices["count"],
        credit_notes=credit_notes["count"],
        standing=kit.ledger.account(account_id).standing,
    )


def prepare(scene: Scene, place: Place) -> None:
    """Do what goes before a scene's command."""
    if scene.prepare:
        with opened(place) as kit:
            for step in scene.prepare:
                step(kit)


def recovered(kit: LedgerKit) -> State:
    """Bring everything to its end that does not wait for the customer or the calendar, and say what there is."""
    kit.ledger.recover()
    kit.ledger.run_due()
    kit.clock.advance(TRIED_AGAIN)
    kit.ledger.run_due()
    return state_of(kit)
