"""How long the machine runs: a while on every CI run, much longer before a release (HYPOTHESIS_PROFILE=release)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    stateful_step_count=60,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=SLOW_IS_FINE,
)
settings.register_profile(
    "release",
    deadline=None,
    print_blob=True,
    max_examples=300,
    stateful_step_count=60,
    suppress_health_check=SLOW_IS_FINE,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
