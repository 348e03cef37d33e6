"""What the demonstration prints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.finding import Finding

BOLD, DIM, RED, GREEN = "1", "2", "31", "32"

_SHOWN_PROBLEMS = 3


class Story:
    """Prints a demonstration as it happens.

    Args:
        out: Where to.
        color: Whether to use the colors of a terminal.
    """

    def __init__(self, out: TextIO, *, color: bool) -> None:
        self._out = out
        self._color = color
        self._began = time.monotonic()

    def begin(self, orders: int) -> None:
        """Say what is going to happen."""
        self._print(self._in(BOLD, f"A shop takes {orders} orders, and half-way its power fails."))
        self._print()
        self._print("Each order is a run: charge the card (one in five is declined at first, and retried),")
        self._print("wait a second for second thoughts, pack item by item (tasks in a task), announce it")
        self._print("on two channels in parallel, and send an event that starts the run that ships it.")
        self._print("Some parcels are photographed by a service that calls back, some need papers from an API")
        self._print("that is busy and slow, and some are to be signed for: they wait at the door, not for ever.")
        self._print("At midnight the books of the day are closed; the shop's clock is set to shortly before.")
        self._print()

    def tell(self, sentence: str) -> None:
        """Say what happened just now."""
        seconds = f"{time.monotonic() - self._began:5.1f} s"
        self._print(f"{self._in(DIM, seconds)}  {sentence}")

    def break_off(self, reason: str) -> None:
        """Say why the demonstration could not be finished."""
        self._print()
        self._print(f"{self._in(RED, '✗')} {reason}")

    def judge(self, findings: Sequence[Finding]) -> None:
        """Say what the checks found."""
        self._print()
        self._print("Counted from the acknowledgements, from the logs of the world outside and of each task's")
        self._print("body, from a copy of the database as the kill left it, and from the database now:")
        self._print()
        for finding in findings:
            self._print_finding(finding)
        self._print()
        off = sum(1 for finding in findings if finding.problems)
        if off:
            self._print(self._in(RED, f"{off} of {len(findings)} checks failed."))
        else:
            self._print(self._in(BOLD, "Nothing was lost, and nothing was done twice that had been recorded."))

    def _print_finding(self, finding: Finding) -> None:
        if not finding.problems:
            self._print(f"{self._in(GREEN, '✓')} {finding.sentence}")
            return
        self._print(f"{self._in(RED, '✗')} This does not hold: {finding.sentence}")
        for problem in finding.problems[:_SHOWN_PROBLEMS]:
            self._print(f"    {problem}")
        more = len(finding.problems) - _SHOWN_PROBLEMS
        if more > 0:
            self._print(f"    and {more} more")

    def _in(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color else text

    def _print(self, line: str = "") -> None:
        print(line, file=self._out, flush=True)
