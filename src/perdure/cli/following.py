"""What a run does, as it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.cli.output import note
from perdure.cli.run_views import log_text, task_name
from perdure.cli.text import iso_time, one_line
from perdure.errors import NotConnectedError
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from perdure.cli.connect import Connection
    from perdure.cli.output import Output
    from perdure.protocol.management import RunFilter
    from perdure.protocol.runs import RunAnswer, RunTaskAnswer


async def follow_run(connection: Connection, run_id: str, output: Output) -> int:
    """Print what a run does until it has ended.

    Args:
        connection: Where it runs.
        run_id: The run.
        output: Where it is printed.

    Returns:
        The exit status: 0 if it has succeeded, else 1.

    Raises:
        NotFoundError: There is no such run.
        NotConnectedError: It has not ended, and there is no node that executes it.
    """
    telling = _Telling(output)
    status = RunStatus.PENDING
    try:
        async for run in connection.desk.follow_run(run_id):
            telling.tell(run)
            status = run.status
            if connection.url is None and not status.is_final:
                raise NotConnectedError(
                    f"The run {run_id} is {status}, and there is no node that executes it. Start one, such as "
                    f"`perdure dev FILE`; then `perdure runs tail {run_id}`."
                )
    except BaseException as error:
        if not isinstance(error, Exception):
            note(f"The run goes on: perdure runs tail {run_id}")
        raise
    return 0 if status is RunStatus.SUCCESS else 1


async def follow_runs(connection: Connection, chosen: RunFilter, output: Output) -> int:
    """Print the runs that change from now on, until Ctrl-C.

    Raises:
        NotConnectedError: There is no node.
    """
    if connection.url is None:
        raise NotConnectedError("No node runs here, so no run changes. Start one, such as `perdure dev FILE`.")
    if output.for_people:
        note(f"Following the runs of {connection.url}. Ctrl-C ends this, not the runs.")
    async for run in connection.desk.follow_runs(chosen):
        if output.as_json:
            _as_json(run, output)
        else:
            _print_run(run, output, job=True)
    return 0


def warn_of_no_node(connection: Connection, run_id: str) -> None:
    """Say that a run waits for somebody to start a node, if there is none."""
    if connection.url is None:
        note(f"No node runs here: {run_id} begins when one is started, such as `perdure dev FILE`.")


class _Telling:
    """Tells what is new in each answer about a run."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._status: RunStatus | None = None
        self._lines: set[str] = set()
        self._tasks: dict[str, tuple[object, ...]] = {}

    def tell(self, run: RunAnswer) -> None:
        """Print an answer; what was told already, as after a lost connection, is left out."""
        if self._output.as_json:
            _as_json(run, self._output)
            return
        if self._status is None and not run.status.is_final:
            _print_run(run, self._output, job=True)
            self._status = run.status
        events = [(task.completed_at or task.started_at, 0, task) for task in run.tasks]
        events += [(line.started_at, 1, line) for line in run.logs]
        for _, kind, task in sorted(events, key=lambda event: event[:2]):
            if kind:
                self._tell_line(task)
            else:
                self._tell_task(task)
        if run.status is not self._status:
            _print_run(run, self._output, job=self._status is None)
            self._status = run.status

    def _tell_task(self, task: RunTaskAnswer) -> None:
        state = (task.status, task.attempts if not task.status.is_final else None, task.delay_until)
        if self._tasks.get(task.id) == state:
            return
        self._tasks[task.id] = state
        text = ""
        if task.error is not None:
            text = f"{task.error.name}: {task.error.message}"
        elif not task.status.is_final and task.delay_until is not None:
            text = f"until {iso_time(task.delay_until)}"
        elif task.output is not None and task.output != "null":
            text = task.output
        _print(self._output, task, "task", str(task.status), task_name(task), text)

    def _tell_line(self, line: RunTaskAnswer) -> None:
        if line.id not in self._lines:
            self._lines.add(line.id)
            level, text = log_text(line)
            _print(self._output, line, "log", level, text, "")


def _print(output: Output, task: RunTaskAnswer, kind: str, word: str, what: str, text: str) -> None:
    at = output.stamp(task.completed_at or task.started_at)
    if output.for_people:
        output.line(f"{at}  {word:<9}  {one_line(what)}  {one_line(text)}".rstrip(), first=(word,))
    else:
        output.line("\t".join((at, kind, word, one_line(what), one_line(text))))


def _print_run(run: RunAnswer, output: Output, *, job: bool) -> None:
    at = output.stamp(run.updated_at)
    text = run.why or ""
    if run.error is not None:
        text = f"{run.error.name}: {run.error.message}"
    elif run.output is not None:
        text = run.output
    if not output.for_people:
        output.line("\t".join((at, "run", str(run.status), run.id, one_line(text), one_line(run.job_id))))
        return
    named = f"{run.id} ({one_line(run.job_id)})" if job else run.id
    output.line(f"{at}  {run.status:<9}  {named}  {one_line(text)}".rstrip(), first=(str(run.status),))


def _as_json(run: RunAnswer, output: Output) -> None:
    from perdure.sdk.answers import run_of

    output.value(run_of(run))
