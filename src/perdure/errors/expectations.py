"""What tests of jobs expect."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class UnmetExpectationError(PerdureError, AssertionError):
    """What a test expected of its runs is not so."""

    code = "unmet_expectation"


class CrashSafetyError(UnmetExpectationError):
    """A crash changes what comes of the runs of a test."""

    code = "crash_safety"


class NotSettledError(PerdureError):
    """The runs of a test did not come to rest in time."""

    code = "not_settled"
