"""What may be absent, what may be null, and what every message type keeps to."""

from __future__ import annotations

import importlib
import json
import pkgutil
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw, Struct

from perdure.protocol import messages
from perdure.protocol.messages.answers import OkAnswer
from perdure.protocol.messages.auth import MissingConnectionPayload
from perdure.protocol.messages.codec import JSON_NULL, MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.display import DisplayProperty, PartialDisplayProperty, complete_properties
from perdure.protocol.messages.endpoints import (
    EndpointRecord,
    IndexFailed,
    IndexPending,
    IndexStarted,
    IndexSucceeded,
    decode_endpoint_index,
)
from perdure.protocol.messages.errors import ErrorAnswer, ErrorWithStack, FieldIssue, IntakeErrorAnswer
from perdure.protocol.messages.events import ApiEventLog, RawEvent, SendEventBody, SendEventsBody
from perdure.protocol.messages.execution import ExecutedRun, KnownTask, RunJobBody, RunMetadata
from perdure.protocol.messages.identity import TokenAnswer, WhoamiAnswer
from perdure.protocol.messages.indexing import (
    DynamicTriggerReference,
    IndexAnswer,
    InvokeTrigger,
    JobMetadata,
    ScheduledTrigger,
    StaticTrigger,
    TriggerMetadata,
)
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.notifications import RunNotification
from perdure.protocol.messages.outcomes import RunJobSuccess
from perdure.protocol.messages.run_statuses import JobRunStatusRecord, StatusUpdate
from perdure.protocol.messages.runs import Run, RunTask
from perdure.protocol.messages.schedules import (
    CronMetadata,
    CronOptions,
    CronRegistration,
    IntervalRegistration,
    RegisterScheduleAnswer,
    decode_schedule_registration,
)
from perdure.protocol.messages.sources import RegisterSourceEvent, SourceMetadata
from perdure.protocol.messages.store import StoreDeleteAnswer, StoreGetAnswer, StoreSetAnswer, decode_store_answer
from perdure.protocol.messages.tasks import (
    CachedTask,
    CallbackOptions,
    CompleteTaskBody,
    CreateTaskBody,
    ServerTask,
)
from perdure.protocol.messages.triggers import RegisterTriggerBody
from perdure.protocol.messages.tunnels import TunnelRequest, TunnelResponse, decode_tunnel_frame
from perdure.protocol.messages.webhooks import UpdateWebhookBody
from perdure.protocol.statuses import RunStatus, TaskStatus

NOON = Instant.parse("2024-01-01T12:00:00.000Z")


