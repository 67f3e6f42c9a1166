"""Every fact the ledger knows, and the format in which it is kept on disk for ever.

An event says what happened, in the past tense, with its results: prices, taxes and splits are decided before and
written here, so that a changed rule never rewrites history. A stored event is a `Recorded` envelope (where in which
stream, when, caused by whom) around one of the classes in these files. The amounts of an event are in its `currency`.

Once released, a class's TOPIC, its field names and their meaning never change. A new optional field may be added
with a default. Anything else takes a new VERSION and an entry in UPCASTS that turns the old form into the new.
"""

from __future__ import annotations

from collections.abc import Mapping

from interact_ledger.domain.events.accounts import *
from interact_ledger.domain.events.automatic import *
from interact_ledger.domain.events.cards import *
from interact_ledger.domain.events.credit import *
from interact_ledger.domain.events.credit_notes import *
from interact_ledger.domain.events.disputes import *
from interact_ledger.domain.events.event import *
from interact_ledger.domain.events.fields import *
from interact_ledger.domain.events.holds import *
from interact_ledger.domain.events.invoices import *
from interact_ledger.domain.events.notices import *
from interact_ledger.domain.events.numbers import *
from interact_ledger.domain.events.refunds import *
from interact_ledger.domain.events.spending import *
from interact_ledger.domain.events.top_up import *


def _concrete(cls: type[Event]) -> list[type[Event]]:
    own = [cls] if "TOPIC" in cls.__dict__ else []
    return own + [event for subclass in cls.__subclasses__() for event in _concrete(subclass)]


TOPICS: Mapping[str, type[Event]] = {cls.TOPIC: cls for cls in _concrete(Event)}
"""Every topic a stored event may have; nothing else is ever imported for one."""

assert len(TOPICS) == len(_concrete(Event)), "a topic names one class"
