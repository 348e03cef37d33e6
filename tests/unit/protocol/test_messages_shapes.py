"""What may be absent, what may be null, and what passes through as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET, Raw, Struct

from perdure.protocol.messages.answers import OkAnswer
from perdure.protocol.messages.codec import JSON_NULL, MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.display import DisplayProperty, PartialDisplayProperty, complete_properties
from perdure.protocol.messages.errors import ErrorAnswer, ErrorWithStack, FieldIssue, IntakeErrorAnswer
from perdure.protocol.messages.events import ApiEventLog, RawEvent, SendEventBody, SendEventsBody
from perdure.protocol.messages.execution import ExecutedRun, KnownTask, RunJobBody, RunMetadata
from perdure.protocol.messages.identity import TokenAnswer
from perdure.protocol.messages.indexing import (
    JobMetadata,
)
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.outcomes import RunJobSuccess
from perdure.protocol.messages.run_statuses import JobRunStatusRecord, StatusUpdate
from perdure.protocol.messages.runs import Run, RunTask
from perdure.protocol.messages.schedules import (
    CronMetadata,
    CronOptions,
    RegisterScheduleAnswer,
)
from perdure.protocol.messages.sources import SourceMetadata
from perdure.protocol.messages.tasks import (
    CachedTask,
    CallbackOptions,
    CompleteTaskBody,
    CreateTaskBody,
    ServerTask,
)
from perdure.protocol.messages.triggers import RegisterTriggerBody
from perdure.protocol.messages.webhooks import UpdateWebhookBody
from perdure.protocol.statuses import RunStatus, TaskStatus

NOON = Instant.parse("2024-01-01T12:00:00.000Z")


def written(message: Struct) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(encode_message(message))
    return members


def same_after_a_round_trip(kind: Any, text: str) -> None:
    again = encode_message(decode_message(text.encode(), kind))
    assert json.dumps(json.loads(again), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


def test_what_a_v2_client_gets_holds_no_native_member() -> None:
    task = CreateTaskBody(idempotency_key="k")
    assert written(task) == {"idempotencyKey": "k", "noop": False}
    assert written(RunJobSuccess()) == {"status": "SUCCESS"}
    run = ExecutedRun(id="r", is_test=False, started_at=NOON)
    assert written(run) == {"id": "r", "isTest": False, "isRetry": False, "startedAt": "2024-01-01T12:00:00.000Z"}


def test_native_members_travel_between_perdure_and_perdure() -> None:
    text = """{"event":{"id":"e","name":"n","payload":{},"timestamp":"2024-01-01T00:00:00.000Z"},
    "job":{"id":"j","version":"1.0.0"},
    "run":{"id":"r","isTest":false,"isRetry":false,"startedAt":"2024-01-01T00:00:00.000Z"},
    "environment":{"id":"env","slug":"prod","type":"PRODUCTION"},"organization":{"id":"o","slug":"o","title":"O"},
    "epoch":3,"resumed":true,"knownTasks":[
      {"id":"t1","idempotencyKey":"k1","status":"WAITING","attempts":1,"delayUntil":"2024-01-01T00:01:00.000Z"},
      {"id":"t2","idempotencyKey":"k2","status":"ERRORED","attempts":5,"parentId":"t1","output":{"message":"boom"}}]}"""
    same_after_a_round_trip(RunJobBody, text)
    body = decode_message(text.encode(), RunJobBody)
    assert (body.epoch, body.resumed) == (3, True)
    assert isinstance(body.known_tasks, list)
    assert [type(task) for task in body.known_tasks] == [KnownTask, KnownTask]
    assert written(CreateTaskBody(idempotency_key="k", id="task_9"))["id"] == "task_9"
    assert written(RunJobSuccess(warnings=["key ⏰ was asked for twice"]))["warnings"] == ["key ⏰ was asked for twice"]


def test_a_task_says_absent_null_and_undefined_apart() -> None:
    least = '{"id":"t","name":"T","noop":false,"status":"COMPLETED","attempts":1,"idempotencyKey":"k"}'
    same_after_a_round_trip(ServerTask, least)
    task = decode_message(least.encode(), ServerTask)
    assert task.output is UNSET
    assert task.icon is UNSET
    null = decode_message(least.replace('"attempts"', '"output":null,"icon":null,"attempts"').encode(), ServerTask)
    assert null.output == JSON_NULL
    assert null.icon is None
    assert {"output", "icon"} <= written(null).keys()


def test_a_cached_task_always_says_whether_it_is_a_noop() -> None:
    task = CachedTask(id="k", idempotency_key="k", status=TaskStatus.COMPLETED)
    assert written(task) == {"id": "k", "idempotencyKey": "k", "status": "COMPLETED", "noop": False}
    assert decode_message(b'{"id":"k","idempotencyKey":"k","status":"COMPLETED"}', CachedTask) == task


def test_a_task_that_returned_undefined_is_completed_without_an_output() -> None:
    assert written(CompleteTaskBody()) == {}
    assert written(CompleteTaskBody(output="null")) == {"output": "null"}


def test_a_status_never_holds_a_null() -> None:
    record = JobRunStatusRecord(key="k", label="L", history=[StatusUpdate(label="K")])
    assert written(record) == {"key": "k", "label": "L", "history": [{"label": "K"}]}
    with pytest.raises(MessageShapeError):
        decode_message(b'{"key":"k","label":"L","state":null,"history":[]}', JobRunStatusRecord)


def test_a_run_shows_its_dates_also_when_they_are_null() -> None:
    task = RunTask(
        id="t", display_key=None, status=TaskStatus.RUNNING, name="T", icon=None, started_at=None, completed_at=None
    )
    run = Run(id="r", status=RunStatus.QUEUED, started_at=None, updated_at=NOON, completed_at=None, tasks=[task])
    assert written(run) == {
        "id": "r",
        "status": "QUEUED",
        "startedAt": None,
        "updatedAt": "2024-01-01T12:00:00.000Z",
        "completedAt": None,
        "tasks": [
            {
                "id": "t",
                "displayKey": None,
                "status": "RUNNING",
                "name": "T",
                "icon": None,
                "startedAt": None,
                "completedAt": None,
            }
        ],
        "statuses": [],
    }


@pytest.mark.parametrize("name", ["startedAt", "updatedAt", "completedAt"])
def test_a_run_must_show_each_of_its_dates(name: str) -> None:
    members = {"id": "r", "status": "SUCCESS", "startedAt": None, "updatedAt": None, "completedAt": None, "tasks": []}
    del members[name]
    with pytest.raises(MessageShapeError, match=name):
        decode_message(json.dumps(members).encode(), Run)


@pytest.mark.parametrize("name", ["displayKey", "icon", "startedAt", "completedAt"])
def test_a_task_of_a_run_must_show_what_it_has_not(name: str) -> None:
    members = dict.fromkeys(("displayKey", "icon", "startedAt", "completedAt"))
    del members[name]
    with pytest.raises(MessageShapeError, match=name):
        decode_message(json.dumps(members | {"id": "t", "status": "RUNNING", "name": "T"}).encode(), RunTask)


def test_a_run_lists_tasks_within_tasks() -> None:
    leaf = '{"id":"b","displayKey":"k","status":"COMPLETED","name":"B","icon":null,"startedAt":null,"completedAt":null}'
    tree = leaf.replace('"b"', '"a"').replace("}", f',"subtasks":[{leaf}],"params":null,"output":[1]}}')
    same_after_a_round_trip(RunTask, tree)


def test_a_run_without_statuses_has_none() -> None:
    run = decode_message(
        b'{"id":"r","status":"SUCCESS","startedAt":null,"updatedAt":null,"completedAt":null,"tasks":[]}', Run
    )
    assert run.statuses == []


def test_an_event_keeps_the_text_of_its_payload() -> None:
    text = b'{"event":{"name":"n","payload":{"big": 18446744073709551616 ,"z":1.0}}}'
    body = decode_message(text, SendEventBody)
    assert isinstance(body.event.payload, Raw)
    assert bytes(body.event.payload) == b'{"big": 18446744073709551616 ,"z":1.0}'
    assert b'"payload":{"big": 18446744073709551616 ,"z":1.0}' in encode_message(body)


def test_an_event_without_a_payload_differs_from_one_whose_payload_is_null() -> None:
    assert decode_message(b'{"name":"n"}', RawEvent).payload is UNSET
    assert decode_message(b'{"name":"n","payload":null}', RawEvent).payload == JSON_NULL


def test_a_list_of_events_is_a_message() -> None:
    text = '[{"id":"e","name":"n","payload":{},"context":null,"timestamp":"2024-01-01T00:00:00.000Z","deliverAt":null}]'
    same_after_a_round_trip(list[ApiEventLog], text)
    same_after_a_round_trip(
        SendEventsBody, '{"events":[{"name":"a","timestamp":"2024-01-01T00:00:00.001Z"}],"options":{"deliverAfter":5}}'
    )


def test_a_number_stays_the_number_it_was() -> None:
    assert encode_message(decode_message(b'{"enabled":true,"timeoutInSeconds":60}', CallbackOptions)) == (
        b'{"enabled":true,"timeoutInSeconds":60}'
    )
    assert decode_message(b'{"enabled":true}', CallbackOptions).timeout_in_seconds == 3600


def test_run_metadata_names_only_what_is_true() -> None:
    assert encode_message(RunMetadata()) == b"{}"
    assert encode_message(RunMetadata(failed_subscription=True)) == b'{"failedSubscription":true}'


def test_only_internal_jobs_say_that_they_are() -> None:
    text = """{"id":"j","name":"J","version":"1.0.0",%s
    "event":{"name":["a","b"],"title":"Event","source":"trigger.dev","icon":"custom-event","filter":{},
      "properties":[],"schema":{"type":"object"},"examples":[]},
    "trigger":{"type":"invoke"},"integrations":{},"startPosition":"latest","enabled":true,"preprocessRuns":false,
    "concurrencyLimit":5}"""
    same_after_a_round_trip(JobMetadata, text % "")
    same_after_a_round_trip(JobMetadata, text % '"internal":true,')


def test_a_registered_schedule_shows_its_metadata_also_when_it_has_none() -> None:
    schedule = CronMetadata(options=CronOptions(cron="0 0 * * *"))
    answer = RegisterScheduleAnswer(id="k", schedule=schedule, metadata=JSON_NULL, active=True)
    assert written(answer) == {
        "id": "k",
        "schedule": {"type": "cron", "options": {"cron": "0 0 * * *"}},
        "metadata": None,
        "active": True,
    }


def test_a_source_without_a_version_is_one_of_version_one() -> None:
    integration = '"integration":{"id":"i","metadata":{"id":"i","name":"I","instructions":"x"},"authSource":"HOSTED"}'
    old = decode_message(f'{{"channel":"HTTP","key":"k","events":["push"],{integration}}}'.encode(), SourceMetadata)
    assert (old.version, old.wanted_options()) == ("1", {"event": ["push"]})
    new = f'{{"version":"2","channel":"HTTP","key":"k","params":1,"options":{{"event":["push"]}},{integration}}}'
    assert decode_message(new.encode(), SourceMetadata).wanted_options() == {"event": ["push"]}
    same_after_a_round_trip(RegisterTriggerBody, f'{{"rule":{{"event":"e","source":"s"}},"source":{new}}}')


def test_properties_without_label_or_text_are_dropped() -> None:
    partial = [
        PartialDisplayProperty(label="a"),
        PartialDisplayProperty(label="a", text=["b", "c"]),
        PartialDisplayProperty(label=1, text="b"),
        PartialDisplayProperty(label="a", text="b", url="u", image_url=["i", 2]),
        PartialDisplayProperty(label="a", text="b", url=3, image_url="i"),
    ]
    assert complete_properties(partial) == [
        DisplayProperty(label="a", text="b", url="u", image_url=["i"]),
        DisplayProperty(label="a", text="b"),
    ]


def test_a_refusal_has_a_sentence_a_code_and_where_it_was() -> None:
    text = (
        '{"error":"event.name is missing","code":"invalid_field","request_id":"req_1",'
        '"issues":[{"path":["event","name",0],"message":"missing"}]}'
    )
    same_after_a_round_trip(ErrorAnswer, text)
    answer = decode_message(text.encode(), ErrorAnswer)
    assert answer.request_id == "req_1"
    assert answer.issues == [FieldIssue(path=["event", "name", 0], message="missing")]
    assert decode_message(b'{"error":"Run not found"}', ErrorAnswer).code is UNSET


def test_an_http_endpoint_that_is_not_found_says_true_in_place_of_a_sentence() -> None:
    answer = IntakeErrorAnswer(message="Could not find environment")
    assert written(answer) == {"error": True, "message": "Could not find environment"}
    with pytest.raises(MessageShapeError):
        decode_message(b'{"error":"x","message":"m"}', IntakeErrorAnswer)


def test_small_answers() -> None:
    assert encode_message(OkAnswer()) == b'{"ok":true}'
    assert encode_message(ErrorWithStack(message="m")) == b'{"message":"m"}'
    assert encode_message(TokenAnswer(token=None)) == b'{"token":null}'
    assert encode_message(UpdateWebhookBody(active=False)) == b'{"active":false}'
