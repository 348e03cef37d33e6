"""A question on the terminal, which Ctrl-C answers as well."""

from __future__ import annotations

import select
import signal
import socket
import sys


def ask_yes(question: str) -> bool:
    """Ask on the terminal, and wait for a line.

    Args:
        question: What is asked; it ends with a blank.

    Returns:
        Whether the answer is yes. An end of the input is a no.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, be it in the moment between the question and the reading. `input` would
            miss it then, and wait for a line all the same.
    """
    waking, woken = socket.socketpair()
    with waking, woken:
        waking.setblocking(False)
        before = signal.set_wakeup_fd(waking.fileno())
        try:
            sys.stdout.write(question)
            sys.stdout.flush()
            select.select([sys.stdin, woken], [], [])
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        finally:
            signal.set_wakeup_fd(before)
