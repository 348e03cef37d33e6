"""dev: how long ``perdure dev`` takes until it is ready, and until it is again when a file was saved."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measures import find_percentile
from bench.settings import fresh_folder
from bench.workloads.repetition import write_result

if TYPE_CHECKING:
    from bench.result import Figures, Result
    from bench.settings import Settings

RELOADS = 20

APP = """
from perdure import IO, Client, event_trigger
from pydantic import BaseModel

client = Client(id="shop")
EDITION = {edition}


class Order(BaseModel):
    id: str


@client.job(id="fulfil", version="1.0.0", trigger=event_trigger("order.placed"))
async def fulfil(payload: Order, io: IO) -> str:
    return await io.run_task("charge", lambda: payload.id)
"""


async def run(settings: Settings) -> Result:
    """Measure ``ready_ms``, from the start of the command, and ``reload_ms``, from the end of a save.

    Both last until the line that says so can be read at the other end of a pipe. Compiled files are there already.

    Args:
        settings: How to run it.

    Returns:
        The medians, and ``reload_p95_ms``.
    """
    reloads = settings.count(RELOADS)
    runs: list[Figures] = []
    for _ in range(settings.repetitions):
        with fresh_folder(settings.folder) as folder:
            runs.append(await asyncio.to_thread(measure, folder, reloads))
    return write_result("dev", runs, settings, reloads=reloads, python=sys.version.split()[0])


def measure(folder: Path, reloads: int) -> Figures:
    """Start the command, and save its file so many times."""
    app = folder / "app.py"
    app.write_text(APP.format(edition=0), encoding="utf-8")
    with Terminal(folder) as terminal:
        ready = terminal.until(r"^Ready in ")
        took: list[float] = []
        for edition in range(1, reloads + 1):
            app.write_text(APP.format(edition=edition), encoding="utf-8")
            terminal.began = time.perf_counter()
            took.append(terminal.until(r"^Reloaded in "))
    return {
        "ready_ms": ready,
        "reload_ms": find_percentile(took, 50),
        "reload_p95_ms": find_percentile(took, 95),
    }


class Terminal:
    """The command at work, read through a pipe.

    Attributes:
        began: From when on time is counted.
    """

    def __init__(self, folder: Path) -> None:
        command = [Path(sys.executable).with_name("perdure"), "dev", "app.py", "--port", "0"]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
        self.began = time.perf_counter()
        self._process = subprocess.Popen(command, cwd=folder, env=ours, stdout=subprocess.PIPE, text=True)

    def until(self, pattern: str) -> float:
        """Read until a line matches; how many milliseconds that took.

        Raises:
            RuntimeError: The command has ended before.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if re.search(pattern, line):
                return (time.perf_counter() - self.began) * 1000
        raise RuntimeError(f"perdure dev ended with {self._process.wait()} before it printed {pattern}.")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)
