"""The voucher gateway passes the conformance kit of interact_ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from moneyed import Money
from voucher_office import Redemption, VoucherOffice

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.conformance import Behaviour, Bench, Chargeable, Delivery, Fault, GatewayConformance
from interact_ledger.gateways.protocol import DeclineReason
from voucher_gateway import VoucherGateway

SECRET = "whsec_of_the_office"
DECIMALS = {"GBP": 2, "EUR": 2, "JPY": 0, "KWD": 3}
TROUBLES = {DeclineReason.EXPIRED_CARD: "expired", DeclineReason.LOST_OR_STOLEN: "stolen"}
CODES = {
    Behaviour.SUCCEEDS: "VOUCHER-THAT-PAYS",
    DeclineReason.INSUFFICIENT_FUNDS: "VOUCHER-NEARLY-EMPTY",
    DeclineReason.INCORRECT_DETAILS: "VOUCHER-NEVER-SOLD",
    DeclineReason.EXPIRED_CARD: "VOUCHER-EXPIRED",
    DeclineReason.LOST_OR_STOLEN: "VOUCHER-STOLEN",
    DeclineReason.OTHER: "VOUCHER-IN-ANOTHER-TROUBLE",
}


class UnreliableOffice(VoucherOffice):
    """An office behind a network that fails on request."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(":memory:", clock)
        self.faults: dict[str, list[Fault]] = {"redeem": [], "void": []}
        self.can_be_asked = True

    def redeem(self, key: str, code: str, units: int, currency: str, note: str) -> Redemption:
        fault = self._fault("redeem")
        taken = super().redeem(key, code, units, currency, note)
        return self._answered(taken, fault)

    def void(self, key: str, note: str) -> Redemption:
        fault = self._fault("void")
        return self._answered(super().void(key, note), fault)

    def find(self, key: str) -> Redemption | None:
        if not self.can_be_asked:
            raise TimeoutError
        return super().find(key)

    def _fault(self, request: str) -> Fault | None:
        fault = self.faults[request].pop() if self.faults[request] else None
        if fault is Fault.BEFORE:
            raise TimeoutError
        if fault is Fault.REFUSED:
            raise ConnectionRefusedError
        return fault

    def _answered(self, redemption: Redemption, fault: Fault | None) -> Redemption:
        if fault is not None:
            raise TimeoutError
        return redemption


@dataclass(frozen=True)
class Taken:
    """A payment as the office's books have it."""

    transaction_id: str
    reference: str
    amount: Money
    refunded: Money


class VoucherBench:
    """The voucher gateway, its office and a clock."""

    secrets = (SECRET,)
    others = None

    def __init__(self) -> None:
        self.clock = MovableClock(datetime(2027, 3, 1, 12, tzinfo=UTC))
        self.office = UnreliableOffice(self.clock)
        self.gateway = VoucherGateway(self.office, SECRET, self.clock)
        self._acknowledged: set[str] = set()
        for currency in DECIMALS:
            self.office.sell(CODES[Behaviour.SUCCEEDS], currency, 10**12)
            self.office.sell(CODES[DeclineReason.INSUFFICIENT_FUNDS], currency, 1)
            self.office.sell(CODES[DeclineReason.OTHER], currency, 10**12, "withdrawn")
            for reason, trouble in TROUBLES.items():
                self.office.sell(CODES[reason], currency, 10**12, trouble)

    def restarted(self) -> VoucherGateway:
        return VoucherGateway(self.office, SECRET, self.clock)

    @property
    def lookups_available(self) -> bool:
        return self.office.can_be_asked

    @lookups_available.setter
    def lookups_available(self, available: bool) -> None:
        self.office.can_be_asked = available

    def card(self, kind: Behaviour | DeclineReason) -> str | None:
        return CODES.get(kind)

    def fail_next(self, verb: str, fault: Fault) -> None:
        request = {"charge": "redeem", "cancel": "void"}.get(verb)
        if request is not None:  # the other methods send nothing
            self.office.faults[request].append(fault)

    def captured(self) -> Sequence[Taken]:
        return [
            Taken(each.note, each.key, _money(each.units, each.currency), _money(0, each.currency))
            for each in self.office.redemptions()
            if each.state == "taken"
        ]

    def chargeable(self) -> Sequence[Chargeable]:
        return []  # a voucher is taken or it is not

    saved_cards = chargeable

    def notices_due(self) -> Sequence[Delivery]:
        due = [self._delivery(each) for each in self.office.redemptions()]
        return [each for each in due if each.notice_id not in self._acknowledged]

    def acknowledge(self, notice_id: str) -> None:
        self._acknowledged.add(notice_id)

    def foreign_notice(self) -> Delivery:
        code = CODES[Behaviour.SUCCEEDS]
        return self._delivery(self.office.redeem("over-the-counter", code, 500, "GBP", note=""))

    def settle(self, reference: str, *, succeed: bool = True) -> None:
        """Nothing is ever pending here."""

    authenticate = settle

    def pay_in_browser(self, reference: str, token: str) -> None:
        """Vouchers are typed into our own page, and nowhere else."""

    return_refund = acknowledge

    def _delivery(self, redemption: Redemption) -> Delivery:
        body, headers = self.office.webhook(redemption, SECRET)
        return Delivery(notice_id=redemption.key, body=body, headers=headers)


def _money(units: int, currency: str) -> Money:
    return Money(Decimal(units).scaleb(-DECIMALS[currency]), currency)


class TestVoucherGateway(GatewayConformance):
    """Every check of the kit; what vouchers cannot do is checked to be refused."""

    lacks = frozenset({*Behaviour, *DeclineReason} - set(CODES))

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        bench = VoucherBench()
        yield bench
        bench.office.close()
