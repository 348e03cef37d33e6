"""Errors as they are answered."""

from __future__ import annotations

from perdure.api.refusals import refusal_of
from perdure.errors import DuplicateJobError


def test_an_app_that_declares_the_job_of_another_is_told_so() -> None:
    refusal = refusal_of(DuplicateJobError("Job 'a' of 'shop' is also defined in 'other'."), "req_1")

    assert (refusal.status, refusal.code) == (409, "duplicate_job")
    assert "also defined" in refusal.sentence
