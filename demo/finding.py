"""What a check finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """A sentence with what a check counted, and what is off, if anything is."""

    sentence: str
    problems: list[str]


def differences(what: str, expected: Iterable[str], found: Iterable[str]) -> list[str]:
    """Say what is there too rarely or too often."""
    wanted, there = Counter(expected), Counter(found)
    return [
        f"{there[name]} instead of {wanted[name]} × {what} {name}"
        for name in sorted(wanted | there)
        if there[name] != wanted[name]
    ]
