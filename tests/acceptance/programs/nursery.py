"""Forks a child for each line of its input, so that a hundred processes cost the imports of one.

A line holds the arguments of `tests.acceptance.programs.crash`; the answer is the child's exit status.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path

# Loaded with the first request of a process; no child is to load it anew.
import perdure.transport.exchange  # noqa: F401
from tests.acceptance.programs import crash, say


def main() -> None:
    for line in sys.stdin:
        folder, mode, moment, number = line.split()
        child = os.fork()
        if child == 0:
            _live(Path(folder), mode, moment, int(number))
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


def _live(folder: Path, mode: str, moment: str, number: int) -> None:
    status = 1
    try:
        asyncio.run(crash.main(folder, mode=mode, moment=moment, number=number))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
