"""Child processes: start, wait until they answer, stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.measures import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


def start(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, output: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a quiet child process as the head of its own process group.

    Args:
        command: The program and its arguments.
        environment: Variables to set on top of this process's own.
        output: A file for its standard output and error; both are thrown away if ``None``.

    Returns:
        The process. End it with ``stop`` or ``kill``, which end its own children too.
    """
    with output.open("wb") if output is not None else open(os.devnull, "wb") as sink:  # noqa: PTH123
        return subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **(environment or {})},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], *, timeout: float = 20) -> None:
    """Ask a process group to end, and kill it if it does not.

    Args:
        process: A process from ``start``; one that has ended is left alone.
        timeout: Seconds to wait before it is killed.
    """
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group with SIGKILL and collect it.

    Args:
        process: A process from ``start`` that has not been collected.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    output: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a child process running for the length of a block.

    Args:
        command: The program and its arguments.
        port: A port on loopback to wait for before the block begins.
        environment: Variables to set on top of this process's own.
        output: A file for what it prints.

    Yields:
        The process.

    Raises:
        RuntimeError: The port was taken, or the process ended or did not open it in 60 seconds.
    """
    if port is not None:
        wait_for_free_port(port)
    process = start(command, environment=environment, output=output)
    try:
        if port is not None:
            wait_for_port(port, process)
        yield process
    finally:
        stop(process)


def unwind_on_sigterm() -> None:
    """Let SIGTERM unwind this process like an exception, so that no child outlives it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def wait_for_free_port(port: int, *, timeout: float = 5) -> None:
    """Refuse to measure a process that an earlier measurement left behind.

    Args:
        port: A port on loopback.
        timeout: Seconds that a killed process may need to leave.

    Raises:
        RuntimeError: Something listens there, and goes on listening.
    """
    wait_until(lambda: not listens(port), timeout=timeout, every=0.005, what=f"port {port} to be free")


def listens(port: int) -> bool:
    """Find out whether something listens on a port of loopback.

    Args:
        port: The port.

    Returns:
        Whether a connection was accepted.
    """
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, timeout: float = 60) -> None:
    """Block until something listens on a port of loopback.

    Args:
        port: The port.
        process: Who is to open it.
        timeout: Seconds.

    Raises:
        RuntimeError: The process ended first, or the time is over.
    """

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it listened on {port}")
        return listens(port)

    wait_until(answers, timeout=timeout, every=0.05, what=f"port {port}")


def wait_until(condition: Callable[[], bool], *, timeout: float, every: float, what: str) -> None:
    """Block until a condition holds.

    Args:
        condition: Asked again and again.
        timeout: Seconds after which to give up.
        every: Seconds between two questions.
        what: What is waited for, for the error.

    Raises:
        RuntimeError: The time is over.
    """
    end = now() + timeout
    while not condition():
        if now() > end:
            raise RuntimeError(f"waited {timeout:g} s for {what}")
        time.sleep(every)


async def poll_until(condition: Callable[[], bool], *, timeout: float = 600, every: float = 0.01) -> None:
    """Wait on the event loop until a condition holds that nothing announces.

    Args:
        condition: Asked again and again.
        timeout: Seconds after which to give up.
        every: Seconds between two questions.

    Raises:
        TimeoutError: The time is over.
    """
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # other systems offer no event for it
            await asyncio.sleep(every)
