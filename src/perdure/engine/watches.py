"""Watches: who wants to be told that runs have changed. Nothing is kept for whoever does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHANGED = 10_000
"""How many changed runs are kept for a reader who is slow; beyond that it has to look for them."""


class Watch:
    """Tells of the changes of one run; `changed` is set at each.

    Args:
        on_close: Called when nobody looks any more.
    """

    def __init__(self, on_close: Callable[[], None]) -> None:
        self.changed = asyncio.Event()
        self.close = on_close


class RunsWatch(Watch):
    """Tells of the changes of every run.

    Attributes:
        has_missed: Whether more runs have changed than are kept.
    """

    def __init__(self, on_close: Callable[[], None]) -> None:
        super().__init__(on_close)
        # In the order of their first change that nobody has looked at yet.
        self._runs: dict[str, None] = {}
        self.has_missed = False

    def add(self, run_id: str) -> None:
        """Keep a run that has changed."""
        if len(self._runs) < MOST_CHANGED or run_id in self._runs:
            self._runs[run_id] = None
        else:
            self.has_missed = True
        self.changed.set()

    def take(self, most: int) -> list[str]:
        """Take runs that have changed, the first ones first."""
        taken = list(self._runs)[:most] if len(self._runs) > most else list(self._runs)
        for run_id in taken:
            del self._runs[run_id]
        return taken


class Watches:
    """Everybody who watches.

    Attributes:
        are_any: Whether there is anybody.
    """

    def __init__(self) -> None:
        self.are_any = False
        self._of_runs: dict[str, set[Watch]] = {}
        self._of_all: set[RunsWatch] = set()

    def of_run(self, run_id: str) -> Watch:
        """Begin to watch a run."""
        watch = Watch(lambda: self._close(run_id, watch))
        self._of_runs.setdefault(run_id, set()).add(watch)
        self.are_any = True
        return watch

    def of_all(self) -> RunsWatch:
        """Begin to watch every run."""
        watch = RunsWatch(lambda: self._close_all(watch))
        self._of_all.add(watch)
        self.are_any = True
        return watch

    def run_has_changed(self, run_id: str) -> None:
        """Tell whoever watches it."""
        for watch in self._of_runs.get(run_id, ()):
            watch.changed.set()
        for every in self._of_all:
            every.add(run_id)

    def wake_all(self) -> None:
        """Have everybody look."""
        for watches in self._of_runs.values():
            for watch in watches:
                watch.changed.set()
        for every in self._of_all:
            every.changed.set()

    def _close(self, run_id: str, watch: Watch) -> None:
        others = self._of_runs.get(run_id)
        if others is not None:
            others.discard(watch)
            if not others:
                del self._of_runs[run_id]
        self.are_any = bool(self._of_runs or self._of_all)

    def _close_all(self, watch: RunsWatch) -> None:
        self._of_all.discard(watch)
        self.are_any = bool(self._of_runs or self._of_all)