def message_types() -> list[type[Struct]]:
    found: dict[str, type[Struct]] = {}
    for module in pkgutil.iter_modules(messages.__path__):
        loaded = importlib.import_module(f"{messages.__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == loaded.__name__:
                found[value.__name__] = value
    return list(found.values())


def written(message: Struct) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(encode_message(message))
    return members


def same_after_a_round_trip(kind: Any, text: str) -> None:
    again = encode_message(decode_message(text.encode(), kind))
    assert json.dumps(json.loads(again), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


@pytest.mark.parametrize("kind", message_types(), ids=lambda kind: kind.__name__)
class TestEveryMessageType:
    def test_it_cannot_be_changed(self, kind: type[Struct]) -> None:
        assert kind.__struct_config__.frozen

    def test_its_wire_names_have_no_underscore(self, kind: type[Struct]) -> None:
        allowed = {"request_id"} if kind is ErrorAnswer else set[str]()
        assert {name for name in kind.__struct_encode_fields__ if "_" in name} == allowed

    def test_its_dates_are_instants(self, kind: type[Struct]) -> None:
        plain = [field.name for field in msgspec.structs.fields(kind) if _mentions(field.type, datetime)]
        assert plain == []

    def test_an_optional_member_is_absent_unless_it_is_set(self, kind: type[Struct]) -> None:
        wrong = [
            field.name
            for field in msgspec.structs.fields(kind)
            if _mentions(field.type, msgspec.UnsetType) and field.default is not UNSET
        ]
        assert wrong == []

    def test_a_nullable_member_that_may_not_be_absent_must_be_given(self, kind: type[Struct]) -> None:
        wrong = [
            field.name
            for field in msgspec.structs.fields(kind)
            if _mentions(field.type, type(None)) and not _mentions(field.type, msgspec.UnsetType) and not field.required
        ]
        assert wrong == []


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(each, wanted) for each in getattr(annotation, "__args__", ()))


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


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            StaticTrigger,
            (
                '{"type":"static","title":["a","b"],"properties":[{"label":"l","text":"t","imageUrl":["u"]}],'
                '"rule":{"event":["a","b"],"source":"s","context":{"a":["b"]}},"link":"x","help":{"noRuns":{"text":"t"}}}'
            ),
        ),
        (ScheduledTrigger, '{"type":"scheduled","schedule":{"type":"interval","options":{"seconds":60}}}'),
        (ScheduledTrigger, '{"type":"scheduled","schedule":{"type":"cron","options":{"cron":"* * * * *"}}}'),
        (DynamicTriggerReference, '{"type":"dynamic","id":"d"}'),
        (InvokeTrigger, '{"type":"invoke"}'),
    ],
)
def test_the_type_tells_triggers_apart(kind: type[Struct], text: str) -> None:
    assert type(decode_message(text.encode(), TriggerMetadata)) is kind
    same_after_a_round_trip(TriggerMetadata, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (StoreGetAnswer, '{"action":"GET","key":"k"}'),
        (StoreGetAnswer, '{"action":"GET","key":"k","value":"{}"}'),
        (StoreSetAnswer, '{"action":"SET","key":"k","value":""}'),
        (StoreDeleteAnswer, '{"action":"DELETE","key":"k","deleted":false}'),
    ],
)
def test_the_action_tells_answers_of_the_store_apart(kind: type[Struct], text: str) -> None:
    answer = decode_store_answer(text.encode())
    assert type(answer) is kind
    assert json.loads(encode_message(answer)) == json.loads(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IndexPending, '{"status":"PENDING","updatedAt":"2024-01-01T00:00:00.000Z"}'),
        (IndexStarted, '{"status":"STARTED","updatedAt":"2024-01-01T00:00:00.000Z"}'),
        (
            IndexSucceeded,
            (
                '{"status":"SUCCESS","updatedAt":"2024-01-01T00:00:00.000Z","stats":{"jobs":1,"sources":0,"webhooks":0,'
                '"dynamicTriggers":0,"dynamicSchedules":0,"disabledJobs":0,"httpEndpoints":0}}'
            ),
        ),
        (
            IndexFailed,
            '{"status":"FAILURE","updatedAt":"2024-01-01T00:00:00.000Z","error":{"message":"m","raw":{"a":1}}}',
        ),
    ],
)
def test_the_status_tells_states_of_an_index_apart(kind: type[Struct], text: str) -> None:
    answer = decode_endpoint_index(text.encode())
    assert type(answer) is kind
    assert json.loads(encode_message(answer)) == json.loads(text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IntervalRegistration, '{"id":"k","type":"interval","options":{"seconds":60},"accountId":"a","metadata":null}'),
        (CronRegistration, '{"id":"k","type":"cron","options":{"cron":"0 0 * * *"},"metadata":{"a":1}}'),
    ],
)
def test_the_type_tells_registered_schedules_apart(kind: type[Struct], text: str) -> None:
    body = decode_schedule_registration(text.encode())
    assert type(body) is kind
    assert json.loads(encode_message(body)) == json.loads(text)


def test_a_registered_schedule_shows_its_metadata_also_when_it_has_none() -> None:
    schedule = CronMetadata(options=CronOptions(cron="0 0 * * *"))
    answer = RegisterScheduleAnswer(id="k", schedule=schedule, metadata=JSON_NULL, active=True)
    assert written(answer) == {
        "id": "k",
        "schedule": {"type": "cron", "options": {"cron": "0 0 * * *"}},
        "metadata": None,
        "active": True,
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TunnelRequest, '{"type":"request","id":"1","headers":{"a":"b"},"method":"POST","url":"/x","body":"{}"}'),
        (TunnelResponse, '{"type":"response","id":"1","status":502,"headers":{},"body":""}'),
    ],
)
def test_the_type_tells_frames_of_a_tunnel_apart(kind: type[Struct], text: str) -> None:
    frame = decode_tunnel_frame(text.encode())
    assert type(frame) is kind
    assert json.loads(encode_message(frame)) == json.loads(text)


def test_a_source_without_a_version_is_one_of_version_one() -> None:
    integration = '"integration":{"id":"i","metadata":{"id":"i","name":"I","instructions":"x"},"authSource":"HOSTED"}'
    old = decode_message(f'{{"channel":"HTTP","key":"k","events":["push"],{integration}}}'.encode(), SourceMetadata)
    assert (old.version, old.wanted_options()) == ("1", {"event": ["push"]})
    new = f'{{"version":"2","channel":"HTTP","key":"k","params":1,"options":{{"event":["push"]}},{integration}}}'
    assert decode_message(new.encode(), SourceMetadata).wanted_options() == {"event": ["push"]}
    same_after_a_round_trip(RegisterTriggerBody, f'{{"rule":{{"event":"e","source":"s"}},"source":{new}}}')


