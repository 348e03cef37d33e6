"""Epochs: how an execution elsewhere is named, which is one of a run's, begun in one life of its server.

A server that was put back to a backup counts the executions of its runs from there, and comes to numbers that it has
given out before, to executions that may be at work still. So each start of a server has a number of its own, by chance,
which stands above the count.
"""

from __future__ import annotations

from typing import Final

LIVES: Final = 2**21
"""How many lives are told apart: an epoch is a number that every reader of JSON takes."""

_COUNT_BITS: Final = 32


def epoch_of(count: int, life: int) -> int:
    """Name the execution that is the run's so many-th, and was begun in that life; 0: lives are not told apart."""
    return life << _COUNT_BITS | count


def count_of(epoch: int) -> int:
    """The how many-th of its run an execution is."""
    return epoch & (1 << _COUNT_BITS) - 1


def life_of(epoch: int) -> int:
    """In which life an execution was begun; 0: that is not said."""
    return epoch >> _COUNT_BITS
