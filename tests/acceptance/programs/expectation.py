"""What must have come about in the end, whatever happened to the processes."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the runs of a program leave behind.

    Attributes:
        outputs: What they end with, by job.
        statuses: Their statuses, by the event that started them.
        attempts: The bodies that run, and the requests that are made, with the numbers of their attempts.
        waiting_bodies: Those of the bodies that wait in the middle.
        values: What is kept in the stores, by store and name.
        histories: How many earlier states each status has, by its key.
        names: How many events there are of each name.
    """

    outputs: dict[str, Any]
    statuses: dict[str, list[str]]
    attempts: list[tuple[str, int]]
    names: dict[str, int]
    waiting_bodies: Set[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)
    histories: dict[str, int] = field(default_factory=dict)