def test_properties_without_label_or_text_are_dropped() -> None:
    partial = [PartialDisplayProperty(label="a"), PartialDisplayProperty(label="a", text="b", url="u")]
    assert complete_properties(partial) == [DisplayProperty(label="a", text="b", url="u")]


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
    assert written(IntakeErrorAnswer(message="Could not find environment")) == {
        "error": True,
        "message": "Could not find environment",
    }


def test_small_answers() -> None:
    assert encode_message(OkAnswer()) == b'{"ok":true}'
    assert encode_message(ErrorWithStack(message="m")) == b'{"message":"m"}'
    assert encode_message(TokenAnswer(token=None)) == b'{"token":null}'
    assert encode_message(UpdateWebhookBody(active=False)) == b'{"active":false}'


MORE: list[tuple[Any, str]] = [
    (
        RunNotification,
        """{"id":"r","ok":false,"status":"FAILURE","startedAt":"2024-01-01T00:00:00.000Z",
        "updatedAt":"2024-01-01T00:00:00.000Z","completedAt":"2024-01-01T00:00:00.000Z","isTest":false,
        "executionDurationInMs":12.5,"executionCount":2,"job":{"id":"j","version":"1.0.0"},
        "statuses":[{"key":"k","label":"L","state":"success","data":{"a":1},"history":[]}],
        "environment":{"slug":"dev","id":"e","type":"DEVELOPMENT"},"organization":{"slug":"o","id":"o","title":"O"},
        "project":{"slug":"p","id":"p","name":"P"},
        "invocation":{"id":"rec","context":{},"timestamp":"2024-01-01T00:00:00.000Z","payload":{"a":1}},
        "error":{"message":"boom"},
        "task":{"id":"k","cacheKey":null,"status":"ERRORED","name":"T","icon":null,
          "startedAt":"2024-01-01T00:00:00.000Z","error":{"message":"boom"},"params":null}}""",
    ),
    (
        RegisterSourceEvent,
        """{"id":"s","source":{"key":"k","params":{},"active":false,"secret":"x","data":null,
        "channel":{"type":"HTTP","url":"https://example.com"},"clientId":"c"},
        "options":{"event":{"desired":["a"],"missing":[],"orphaned":["b"]}},"dynamicTriggerId":"d"}""",
    ),
    (
        IndexAnswer,
        """{"jobs":[],"sources":[],"webhooks":[{"key":"w","params":{},"config":{"event":["a"]},
        "integration":{"id":"i","metadata":{"id":"i","name":"I"},"authSource":"RESOLVER"},
        "httpEndpoint":{"id":"w"}}],"dynamicTriggers":[],"dynamicSchedules":[]}""",
    ),
    (
        EndpointRecord,
        """{"id":"e","slug":"app","url":null,"environmentId":"v","organizationId":"o","projectId":"p",
        "createdAt":"2024-01-01T00:00:00.000Z","updatedAt":"2024-01-01T00:00:00.000Z",
        "indexingHookIdentifier":"0123456789","version":"unknown","endpointIndex":{"id":"i","status":"PENDING"}}""",
    ),
    (
        WhoamiAnswer,
        """{"id":"e","slug":"dev","type":"DEVELOPMENT","createdAt":"2024-01-01T00:00:00.000Z",
        "updatedAt":"2024-01-01T00:00:00.000Z","pkApiKey":"pk_dev_x",
        "project":{"id":"p","slug":"p","name":"P","createdAt":"2024-01-01T00:00:00.000Z",
          "updatedAt":"2024-01-01T00:00:00.000Z"},
        "organization":{"id":"o","slug":"o","title":"O","createdAt":"2024-01-01T00:00:00.000Z",
          "updatedAt":"2024-01-01T00:00:00.000Z"}}""",
    ),
    (
        MissingConnectionPayload,
        """{"id":"m","type":"EXTERNAL","client":{"id":"c","title":"C","scopes":["a"],
        "createdAt":"2024-01-01T00:00:00.000Z","updatedAt":"2024-01-01T00:00:00.000Z"},
        "authorizationUrl":"https://example.com","account":{"id":"a","metadata":{"x":1}}}""",
    ),
]


@pytest.mark.parametrize(("kind", "text"), MORE, ids=lambda each: getattr(each, "__name__", ""))
def test_the_other_large_messages_are_written_as_they_were_read(kind: Any, text: str) -> None:
    same_after_a_round_trip(kind, text)
