"""Records as notebooks show them. Whatever comes from users is escaped."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from perdure.sdk.records import LogLine, Run, RunTask

_LONGEST: Final = 300
"""How many characters of a value are shown."""

_MOST_ROWS: Final = 50
"""How many rows of a table are shown."""


def run_html(run: Run) -> str:
    """Show a run: how it stands, its tasks and its log."""
    facts = [f"job {run.job_id} {run.version}", *_times(run.started_at, run.completed_at)]
    parts = [
        f"<div><strong>{_text(run.status)}</strong> {_code(run.id)} <small>{_text(' · '.join(facts))}</small></div>"
    ]
    if run.why is not None:
        parts.append(f"<div>{_text(run.why)}</div>")
    if run.error is not None:
        parts.append(f"<div>{_code(f'{run.error.name}: {run.error.message}')}</div>")
    elif run.output is not None:
        parts.append(f"<div>output {_code(_json(run.output))}</div>")
    parts += [f"<div>{_text(one['label'])}: {_text(one['text'])}</div>" for one in run.properties]
    parts += [f"<div>⚠ {_text(warning)}</div>" for warning in run.warnings]
    tasks = list(_flat(run.tasks, 0))
    if tasks:
        parts.append(
            _table(("task", "status", "attempts", "result"), (_task_row(task, depth) for task, depth in tasks))
        )
    if run.logs:
        parts.append(_table(("level", "message", "data"), (_line_row(line) for line in run.logs)))
    return "".join(parts)


def handle_html(run_id: str) -> str:
    """Show the handle of a run: its id, and how to learn more."""
    return f"<div>run {_code(run_id)} <small>await {_code('handle.result()')} for its output</small></div>"


def page_html(runs: Iterable[Run]) -> str:
    """Show a page of runs: a row for each."""
    rows = (
        (_code(run.id), _text(run.status), _text(run.job_id), _text(" ".join(_times(run.started_at, run.completed_at))))
        for run in runs
    )
    return _table(("run", "status", "job", "when"), rows)


def _task_row(task: RunTask, depth: int) -> tuple[str, ...]:
    shown = task.name if task.key is None or task.key == task.name else f"{task.key} · {task.name}"
    if task.error is not None:
        result = f"{task.error.name}: {task.error.message}"
    else:
        result = "" if task.output is None else _json(task.output)
    return (
        "&nbsp;" * 4 * depth + _text(shown),
        _text(task.status),
        str(task.attempts),
        _code(result) if result else "",
    )


def _line_row(line: LogLine) -> tuple[str, ...]:
    return (_text(line.level), _text(line.message), "" if line.data is None else _code(_json(line.data)))


def _flat(tasks: Iterable[RunTask], depth: int) -> Iterator[tuple[RunTask, int]]:
    for task in tasks:
        yield task, depth
        yield from _flat(task.children, depth + 1)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table of cells that are HTML already."""
    shown = list(rows)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in shown[:_MOST_ROWS])
    left = len(shown) - _MOST_ROWS
    more = f'<tr><td colspan="{len(heads)}">… and {left} more</td></tr>' if left > 0 else ""
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}{more}</tbody></table>"


def _times(started: datetime | None, ended: datetime | None) -> list[str]:
    if started is None:
        return []
    begun = started.isoformat(sep=" ", timespec="seconds")
    return [begun] if ended is None else [begun, f"{(ended - started).total_seconds():.3f} s"]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(text: str) -> str:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    # What is half a surrogate pair cannot be shown.
    return escape(shown.encode(errors="replace").decode())


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"
