"""The worked exchanges of the v2 protocol, section 17: read and written again, they are the same JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from perdure.protocol.messages.answers import IdAnswer
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.delivery import NormalizedResponse, SourceDeliveryAnswer, WebhookDeliveryAnswer
from perdure.protocol.messages.dispatchers import EphemeralDispatcherBody
from perdure.protocol.messages.endpoints import PingAnswer
from perdure.protocol.messages.execution import RunJobBody, RunMetadata
from perdure.protocol.messages.indexing import IndexAnswer, JobMetadata
from perdure.protocol.messages.jobs import InvokeJobBody
from perdure.protocol.messages.outcomes import RunJobResponse
from perdure.protocol.messages.tasks import CompleteTaskBody, CreateTaskAnswer, CreateTaskBody

JOB = r"""
{"id":"basic-job","name":"Basic","version":"1.0.0",
 "event":{"name":"basic.event","title":"Event","source":"trigger.dev","icon":"custom-event"},
 "trigger":{"type":"static","title":"basic.event","rule":{"event":"basic.event","source":"trigger.dev","payload":{"n":[{"$gt":1}]}}},
 "integrations":{"fake":{"id":"fakeint","metadata":{"id":"fake","name":"Fake"},"authSource":"LOCAL"}},
 "startPosition":"latest","enabled":true,"preprocessRuns":false,"concurrencyLimit":{"id":"grp","limit":3}}
"""

INDEX = (
    r'{"jobs":['
    + JOB
    + r"""],"sources":[{"version":"2","channel":"HTTP","key":"fake.src-http-rr-fakeint","params":{"r":"Rr"},"options":{"event":["fake.push"]},
   "integration":{"id":"fakeint","metadata":{"id":"fake","name":"Fake"},"authSource":"LOCAL"},
   "registerSourceJob":{"id":"fake.src-http-rr-fakeint","version":"0.1.0"}}],
 "dynamicTriggers":[{"id":"dyn-trig","jobs":[{"id":"dt","version":"1.0.0"}],"registerSourceJob":{"id":"register-dynamic-trigger-dyn-trig","version":"0.1.0"}}],
 "dynamicSchedules":[{"id":"dyn-sched","jobs":[{"id":"ds","version":"1.0.0"}]}],
 "httpEndpoints":[{"id":"my-ep","icon":"webhook","version":"1","enabled":true,
   "event":{"name":"my-ep","title":"HTTP Trigger","source":"caller.com","icon":"webhook","examples":[{"id":"basic-request","name":"Basic Request","icon":"http-post","payload":{"url":"https://cloud.trigger.dev","method":"POST","headers":{"Content-Type":"application/json"},"rawBody":"{\"foo\":\"bar\"}"}}]},
   "immediateResponseFilter":{"method":["GET"]},"skipTriggeringRuns":true,"source":"caller.com"}]}
"""  # noqa: E501
)

EXECUTE = r"""
{"event":{"id":"evt_1","name":"basic.event","payload":{"n":5},"context":{},"timestamp":"2024-01-01T00:00:00.000Z","deliverAt":null,"deliveredAt":null,"cancelledAt":null},
 "job":{"id":"basic-job","version":"1.0.0"},
 "run":{"id":"run_1","isTest":false,"isRetry":false,"startedAt":"2024-01-01T00:00:01.000Z"},
 "environment":{"id":"env_1","slug":"dev","type":"DEVELOPMENT"},
 "organization":{"id":"org_1","slug":"org","title":"Org"},"project":{"id":"proj_1","slug":"proj","name":"Proj"},
 "connections":{},"tasks":[],"noopTasksSet":"AAAA","yieldedExecutions":[],"runChunkExecutionLimit":59650,
 "autoYieldConfig":{"startTaskThreshold":750,"beforeExecuteTaskThreshold":1500,"beforeCompleteTaskThreshold":750,"afterCompleteTaskThreshold":750}}
