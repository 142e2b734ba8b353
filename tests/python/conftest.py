# SPDX-License-Identifier: Apache-2.0
"""Hypothesis: the same examples in every run, and no deadline on a machine that others use too."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quadcone",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quadcone")
