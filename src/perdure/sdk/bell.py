"""What wakes a thread, and how the system schedules it meanwhile.

The system mostly puts a thread aside at once for the one that it wakes. That one cannot run Python before the first
waits, so it has to wait again, and what was one switch is three. Threads that take turns are therefore *courteous*:
whoever wakes one of them is left to go on.
"""

from __future__ import annotations

import os
import sys
import threading


class Bell:
    """Wakes one thread; a ring that it does not wait for is kept until it does."""

    __slots__ = ("_is_courteous", "_lock")

    def __init__(self) -> None:
        self._is_courteous = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread, from any other."""
        try:
            self._lock.release()
        except RuntimeError:
            # It was rung already.
            return

    def wait(self) -> None:
        """Wait for a ring; whoever waits looks afterwards what it was for, and waits again if it was not for it."""
        self._lock.acquire()

    def join_crowd(self, *, is_crowded: bool) -> None:
        """Be courteous from now on, or no more; in the thread that the bell wakes."""
        if self._is_courteous is not is_crowded:
            self._is_courteous = is_crowded
            schedule_thread(is_courteous=is_crowded)


def schedule_thread(*, is_courteous: bool) -> None:
    """Have the system schedule this thread as courteous or as ever; unless somebody has made it urgent, or idle."""
    if sys.platform != "linux":
        return
    policy = os.SCHED_BATCH if is_courteous else os.SCHED_OTHER
    try:
        if os.sched_getscheduler(0) in (os.SCHED_OTHER, os.SCHED_BATCH):
            os.sched_setscheduler(0, policy, os.sched_param(0))
    except OSError:
        # Where it is forbidden, threads are as they are.
        return
