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

    def begin(self, headline: str, *plot: str) -> None:
        """Say what is going to happen."""
        self._print(self._in(BOLD, headline))
        self._print()
        self._print_all(plot)

    def tell(self, sentence: str) -> None:
        """Say what happened just now."""
        seconds = f"{time.monotonic() - self._began:5.1f} s"
        self._print(f"{self._in(DIM, seconds)}  {sentence}")

    def break_off(self, reason: str) -> None:
        """Say why the demonstration could not be finished."""
        self._print()
        self._print(f"{self._in(RED, '✗')} {reason}")

    def judge(self, findings: Sequence[Finding], *counted: str) -> None:
        """Say what the checks found; ``counted`` says from what."""
        self._print()
        self._print_all(counted)
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

    def _print_all(self, lines: Sequence[str]) -> None:
        for line in (*lines, ""):
            self._print(line)

    def _in(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color else text

    def _print(self, line: str = "") -> None:
        print(line, file=self._out, flush=True)
