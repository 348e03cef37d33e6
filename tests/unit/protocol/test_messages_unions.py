"""Messages that a member tells apart, and the large ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Struct

from perdure.protocol.messages.auth import MissingConnectionPayload, MissingConnectionResolvedPayload
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.endpoints import (
    EndpointRecord,
    IndexFailed,
    IndexPending,
    IndexStarted,
    IndexSucceeded,
    decode_endpoint_index,
)
from perdure.protocol.messages.errors import RateLimitProblem
from perdure.protocol.messages.identity import WhoamiAnswer
from perdure.protocol.messages.indexing import (
    DynamicTriggerReference,
    IndexAnswer,
    InvokeTrigger,
    ScheduledTrigger,
    StaticTrigger,
    TriggerMetadata,
)
from perdure.protocol.messages.notifications import RunNotification
from perdure.protocol.messages.preprocessing import PreprocessRunAnswer, PreprocessRunBody
from perdure.protocol.messages.schedules import (
    CronRegistration,
    IntervalRegistration,
    decode_schedule_registration,
)
from perdure.protocol.messages.sources import RegisterSourceEvent
from perdure.protocol.messages.store import StoreDeleteAnswer, StoreGetAnswer, StoreSetAnswer, decode_store_answer
from perdure.protocol.messages.tunnels import TunnelRequest, TunnelResponse, decode_tunnel_frame


def same_after_a_round_trip(kind: Any, text: str) -> None:
    again = encode_message(decode_message(text.encode(), kind))
    assert json.dumps(json.loads(again), sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


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
        PreprocessRunBody,
        """{"event":{"id":"e","name":"n","payload":{},"timestamp":"2024-01-01T00:00:00.000Z"},
        "job":{"id":"j","version":"1.0.0"},"run":{"id":"r","isTest":true},
        "environment":{"id":"e","slug":"stg","type":"STAGING"},"organization":{"id":"o","slug":"o","title":"O"},
        "account":{"id":"a","metadata":null}}""",
    ),
    (PreprocessRunAnswer, '{"abort":false,"properties":[{"label":"l","text":"t"}]}'),
    (
        RateLimitProblem,
        """{"title":"Rate Limit Exceeded","status":429,"type":"https://example.com/429","detail":"d",
        "reset":1700000000123,"limit":750,"secondsUntilReset":4.5,"error":"e"}""",
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
    (
        MissingConnectionResolvedPayload,
        """{"id":"m","type":"DEVELOPER","client":{"id":"c","title":"C","scopes":[],
        "createdAt":"2024-01-01T00:00:00.000Z","updatedAt":"2024-01-01T00:00:00.000Z",
        "integrationIdentifier":"slack","integrationAuthMethod":"oauth2"},"expiresAt":null}""",
    ),
]


@pytest.mark.parametrize(("kind", "text"), MORE, ids=lambda each: getattr(each, "__name__", ""))
def test_the_other_large_messages_are_written_as_they_were_read(kind: Any, text: str) -> None:
    same_after_a_round_trip(kind, text)
