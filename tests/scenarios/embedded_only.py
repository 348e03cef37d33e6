"""Scenarios that need the node in the test's own process, with the reasons: no server executes them."""

from __future__ import annotations

REASONS: dict[tuple[str, str | None], str] = {}
"""By file and test; a file without a test stands for all of its tests."""


def reason_of(file: str, test: str) -> str | None:
    """Say why a test is not for a server; ``None``: it is."""
    return REASONS.get((file, test), REASONS.get((file, None)))
