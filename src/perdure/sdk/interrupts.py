"""What unwinds a job's code when its execution is over although the run is not."""

from __future__ import annotations


class Interrupt(BaseException):
    """Ends an execution: the run is suspended, was cancelled, or lost its place.

    It derives from ``BaseException`` so that ``except Exception`` around an ``io`` call never catches it; ``finally``
    blocks run as it passes. Code that catches it all the same does the run no harm: what an interrupted execution
    returns or raises is discarded. (v2: `isTriggerError`, SDK surface of the original, section 8.)
    """
