from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.protocol.events import EventAnswer
from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.runs import RunAnswer, RunTaskAnswer
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.sdk import records
from perdure.sdk.answers import error_of, record_of, run_of
from perdure.sdk.codec import codec_for
from perdure.sdk.records import Event, EventRecord, Run

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

EVENT = EventAnswer(
    id="evt_1",
    name="user.created",
    payload=JsonText('{"a": [1, null]}'),
    context=JsonText("{}"),
    source="trigger.dev",
    timestamp=NOON,
    deliver_at=NOON,
    delivered_at=None,
    cancelled_at=None,
    account_id=None,
)


def _task(id: str, **changes: Any) -> RunTaskAnswer:
    task = RunTaskAnswer(
        id=id,
        parent_id=None,
        key=f"key {id}",
        name=f"name {id}",
        status=TaskStatus.COMPLETED,
        noop=False,
        operation="run_task",
        params=None,
        output=None,
        error=None,
        attempts=1,
        details=None,
        output_properties=None,
        started_at=NOON,
        completed_at=NOON,
        delay_until=None,
    )
    return msgspec.structs.replace(task, **changes)


def _line(id: str, message: str, level: str, parent_id: str | None = None, data: object = None) -> RunTaskAnswer:
    details = {"icon": "log", "description": message, "properties": [{"label": "Level", "text": level}]}
    return _task(
        id,
        operation="log",
        noop=True,
        parent_id=parent_id,
        details=dump(details),
        params=None if data is None else dump(data),
    )


def _run(*tasks: RunTaskAnswer, **changes: Any) -> Run:
    answer = RunAnswer(
        id="run_1",
        status=RunStatus.SUCCESS,
        job_id="welcome",
        version="1.0.0",
        event_id="evt_1",
        created_at=NOON,
        started_at=NOON,
        updated_at=NOON + timedelta(seconds=1),
        completed_at=NOON,
        output=JsonText('{"done": true}'),
        error=None,
        executions=2,
        warnings=("careful",),
        why=None,
        tasks=tasks,
        next_cursor="task_9",
    )
    return run_of(msgspec.structs.replace(answer, **changes))


def test_an_event_record_has_its_json_as_values() -> None:
    record = record_of(EVENT)
    assert (record.id, record.payload, record.context) == ("evt_1", {"a": [1, None]}, {})
    assert (record.timestamp, record.delivered_at) == (NOON, None)


def test_an_event_record_is_a_result_that_replays() -> None:
    for annotation, value in ((EventRecord, record_of(EVENT)), (list[EventRecord], [record_of(EVENT)] * 2)):
        text, first = codec_for(annotation).store(value)
        assert first == value
        assert codec_for(annotation).decode(text) == value


@pytest.mark.parametrize("record", [record_of(EVENT), _run(), Event("x"), records.ErrorInfo("E", "m")], ids=repr)
def test_records_cannot_be_changed(record: Any) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        setattr(record, record.__struct_fields__[0], "other")


def test_what_is_shown_of_a_run_is_in_its_record_and_in_a_notebook() -> None:
    shown = ({"label": "Repo", "text": "<red>"}, {"label": "Sha", "text": "1a2b", "url": "https://r.example/1a2b"})
    run = _run(properties=JsonText(dump(shown)))
    assert run.properties == shown
    assert "<div>Repo: &lt;red&gt;</div>" in run._repr_html_()
    assert _run().properties == ()


def test_a_run_has_what_the_platform_says_of_it() -> None:
    run = _run()
    assert (run.id, run.status, run.job_id, run.version) == ("run_1", RunStatus.SUCCESS, "welcome", "1.0.0")
    assert (run.output, run.error, run.warnings, run.why, run.next_cursor) == (
        {"done": True},
        None,
        ("careful",),
        None,
        "task_9",
    )
    assert (run.started_at, run.updated_at, run.completed_at) == (NOON, NOON + timedelta(seconds=1), NOON)


def test_a_run_without_output_has_none_and_a_failed_one_its_error() -> None:
    run = _run(output=None, status=RunStatus.FAILURE, error=ErrorInfo("ValueError", "bad", "stack", JsonText("{}")))
    assert run.output is None
    assert run.error == records.ErrorInfo("ValueError", "bad", "stack")
    assert error_of(None) is None


def test_tasks_are_a_tree_in_the_order_of_the_page() -> None:
    run = _run(_task("a"), _task("b", parent_id="a"), _task("c"), _task("d", parent_id="b"), _task("e", parent_id="a"))
    assert [task.id for task in run.tasks] == ["a", "c"]
    assert [task.id for task in run.tasks[0].children] == ["b", "e"]
    assert [task.id for task in run.tasks[0].children[0].children] == ["d"]
    assert run.tasks[1].children == ()


def test_a_task_whose_parent_is_on_another_page_is_not_lost() -> None:
    run = _run(_task("b", parent_id="a"), _task("c", parent_id="b"))
    assert [task.id for task in run.tasks] == ["b"]
    assert run.tasks[0].parent_id == "a"
    assert [task.id for task in run.tasks[0].children] == ["c"]


def test_log_lines_are_in_the_log_and_not_among_the_tasks() -> None:
    lines = (_line("l1", "hello", "INFO", data={"n": 1}), _line("l2", "deep", "WARN", parent_id="a"))
    run = _run(_task("a"), logs=lines)
    assert [task.id for task in run.tasks] == ["a"]
    assert run.tasks[0].children == ()
    assert [(line.level, line.message, line.data, line.created_at) for line in run.logs] == [
        ("INFO", "hello", {"n": 1}, NOON),
        ("WARN", "deep", None, NOON),
    ]


def test_a_task_has_what_is_shown_of_it() -> None:
    details = {
        "icon": "clock",
        "description": "waits",
        "properties": [{"label": "a", "text": "1"}, {"label": "b", "text": "2"}],
        "style": {"style": "minimal"},
        "warnings": ["asked for twice"],
    }
    (task,) = _run(
        _task(
            "a",
            details=dump(details),
            params=JsonText("[1]"),
            output=JsonText('"x"'),
            error=ErrorInfo("E", "m"),
            output_properties=dump([{"label": "a", "text": "3"}, {"label": "c", "text": "4"}]),
        )
    ).tasks
    assert (task.icon, task.description, task.style, task.warnings) == (
        "clock",
        "waits",
        {"style": "minimal"},
        ("asked for twice",),
    )
    assert (task.params, task.output, task.error) == ([1], "x", records.ErrorInfo("E", "m"))
    assert [(one["label"], one["text"]) for one in task.properties] == [("a", "3"), ("b", "2"), ("c", "4")]


def test_a_task_without_details_shows_nothing() -> None:
    (task,) = _run(_task("a")).tasks
    assert (task.icon, task.description, task.style, task.warnings, task.properties) == (None, None, None, (), ())
    assert (task.key, task.name, task.attempts, task.noop, task.operation) == ("key a", "name a", 1, False, "run_task")


def test_an_event_to_send_takes_its_name_first() -> None:
    assert Event("user.created", payload={"id": 1}) == Event(name="user.created", payload={"id": 1})
