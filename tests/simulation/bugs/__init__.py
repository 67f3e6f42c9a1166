"""Plausible wrong implementations, planted one at a time in the simulation's process; each must be found.

Each is what somebody might well have written. `plant` changes the library in memory and takes it back. To add one,
write it in the file of its subject.
"""

from simulation.bugs import answers, automatic, charging, disputes, notices, recovery, refunds, spending, storage
from simulation.bugs.planting import BUGS, plant

__all__ = [
    "BUGS",
    "answers",
    "automatic",
    "charging",
    "disputes",
    "notices",
    "plant",
    "recovery",
    "refunds",
    "spending",
    "storage",
]
