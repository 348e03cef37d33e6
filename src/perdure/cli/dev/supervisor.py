"""The supervisor: holds the socket that listens, and sees to it that one process of the node serves it."""

from __future__ import annotations

import contextlib
import importlib.util
import queue
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.dev.console import Console, ReaderGoneError
from perdure.cli.dev.messages import GRACE, Assignment, Loaded, Ready, Refused, Report, Stopped
from perdure.cli.dev.news import Changed, Ended, News, Signalled, Told
from perdure.cli.dev.process import NodeProcess
from perdure.cli.dev.watch import Watch
from perdure.cli.failures import status_of
from perdure.cli.main import READER_GONE
from perdure.config.env_files import read_env_files, with_env_files
from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from types import FrameType

    from perdure.cli.target import Target

_UNWINDING = 4.0
"""How many seconds after its grace a process may still take to end."""

_LOADING = 0.3
"""How many seconds a process may take to end that has not begun to work."""

_STEADY = 30.0
"""A process that has worked so many seconds may be followed at once by another, whatever ended it."""

_LONGEST_PAUSE = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Starts the node's process, and another one whenever a file has changed.

    Args:
        target: The app.
        listening: The socket, which stays open over all processes.
        folder: The folder at hand, where the environment files are.
        environ: The environment variables of this process.
        console: Where everything is written.
        began: When the command began, by the clock that only goes forward, in seconds.
    """

    def __init__(
        self,
        target: Target,
        *,
        listening: socket.socket,
        folder: Path,
        environ: Mapping[str, str],
        console: Console,
        began: float,
    ) -> None:
        self._target = target
        self._listening = listening
        self._folder = folder
        self._environ = environ
        self._console = console
        self._began = began
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._watch = Watch(target.folder, folder, lambda paths: self._news.put(Changed(paths)))
        self._process: NodeProcess | None = None
        self._before = Loaded()
        self._api_key: str | None = None
        self._was_ready = False
        self._has_refused = False
        self._is_ending = False
        self._is_to_start = False
        self._starts_at: float | None = None
        self._deaths = 0
        self._stopped: Stopped | None = None
        self._status: int | None = None

    def run(self) -> int:
        """Supervise until the end; the exit status."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        self._watch.start()
        try:
            self._start()
            while self._status is None:
                try:
                    self._hear(self._news.get(timeout=self._patience()))
                except queue.Empty:
                    self._look_at_the_clock()
            return self._status
        finally:
            self._watch.stop()
            if self._process is not None:
                self._process.kill()

    # What it hears.

    def has_told(self, process: NodeProcess, report: Report) -> None:
        """A process has sent a report; it is heard in the order in which things happen."""
        self._news.put(Told(process, report))

    def has_ended(self, process: NodeProcess, status: int) -> None:
        """A process has ended."""
        self._news.put(Ended(process, status))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._news.put(Signalled(number))

    def _hear(self, news: News) -> None:
        if isinstance(news, Changed):
            self._reload(news.paths)
        elif isinstance(news, Signalled):
            self._end(news.number)
        elif news.process is not self._process:
            return
        elif isinstance(news, Told):
            self._note(news.process, news.report)
        else:
            self._process = None
            self._go_on(news.process, news.status)

    def _note(self, process: NodeProcess, report: Report) -> None:
        if isinstance(report, Ready):
            process.is_ready = self._was_ready = True
            self._before = report.loaded if report.loaded is not None else self._before
            self._api_key = report.api_key
        elif isinstance(report, Stopped):
            self._stopped = report
        else:
            self._refuse(report)

    def _refuse(self, report: Refused) -> None:
        """Say why there can be no node; nothing is gained by going on if there has never been one."""
        self._has_refused = True
        if not self._was_ready:
            self._status = report.status
            with contextlib.suppress(ReaderGoneError):
                Console(sys.stderr).write(report.message)
            return
        self._write(self._console.paint(report.message, "red"))
        if not self._is_ending:
            self._write("It is started again when a file changes.")

    # What it does.

    def _start(self) -> None:
        self._is_to_start, self._starts_at = False, None
        try:
            environ = with_env_files(self._environ, self._folder)
        except InvalidArgumentError as error:
            self._refuse(Refused(error.message, status_of(error)))
            return
        assignment = Assignment(
            target=self._target.text,
            socket=self._listening.fileno(),
            began=self._began,
            is_reload=self._was_ready,
            before=self._before,
            api_key=self._api_key,
        )
        self._has_refused = False
        self._process = NodeProcess(assignment, environ, self)

    def _reload(self, paths: list[Path]) -> None:
        if self._is_ending:
            return
        for path in paths:
            _forget_compiled(path)
        shown = [path.name if path.parent != path else str(path) for path in paths[:3]]
        more = "" if len(paths) <= 3 else f" and {len(paths) - 3} more"
        self._write(self._console.paint(f"{', '.join(shown)}{more} changed.", "dim"))
        try:
            read_env_files(self._folder)
        except InvalidArgumentError as error:
            self._write(self._console.paint(error.message, "red"), "Nothing is loaded anew before that is mended.")
            return
        self._began, self._deaths = time.monotonic(), 0
        if self._process is None:
            self._start()
        elif not self._is_to_start:
            self._is_to_start = True
            self._stop(self._process)

    def _stop(self, process: NodeProcess) -> None:
        process.stop(within=GRACE + _UNWINDING if process.is_ready else _LOADING)

    def _end(self, number: int) -> None:
        """Stop the node; asked a second time, end at once."""
        if self._process is None:
            self._status = 0
        elif self._is_ending:
            self._process.kill()
            self._write("Ended at once. What was being executed is executed again by the next node.")
            self._status = 128 + number
        else:
            self._is_ending = True
            self._write("", "Stopping: executions get 5 s. Press Ctrl-C again to end at once.")
            self._stop(self._process)

    def _go_on(self, process: NodeProcess, status: int) -> None:
        """Go on after a process has ended."""
        if self._is_ending:
            self._write(_last_words(self._stopped))
            self._status = 0
        elif status == READER_GONE:
            self._status = READER_GONE
        elif self._is_to_start:
            self._start()
        elif process.is_ready:
            self._deaths = 1 if time.monotonic() - process.started > _STEADY else self._deaths + 1
            pause = 0.0 if self._deaths == 1 else min(2.0 ** (self._deaths - 2), _LONGEST_PAUSE)
            when = "It is started again." if not pause else f"It is started again in {pause:g} s."
            self._write(self._console.paint(f"The node's process {_how(status)}. {when}", "red"))
            self._began = self._starts_at = time.monotonic() + pause
        elif not self._has_refused:
            self._write(
                self._console.paint(f"The node's process {_how(status)} while it loaded {self._target.text}.", "red"),
                "It is started again when a file changes.",
            )

    # Its clock.

    def _patience(self) -> float | None:
        due = self._starts_at if self._process is None else self._process.deadline
        return None if due is None else max(due - time.monotonic(), 0)

    def _look_at_the_clock(self) -> None:
        if self._process is None:
            self._start()
            return
        if self._process.is_ready:
            self._write("It does not end by itself, and is killed; what it executed is executed again.")
        self._process.deadline = None
        self._process.kill()

    def _write(self, *lines: str) -> None:
        try:
            self._console.write(*lines)
        except ReaderGoneError:
            self._status = READER_GONE


def _forget_compiled(path: Path) -> None:
    # Python compares whole seconds and sizes: it would take what was saved within one for what it has compiled.
    if path.suffix == ".py":
        with contextlib.suppress(OSError):
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _how(status: int) -> str:
    if status >= 0:
        return f"ended by itself, with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _last_words(stopped: Stopped | None) -> str:
    if stopped is None:
        return "Stopped. Every run is kept."
    if stopped.database is None:
        return "Stopped. The database was in memory: it is gone."
    if stopped.kept is None:
        return f"Stopped. Everything is kept in {stopped.database}; no run is under way."
    return f"Stopped. Everything is kept in {stopped.database}, for the next start: {stopped.kept}."