"""

LOG_TASK = r"""
{"idempotencyKey":"7eb27ff8e5b7d241dfde5710447ec44ec0f8e75a6e42a160217d637fb58399d1","noop":true,"name":"log","icon":"log","description":"hello","params":{"a":1},"properties":[{"label":"Level","text":"INFO"}],"style":{"style":"minimal","variant":"info"}}
"""
PLAIN_TASK = r"""
{"idempotencyKey":"1dd6","displayKey":"t1","noop":false,"name":"T1","params":{"x":1},"properties":[{"label":"L","text":"T"}]}
"""
WAIT_TASK = r"""
{"idempotencyKey":"6c44","displayKey":"w","noop":true,"name":"wait","icon":"clock","params":{"seconds":60},"delayUntil":"2024-01-01T00:01:02.000Z","style":{"style":"minimal"}}
"""
FETCH_TASK = r"""
{"idempotencyKey":"fde4","displayKey":"bf","noop":false,"name":"fetch example.com/a","params":{"url":"https://example.com/a?b=c","requestInit":{"method":"POST","headers":{"Authorization":{"__redactedString":true,"strings":["Bearer ",""],"interpolations":["secret"]}},"body":"x"},"retry":{"429":{"strategy":"backoff","limit":3}},"timeout":{"durationInMs":5000}},"operation":"fetch","icon":"background","properties":[{"label":"url","text":"https://example.com/a?b=c","url":"https://example.com/a?b=c"},{"label":"method","text":"POST"},{"label":"background","text":"true"},{"label":"timeout","text":"5000ms"}],"retry":{"limit":0}}
"""  # noqa: E501
COMPLETE = r'{"output":"{\"ok\":5,\"when\":\"1970-01-01T00:00:00.000Z\"}"}'

WAITING = r"""
{"id":"task_3","name":"wait","icon":"clock","noop":true,"startedAt":"2024-01-01T00:00:02.000Z","completedAt":null,"delayUntil":"2024-01-01T00:01:02.000Z","status":"WAITING","params":{"seconds":60},"output":null,"style":{"style":"minimal"},"childExecutionMode":"SEQUENTIAL","idempotencyKey":"6c44","attempts":1,"forceYield":false}
"""
CREATED = r"""
{"task":{"id":"task_2","name":"T1","icon":null,"noop":false,"startedAt":"2024-01-01T00:00:01.500Z","completedAt":null,"delayUntil":null,"status":"RUNNING","description":null,"params":{"x":1},"output":null,"properties":[{"label":"L","text":"T"}],"style":{"style":"normal"},"error":null,"parentId":null,"attempts":1,"idempotencyKey":"1dd6","operation":null,"callbackUrl":null,"forceYield":false,"childExecutionMode":"SEQUENTIAL"}}
"""

DISPATCHER = r"""
{"url":"https://api.example.com/api/v1/tasks/task_11/callback/0123456789abcdef01234567","name":"x.y","filter":{"a":["1"]},"timeoutInSeconds":3600}
"""
INVOKE = r"""
{"payload":{"a":1},"context":{},"options":{"callbackUrl":"https://api.example.com/api/v1/tasks/task_18/callback/0123456789abcdef01234567"}}
"""

EXCHANGES: list[tuple[str, Any, str]] = [
    ("ping", PingAnswer, '{"ok":true}'),
    ("a job of an index", JobMetadata, JOB),
    ("an index", IndexAnswer, INDEX),
    ("an execution", RunJobBody, EXECUTE),
    ("a log line", CreateTaskBody, LOG_TASK),
    ("a task", CreateTaskBody, PLAIN_TASK),
    ("a wait", CreateTaskBody, WAIT_TASK),
    ("a background fetch", CreateTaskBody, FETCH_TASK),
    ("the completion of a task", CompleteTaskBody, COMPLETE),
    ("the answer to a task", CreateTaskAnswer, CREATED),
    ("run metadata", RunMetadata, '{"successSubscription":true}'),
    ("resume with task", RunJobResponse, f'{{"status":"RESUME_WITH_TASK","task":{WAITING}}}'),
    ("success", RunJobResponse, '{"status":"SUCCESS","output":{"r":{"ok":1}}}'),
    (
        "invalid payload",
        RunJobResponse,
        '{"status":"INVALID_PAYLOAD","errors":[{"path":["n"],"message":"Expected number, received string"}]}',
    ),
    (
        "retry with task",
        RunJobResponse,
        (
            f'{{"status":"RETRY_WITH_TASK","task":{WAITING},'
            '"error":{"message":"boom","name":"Error","stack":"Error: boom"},"retryAt":"2024-01-01T00:00:03.000Z"}'
        ),
    ),
    ("yield", RunJobResponse, '{"status":"YIELD_EXECUTION","key":"y1"}'),
    (
        "automatic yield",
        RunJobResponse,
        '{"status":"AUTO_YIELD_EXECUTION","location":"start_task","timeRemaining":398.8,"timeElapsed":1.2,"limit":400}',
    ),
    ("rate limit", RunJobResponse, '{"status":"AUTO_YIELD_RATE_LIMIT","reset":1700000000123}'),
    (
        "error of a task",
        RunJobResponse,
        r'{"status":"ERROR","error":{"message":"\"Remote callback timeout - no requests received\""},"task":'
        + WAITING
        + "}",
    ),
    ("an ephemeral dispatcher", EphemeralDispatcherBody, DISPATCHER),
    ("an invocation", InvokeJobBody, INVOKE),
    ("the invoked run", IdAnswer, '{"id":"run_child"}'),
    (
        "delivery to a source",
        SourceDeliveryAnswer,
        (
            '{"events":[{"id":"e1","name":"fake.push","source":"fake","payload":{"x":1}}],'
            '"response":{"status":200,"body":{"ok":true}},"metadata":{"last":1}}'
        ),
    ),
    (
        "delivery for a response",
        NormalizedResponse,
        '{"status":201,"headers":{"content-type":"text/plain;charset=UTF-8","x-a":"b"},"body":"pong:abc"}',
    ),
    (
        "delivery to a webhook",
        WebhookDeliveryAnswer,
        '{"response":{"status":200,"body":{"ok":true}},"verified":false,"error":"no"}',
    ),
]


@pytest.mark.parametrize(("kind", "text"), [pytest.param(kind, text, id=name) for name, kind, text in EXCHANGES])
def test_a_worked_exchange_is_written_as_it_was_read(kind: Any, text: str) -> None:
    written = encode_message(decode_message(text.encode(), kind))
    assert json.dumps(json.loads(written), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


@pytest.mark.parametrize(("kind", "text"), [pytest.param(kind, text, id=name) for name, kind, text in EXCHANGES])
def test_members_that_nobody_knows_are_tolerated(kind: Any, text: str) -> None:
    with_more = text.strip().removesuffix("}") + ',"someMemberOfLater":{"a":[1]}}'
    assert encode_message(decode_message(with_more.encode(), kind)) == encode_message(
        decode_message(text.encode(), kind)
    )


def test_the_second_execution_finds_what_the_first_one_stored() -> None:
    cached = (
        '[{"id":"1dd6","idempotencyKey":"1dd6","status":"COMPLETED","noop":false,"output":{"ok":5},"parentId":null}]'
    )
    body = decode_message(EXECUTE.replace('"tasks":[]', f'"tasks":{cached}').encode(), RunJobBody)
    assert isinstance(body.tasks, list)
    assert body.tasks[0].output == Raw(b'{"ok":5}')
