"""The real command at work: in a terminal of its own, or through a pipe; read, typed at, and killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = Path(sys.executable).with_name("perdure")
PATIENCE = 60.0
"""How long anything may take, on a machine however busy."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Makes the terminal that is standard input that of its session, so that Ctrl-C is a signal for all of its processes.
_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Answer(NamedTuple):
    """What the node's API answered."""

    status: int
    body: Any


class Command:
    """A `perdure dev` at work."""

    def __init__(self, process: subprocess.Popen[bytes], output: int, keyboard: int | None) -> None:
        self.process = process
        self.pid = process.pid
        self._keyboard = keyboard
        self._output = output
        self._text = ""
        self._read_until = 0
        self._is_over = False
        self._stops_reading = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        rest = b""
        while not self._stops_reading:
            if not select.select([self._output], [], [], 0.02)[0]:
                continue
            try:
                chunk = os.read(self._output, 65536)
            except OSError:
                # Nobody has the terminal open any more.
                chunk = b""
            with self._news:
                whole, mark, rest = (rest + chunk).rpartition(b"\n") if chunk else (rest, b"", b"")
                self._text += (whole + mark).decode("utf-8", "replace").replace("\r\n", "\n")
                self._is_over = not chunk
                self._news.notify_all()
            if not chunk:
                return
        os.close(self._output)

    def until(self, text: str) -> str:
        """Wait for a line with a text in it; all that was printed since the last such wait, up to that line's end."""
        return self.until_match(re.escape(text))

    def until_match(self, pattern: str) -> str:
        """Wait for a line that matches; see `until`."""
        found: list[str] = []

        def look() -> bool:
            plain = _COLOURS.sub("", self._text)
            match = re.compile(pattern).search(plain, self._read_until)
            if match is None:
                return False
            end = plain.find("\n", match.end())
            if end < 0:
                return False
            found.append(plain[self._read_until : end])
            self._read_until = end + 1
            return True

        with self._news:
            self._news.wait_for(lambda: look() or self._is_over, PATIENCE)
            assert found, f"{pattern!r} was not printed. All that was:\n{self._text}"
        return found[0]

    @property
    def raw(self) -> str:
        """All that was printed, with its colours."""
        with self._news:
            return self._text

    @property
    def printed(self) -> str:
        """All that was printed, without colours."""
        return _COLOURS.sub("", self.raw)

    def rest(self) -> str:
        """Wait for the end; what was printed since the last wait."""
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), f"It did not end. It printed:\n{self._text}"
        return _COLOURS.sub("", self._text)[self._read_until :]

    def type(self, keys: bytes) -> None:
        """Type at its terminal."""
        assert self._keyboard is not None
        os.write(self._keyboard, keys)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type(b"\x03")

    def end(self) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ask it to end, as a service manager does, and wait; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def close(self) -> None:
        """Let go of it, when it has ended."""
        self._reader.join(PATIENCE)
        if not self._stops_reading:
            os.close(self._output)

    def stop_reading(self) -> None:
        """Close the pipe that it prints to, as `head` does when it has seen enough."""
        self._stops_reading = True
        self._reader.join(PATIENCE)

    # Its node.

    def ready(self) -> str:
        """Wait until it is ready; what it has printed."""
        text = self.until_match(r"Ready in [0-9.]+ s")
        self.url = re.findall(r"URL +(http://\S+)", text)[0]
        self.key = re.findall(r"API key +(\S+)", text)[0]
        return text

    def ask(self, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """Ask the node's API; a body makes it a POST."""
        headers = {"Authorization": f"Bearer {self.key if key is None else key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error))

    def send(self, name: str, payload: Any = None) -> None:
        """Send an event."""
        answer = self.ask("/api/events", {"events": [{"name": name, "payload": payload}]})
        assert answer.status == 200, answer

    def node(self) -> int:
        """The process id of the node's process."""
        (pid,) = wait_until(lambda: children_of(self.pid))
        return pid


def wait_until(look: Callable[[], Any]) -> Any:
    """Look again and again until there is something; that."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "It did not come."
        threading.Event().wait(0.01)
    return found


def children_of(pid: int) -> list[int]:
    """List the processes that a process has started and that are still there."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return []


def is_alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] != "Z"
        )
    return False


@contextlib.contextmanager
def started(
    folder: Path, *words: str, terminal: bool = True, port: int = 0, environ: dict[str, str] | None = None
) -> Iterator[Command]:
    """Start `perdure dev` in a folder, in a terminal or with a pipe for its output; it is killed in the end.

    Args:
        folder: Where.
        words: The rest of the command line.
        terminal: Whether in a terminal.
        port: At which port; 0: any.
        environ: More environment variables.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    ours |= {"TERM": "xterm", "LANG": "C.UTF-8"} | (environ or {})
    words = (str(PROGRAM), "dev", *words, "--port", str(port))
    if terminal:
        keyboard, theirs = os.openpty()
        output = keyboard
        words = (sys.executable, "-c", _IN_TERMINAL, *words)
        process = subprocess.Popen(
            words, cwd=folder, env=ours, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
    else:
        keyboard = None
        output, theirs = os.pipe()
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=ours,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    os.close(theirs)
    command = Command(process, output, keyboard)
    try:
        yield command
    finally:
        # The node's process may have outlived its supervisor, in a test that fails.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        command.close()
