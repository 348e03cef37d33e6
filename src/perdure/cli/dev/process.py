"""The node's process, as the supervisor sees it: started, asked to stop, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol

from perdure.cli.dev.link import Link
from perdure.cli.dev.messages import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.cli.dev.messages import Assignment

_PROGRAM = "perdure.cli.dev.program"


class Listener(Protocol):
    """Hears of a process, in a thread of its own."""

    def has_told(self, process: NodeProcess, report: Report) -> None:
        """The process has sent a report."""
        ...

    def has_ended(self, process: NodeProcess, status: int) -> None:
        """The process has ended, with this exit status; below zero the number of a signal."""
        ...


class NodeProcess:
    """A process with the node and the app's jobs.

    Args:
        assignment: What it is to do.
        environ: Its environment variables.
        listener: Hears of it.

    Attributes:
        pid: Its number.
        started: When it was started, by the clock that only goes forward.
        is_ready: Whether it has said that its node is at work.
        deadline: By when it must have ended, by the clock that only goes forward; ``None``: it may go on.
    """

    def __init__(self, assignment: Assignment, environ: Mapping[str, str], listener: Listener) -> None:
        self._link, theirs = Link.pair()
        # A Ctrl-C that comes while it starts is none of its business.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                # Not the folder at hand goes first where it looks for modules, but that of the app.
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs.descriptor)],
                pass_fds=(theirs.descriptor, assignment.socket),
                env={"PYTHONUNBUFFERED": "1", **environ},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()
        self._link.send(assignment)
        self.pid = self._process.pid
        self.started = time.monotonic()
        self.is_ready = False
        self.deadline: float | None = None
        self._listener = listener
        threading.Thread(target=self._listen, name="perdure-node", daemon=True).start()

    def _listen(self) -> None:
        while True:
            report: Report | None = self._link.receive(Report)
            if report is None:
                break
            self._listener.has_told(self, report)
        self._listener.has_ended(self, self._process.wait())

    def stop(self, *, within: float) -> None:
        """Ask it to end in so many seconds, after which it is to be killed."""
        self.deadline = time.monotonic() + within
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Only the listening thread waits for it, and while it has not, the number is that of no other process.
        if self._process.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
