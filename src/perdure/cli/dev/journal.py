"""The journal: what runs do, line by line, as it becomes durable."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from perdure.cli.dev.console import ReaderGoneError, indent
from perdure.cli.dev.frames import show_error
from perdure.cli.dev.waits import describe_task, describe_wait
from perdure.cli.text import make_harmless
from perdure.protocol.execution import Abandoned, Failed, InvalidPayload, Succeeded, Suspended, Yielded
from perdure.protocol.json_text import load
from perdure.protocol.schedules import SCHEDULED_EVENT
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.protocol.task_waits import INVOKED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from perdure.cli.dev.console import Console, Style
    from perdure.protocol.execution import ErrorInfo, ExecutionRequest, ExecutionResult, JsonText, TaskRecord
    from perdure.protocol.runs import RunAnswer

_REMEMBERED: Final = 10_000
"""How many tasks that wait are remembered by what they wait for, at most."""

_SHOWN_JSON: Final = 500
_MARGIN: Final = 11
_LEVEL_STYLES: Final[dict[str, Style]] = {"DEBUG": "dim", "WARN": "yellow", "ERROR": "red"}


class Journal:
    """Writes down what runs do.

    Args:
        console: Where.
        folder: The app's folder, whose code is the user's own.
        now: Gives the time.
        on_reader_gone: Called when nobody reads any more.
    """

    def __init__(
        self, console: Console, folder: Path, *, now: Callable[[], datetime], on_reader_gone: Callable[[], None]
    ) -> None:
        self._console = console
        self._folder = folder
        self._now = now
        self._on_reader_gone = on_reader_gone
        self._waits: OrderedDict[str, str] = OrderedDict()
        self._jobs: dict[str, str] = {}

    # Executions.

    def begins(self, request: ExecutionRequest) -> None:
        """An execution begins."""
        self._jobs[request.run.id] = request.job.id
        for task in request.tasks:
            if task.status is TaskStatus.WAITING and task.id not in self._waits:
                self._remember(task.id, describe_task(task.name, task.delay_until))
        if request.epoch == 1:
            self._tell(request, "▶", "blue", f"begins, by {_cause(request)}")
        else:
            self._tell(request, "▶", "blue", "goes on")

    def pauses(self, request: ExecutionRequest, result: ExecutionResult) -> None:
        """An execution ended, and its run has not."""
        self._jobs.pop(request.run.id, None)
        if isinstance(result, Suspended):
            self._tell(request, "⏸", "cyan", self._describe_waits(result.task_ids))
        elif isinstance(result, Yielded):
            self._tell(request, "⏸", "cyan", f"yields at {result.key!r}, and goes on")
        elif isinstance(result, Abandoned) and not result.immediate:
            self._tell(request, "↺", "yellow", f"is executed again later: {result.reason}")

    def ends(self, request: ExecutionRequest, result: ExecutionResult) -> None:
        """A run has ended as its execution says."""
        self._jobs.pop(request.run.id, None)
        took = _shown_time(self._now() - request.run.started_at)
        if isinstance(result, Succeeded):
            output = "" if result.output is None else f": {_shown_json(result.output)}"
            self._tell(request, "✓", "green", f"succeeded, {took} after it began{output}")
        elif isinstance(result, Failed):
            self._tell(request, "✗", "red", f"failed, {took} after it began")
            self._show(result.error)
        elif isinstance(result, InvalidPayload):
            self._tell(request, "✗", "red", "its payload does not fit the job's schema")
            self._write(
                *(f"{' ' * _MARGIN}{'.'.join(map(str, path)) or 'payload'}: {text}" for path, text in result.issues)
            )

    def ended(self, run: RunAnswer) -> None:
        """A run has ended without an execution of its own that said so: it was cancelled, or given up."""
        words = {RunStatus.CANCELED: "was cancelled", RunStatus.TIMED_OUT: "was given up"}
        self._line(run.job_id, run.id, "■", "yellow", words.get(run.status, f"ended: {run.status}"))
        if run.error is not None:
            self._show(run.error)

    # What they store.

    def records(self, run_id: str, record: TaskRecord) -> None:
        """A record of a run's tasks has been stored, and what goes before it."""
        for one in (*record.ancestors, record):
            if one.operation == "log":
                self._log(run_id, one)
            elif one.status is TaskStatus.WAITING:
                self._note_wait(run_id, one)
            elif one.status is TaskStatus.ERRORED and one.error is not None:
                what = _one_line(one.error)
                self._line(self._job(run_id), run_id, "✗", "red", f"{_name(one)} failed: {what}")

    def _log(self, run_id: str, line: TaskRecord) -> None:
        details: dict[str, Any] = load(line.details) if line.details is not None else {}
        properties: list[dict[str, str]] = details.get("properties") or [{}]
        level = properties[0].get("text", "LOG")
        first, *rest = str(details.get("description", "")).splitlines() or [""]
        data = "" if line.params is None else f"  {_shown_json(line.params)}"
        style = _LEVEL_STYLES.get(level)
        text = (
            f"{level:<5} {first}" if style is None else self._console.paint(f"{level:<5} {make_harmless(first)}", style)
        )
        self._line(self._job(run_id), run_id, " ", "dim", text, *rest, tail=data, is_painted=style is not None)

    def _note_wait(self, run_id: str, record: TaskRecord) -> None:
        self._remember(record.id, describe_wait(record))
        if record.attempt_error is not None:
            text = f"{_name(record)} failed, attempt {record.attempts}: {_one_line(record.attempt_error)}"
            self._line(self._job(run_id), run_id, "↻", "yellow", text)

    # Writing.

    def _describe_waits(self, task_ids: tuple[str, ...]) -> str:
        known = [self._waits[task_id] for task_id in task_ids if task_id in self._waits]
        others = len(task_ids) - len(known[:3])
        if not known:
            return "waits"
        return f"waits for {', '.join(known[:3])}{f' and {others} more' if others else ''}"

    def _remember(self, task_id: str, text: str) -> None:
        self._waits[task_id] = text
        if len(self._waits) > _REMEMBERED:
            self._waits.popitem(last=False)

    def _job(self, run_id: str) -> str:
        return self._jobs.get(run_id, "")

    def _tell(self, request: ExecutionRequest, mark: str, style: Style, text: str) -> None:
        self._line(request.job.id, request.run.id, mark, style, text)

    def _line(
        self,
        job_id: str,
        run_id: str,
        mark: str,
        style: Style,
        text: str,
        *rest: str,
        tail: str = "",
        is_painted: bool = False,
    ) -> None:
        paint = self._console.paint
        time = self._now().astimezone().strftime("%H:%M:%S")
        head = (
            f"{paint(time, 'dim')} {paint(mark, style)} {paint(make_harmless(job_id), 'bold')} {paint(run_id, 'dim')}"
        )
        shown = text if is_painted else make_harmless(text)
        more = indent(map(make_harmless, rest), by=_MARGIN)
        self._write(f"{head}  {shown}{paint(make_harmless(tail), 'dim')}", *more)

    def _show(self, error: ErrorInfo) -> None:
        message, stack = make_harmless(error.message), make_harmless(error.stack or "")
        self._write(*indent(show_error(self._console, error.name, message, stack, self._folder), by=_MARGIN))

    def _write(self, *lines: str) -> None:
        try:
            self._console.write(*lines)
        except ReaderGoneError:
            self._on_reader_gone()


def _cause(request: ExecutionRequest) -> str:
    event = request.event
    if event.name == SCHEDULED_EVENT:
        return f"a tick of its schedule at {event.timestamp.astimezone():%H:%M:%S}"
    return "an invocation" if event.name == INVOKED else f"event {event.name!r}"


def _name(record: TaskRecord) -> str:
    return f"task {record.display_key or record.name!r}"


def _one_line(error: ErrorInfo) -> str:
    message = error.message.splitlines()[0] if error.message else ""
    return f"{error.name}: {message}" if message else error.name


def _shown_json(text: JsonText) -> str:
    return text if len(text) <= _SHOWN_JSON else f"{text[:_SHOWN_JSON]}… ({len(text):,} characters)"


def _shown_time(took: timedelta) -> str:
    seconds = max(took.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.2f} s"
    return str(timedelta(seconds=round(seconds)))
