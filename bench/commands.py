"""Times the command ``perdure`` as a whole process, as who waits for it does."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bench.measures import find_percentile, now

PROGRAM = Path(sys.executable).with_name("perdure")


async def time_command(*arguments: str, times: int) -> float:
    """Run a command several times, with the settings of nobody.

    Args:
        arguments: What follows ``perdure``.
        times: How often.

    Returns:
        The median in milliseconds, from its start to its exit.

    Raises:
        RuntimeError: It has failed.
    """
    took: list[float] = []
    for _ in range(times):
        began = now()
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *arguments, stdout=asyncio.subprocess.DEVNULL, env=plain_environment()
        )
        if await process.wait():
            raise RuntimeError(f"perdure {' '.join(arguments)} has failed")
        took.append((now() - began) * 1000)
    return find_percentile(took, 50)


def plain_environment() -> dict[str, str]:
    """Give this process's variables without those that set perdure."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
