"""How a run is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from perdure.cli.pages import collect
from perdure.cli.text import duration_text, iso_time, make_harmless, one_line, value_text
from perdure.protocol.json_text import load
from perdure.sdk.answers import run_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from perdure.cli.output import Output
    from perdure.protocol.management import Desk
    from perdure.protocol.runs import RunAnswer, RunTaskAnswer
    from perdure.sdk.records import Run, RunTask


async def read_run(desk: Desk, run_id: str, *, take: int) -> RunAnswer:
    """Look a run up with its tasks, nested ones too.

    Raises:
        NotFoundError: There is no such run.
    """
    last: RunAnswer | None = None

    async def read(cursor: str | None, size: int) -> tuple[Sequence[RunTaskAnswer], str | None]:
        nonlocal last
        last = await desk.get_run(run_id, cursor=cursor, take=size, subtasks=True)
        return last.tasks, last.next_cursor

    tasks, following = await collect(read, take=take, cursor=None)
    assert last is not None
    return replace(last, tasks=tuple(tasks), next_cursor=following)


def show(answer: RunAnswer, output: Output) -> None:
    """Print a run."""
    run = run_of(answer)
    if output.as_json:
        output.value(run)
        return
    output.record(head_of(answer))
    if not output.for_people:
        for path, task in _walk(run.tasks, ()):
            output.line("\t".join(["task", "/".join(path), task.status, one_line(_outcome(task))]))
        for line in run.logs:
            output.line("\t".join(["log", iso_time(line.created_at), line.level, one_line(_message(line))]))
        return
    if run.tasks:
        output.line("")
    for path, task in _walk(run.tasks, ()):
        took = "" if task.completed_at is None else f"  {duration_text(task.completed_at - task.started_at)}"
        shown = f"{'  ' * len(path)}{path[-1]}  {task.status}{took}  {one_line(_outcome(task))}"
        output.line(shown.rstrip(), first=(str(task.status),))
    if answer.next_cursor is not None:
        output.line(f"  … and more tasks: --take {5 * len(answer.tasks)}")
    if run.logs:
        output.line("")
    for line in run.logs:
        output.line(f"  {output.stamp(line.created_at)} {line.level:<5} {_message(line)}", first=(line.level,))
    _show_error(run, output)


def head_of(answer: RunAnswer) -> dict[str, Any]:
    """Give what a run is, without its tasks and its log."""
    took = None
    if answer.started_at is not None and answer.completed_at is not None:
        took = duration_text(answer.completed_at - answer.started_at)
    error = None if answer.error is None else f"{answer.error.name}: {answer.error.message}"
    return {
        "id": answer.id,
        "job": f"{answer.job_id} {answer.version}",
        "status": str(answer.status),
        "why": answer.why,
        "created": answer.created_at,
        "started": answer.started_at,
        "completed": answer.completed_at,
        "took": took,
        "event": answer.event_id,
        "output": answer.output,
        "error": error,
        "statuses": _statuses(answer),
        "properties": _properties(answer),
        "warnings": "; ".join(answer.warnings) or None,
    }


def task_name(task: RunTask | RunTaskAnswer) -> str:
    """Give what a task is called in one cell: its key, with what is called if that says more."""
    key = task.name if task.key is None else task.key
    return one_line(key if task.operation in ("", "run_task") else f"{key} ({task.operation})")


def _statuses(answer: RunAnswer) -> str | None:
    shown = [f"{status.label} ({status.state})" if status.state else status.label for status in answer.statuses]
    return "; ".join(shown) or None


def _properties(answer: RunAnswer) -> str | None:
    return "; ".join(f"{one['label']}: {one['text']}" for one in load(answer.properties)) or None


def _walk(tasks: Sequence[RunTask], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], RunTask]]:
    for task in tasks:
        path = (*above, task_name(task))
        yield path, task
        yield from _walk(task.children, path)


def _outcome(task: RunTask) -> str:
    if task.error is not None:
        return f"{task.error.name}: {task.error.message}"
    if not task.status.is_final and task.delay_until is not None:
        return f"until {iso_time(task.delay_until)}"
    return "" if task.output is None else value_text(task.output)


def _message(line: Any) -> str:
    return line.message if line.data is None else f"{line.message} {value_text(line.data)}"


def _show_error(run: Run, output: Output) -> None:
    if run.error is None or run.error.stack is None:
        return
    output.line("")
    for line in make_harmless(run.error.stack).splitlines():
        output.line(f"  {line}")


def log_text(line: RunTaskAnswer) -> tuple[str, str]:
    """Give the level and the text of a log line, as it comes with an answer."""
    details: dict[str, Any] = {} if line.details is None else load(line.details)
    level = next((one["text"] for one in details.get("properties") or () if one["label"] == "Level"), "LOG")
    message = details.get("description") or ""
    return level, message if line.params is None else f"{message} {line.params}"
