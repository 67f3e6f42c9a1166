"""An attempt that was sent more than once: what one of its tries says is not what all of them did."""

from __future__ import annotations

from domain_helpers import NOW, SOON, captured, requested, then, top_up_after, when

from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import AttemptStatus
from interact_ledger.gateways.protocol import NotAttempted, Unknown

NOBODY = NotAttempted(why="connection refused")


def sent_again(given):
    return [*given, *life.send_again(top_up_after(*given), NOW)]


def test_a_single_try_that_reached_nobody_is_a_definite_no():
    assert [event.TOPIC for event in when(requested(), NOBODY)] == ["payment-not-attempted"]


def test_a_try_that_reached_nobody_proves_nothing_about_an_earlier_one():
    """Otherwise the next request would open a second attempt beside one that may have charged."""
    again = sent_again(requested())
    assert [event.TOPIC for event in when(again, NOBODY)] == ["payment-unknown"]


def test_what_is_unknown_stays_unknown_when_a_further_try_reaches_nobody():
    again = sent_again(then(requested(), Unknown(why="time-out")))
    assert when(again, NOBODY) == []


def test_that_the_gateway_knows_nothing_in_the_end_settles_all_tries():
    again = sent_again(requested())
    absence = life.record_absence(top_up_after(*again), "txn_1.1")
    assert top_up_after(*again, *absence).status is AttemptStatus.NOT_ATTEMPTED


def test_any_try_may_have_captured():
    again = sent_again(then(requested(), Unknown(why="time-out")))
    assert [event.TOPIC for event in when(again, captured())] == ["payment-captured"]


def test_nothing_is_sent_again_once_it_is_too_late_or_decided():
    assert life.send_again(top_up_after(*requested()), SOON) == []
    assert life.send_again(top_up_after(*then(requested(), captured())), NOW) == []
    assert life.send_again(top_up_after(*requested(), *life.cancel(top_up_after(*requested()))), NOW) == []
