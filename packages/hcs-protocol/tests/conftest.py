"""Hypothesis has no deadlines here: durations are for benchmarks."""

from hypothesis import settings

settings.register_profile("hcs-protocol", deadline=None)
settings.load_profile("hcs-protocol")
