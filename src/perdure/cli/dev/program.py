"""The program of a node's process: ``python -m perdure.cli.dev.program DESCRIPTOR``, started by the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from perdure.cli.dev.console import Console
from perdure.cli.dev.link import Link
from perdure.cli.dev.messages import Assignment, Refused
from perdure.cli.failures import status_of
from perdure.cli.main import tolerate_any_encoding
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Live the life of a node's process, and exit with its status."""
    # Ctrl-C reaches every process of the terminal; the supervisor says what comes of it. A handler, since what is
    # ignored would be ignored by the programs that jobs start, too.
    signal.signal(signal.SIGINT, _leave_it)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    tolerate_any_encoding(errors="replace")
    link = Link.of(int(sys.argv[1]))
    assignment: Assignment | None = link.receive(Assignment)
    if assignment is None:
        return
    sys.argv[:] = [assignment.target]
    status = asyncio.run(_live(assignment, link))
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the app's own that are still at work would keep the process.
    os._exit(status)


async def _live(assignment: Assignment, link: Link) -> int:
    from perdure.cli.dev.session import Session

    try:
        return await Session(assignment, link, Console()).run()
    except PerdureError as error:
        status = status_of(error)
        link.send(Refused(error.message, status))
        return status


def _leave_it(_number: int, _frame: FrameType | None) -> Any:
    return None


if __name__ == "__main__":
    main()
