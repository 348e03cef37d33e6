"""Forks a child for each line of its input, so that a hundred processes cost the imports of one.

A line holds the arguments of `tests.acceptance.programs.crash`; the answer is the child's exit status.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from tests.acceptance.programs import crash, say
from tests.plain_twins import make_twin

LOADED = (
    "perdure.api.app",
    "perdure.sdk.thread_io",
    "perdure.server.attach",
    "perdure.server.embedded",
    "perdure.server.http",
    "perdure.server.listener",
    "perdure.storage.opening",
    "perdure.transport.exchange",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
)
"""What a process loads when its node starts, with its first request and its first callback; no child loads it anew."""


def main() -> None:
    for module in LOADED:
        import_module(module)
    # What a process works out once, no child works out anew: the plain twins, and where this package is installed.
    for jobs in crash.PROGRAMS.values():
        make_twin(jobs.declare)
    version("perdure")
    # A child's collector then leaves alone, and so shared, the pages of what was there before it.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        folder, program, mode, moment, number = line.split()
        child = os.fork()
        if child == 0:
            _live(Path(folder), program, mode, moment, int(number))
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


def _live(folder: Path, program: str, mode: str, moment: str, number: int) -> None:
    status = 1
    try:
        asyncio.run(crash.main(folder, program=program, mode=mode, moment=moment, number=number))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
