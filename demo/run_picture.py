"""``python -m demo.run_picture``: kills the program of the README, starts it again, and draws docs/images/run.svg."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from demo.picture import ROOT, draw
from demo.story import DIM

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE = ROOT / "docs" / "images" / "run.svg"

_PROGRAM = re.compile(r"```python\n(?P<text># (?P<name>\S+\.py)\n.*?)```", re.DOTALL)
_COLUMNS = 80


def perform(folder: Path) -> Iterator[str]:
    """Do what the README says, in a folder.

    Yields:
        What the terminals show, line by line.
    """
    found = _PROGRAM.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    (folder / found["name"]).write_text(found["text"], encoding="utf-8")
    command = [sys.executable, "-u", found["name"]]
    with _started(folder, command) as program:
        yield _typed(f"python {found['name']}")
        yield _line_of(program)
        run_id = _wait_for_wait(folder)
        program.kill()
        program.wait()
        yield f"Killed{_dim('  # kill -9, while the run waits')}"
    with _started(folder, command) as program:
        yield _typed(f"python {found['name']}")
        yield _line_of(program)
        _perdure(folder, "runs", "tail", run_id)
        yield ""
        yield _typed(f"perdure runs show {run_id}", remark="in another terminal")
        yield from _in_terminal(folder, "runs", "show", run_id).splitlines()


def main() -> int:
    """Draw the picture; the exit status."""
    with tempfile.TemporaryDirectory(prefix="perdure-demo-") as folder:
        lines = list(perform(Path(folder)))
    print(*lines, sep="\n")
    title = "The program below, killed and started again, and its run"
    PICTURE.write_text(draw("\n".join(lines), title=title), encoding="utf-8")
    return 0


def _wait_for_wait(folder: Path) -> str:
    """Wait until the one run is suspended; its id."""
    while True:
        runs = json.loads(_perdure(folder, "runs", "list", "--json"))["runs"]
        if [run["status"] for run in runs] == ["WAITING_TO_CONTINUE"]:
            run_id: str = runs[0]["id"]
            return run_id


@contextlib.contextmanager
def _started(folder: Path, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, cwd=folder, env=_environ(), stdout=subprocess.PIPE, encoding="utf-8") as program:
        try:
            yield program
        finally:
            program.kill()


def _line_of(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().rstrip("\n")


def _perdure(folder: Path, *words: str) -> str:
    command = [Path(sys.executable).with_name("perdure"), *words]
    return subprocess.run(
        command, cwd=folder, env=_environ(), stdout=subprocess.PIPE, encoding="utf-8", check=True
    ).stdout


def _in_terminal(folder: Path, *words: str) -> str:
    """Run a command in a terminal; what it shows, with its colors."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, _COLUMNS, 0, 0))
    command = [Path(sys.executable).with_name("perdure"), *words]
    process = subprocess.Popen(command, cwd=folder, env=_environ(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):
        while read := os.read(ours, 65536):
            shown += read
    os.close(ours)
    if process.wait() != 0:
        raise RuntimeError(shown.decode())
    return shown.decode().replace("\r\n", "\n")


def _typed(command: str, *, remark: str | None = None) -> str:
    return _dim(f"$ {command}" if remark is None else f"$ {command}  # {remark}")


def _dim(text: str) -> str:
    return f"\x1b[{DIM}m{text}\x1b[0m"


def _environ() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    return {**ours, "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color", "TZ": "UTC"}


if __name__ == "__main__":
    sys.exit(main())
