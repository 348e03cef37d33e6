"""What an app answers to each action, whoever asks (v2 protocol, section 3)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from perdure import (
    IO,
    Client,
    ExternalSource,
    HttpRequest,
    HttpResponse,
    RegisteredSource,
    RespondWith,
    SourceChange,
    cron_trigger,
    event_trigger,
    invoke_trigger,
    webhooks,
)
from perdure.adapters.exchange import AppAnswer, AppRequest
from perdure.adapters.handler import AppHandler
from perdure.protocol.endpoint import EventTriggerSpec, ScheduleTriggerSpec
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import decode_message
from perdure.protocol.messages.indexing import IndexAnswer
from perdure.protocol.schedules import CronTiming
from perdure.transport.endpoint_index import index_of

KEY = "tr_dev_EXAMPLEKEY0000000000"
BODY: dict[str, Any] = {
    "event": {
        "id": "evt_1", "name": "basic.event", "payload": {"n": 5}, "context": {},
        "timestamp": "2024-01-01T00:00:00.000Z", "deliverAt": None, "deliveredAt": None, "cancelledAt": None,
    },
    "job": {"id": "basic", "version": "1.0.0"},
    "run": {"id": "run_1", "isTest": False, "isRetry": False, "startedAt": "2024-01-01T00:00:01.000Z"},
    "environment": {"id": "env_1", "slug": "dev", "type": "DEVELOPMENT"},
    "organization": {"id": "org_1", "slug": "org", "title": "Org"},
    "project": {"id": "proj_1", "slug": "proj", "name": "Proj"},
    "connections": {}, "tasks": [], "yieldedExecutions": [], "runChunkExecutionLimit": 59650,
    "autoYieldConfig": {
        "startTaskThreshold": 750, "beforeExecuteTaskThreshold": 1500, "beforeCompleteTaskThreshold": 750,
        "afterCompleteTaskThreshold": 750,
    },
}  # fmt: skip

client = Client(id="probe-app", api_key=KEY, api_url="http://127.0.0.1:9")
limit = client.define_concurrency_limit("grp", 3)
schedule = client.define_dynamic_schedule("dyn-sched")


@client.job(
    id="basic",
    version="1.0.0",
    trigger=event_trigger("basic.event", filter={"n": [{"$gt": 1}]}, examples=[{"id": "e", "name": "E", "payload": 1}]),
    concurrency_limit=limit,
    on_success=lambda told: None,
)
async def basic(payload: dict[str, int], io: IO) -> Any:
    cached = await io.run_task("t1", lambda: 0) if "task" in payload else None
    return {"n": payload["n"], "cached": cached}


@client.job(id="ticks", version="1.0.0", trigger=cron_trigger(cron="0 9 * * *", timezone="Europe/Berlin"))
async def ticks(_payload: Any) -> None: ...


@client.job(id="dynamic", version="1.0.0", trigger=schedule)
async def dynamic(_payload: Any) -> None: ...


@client.job(id="invoked", version="1.0.0", trigger=invoke_trigger())
async def invoked(payload: int, io: IO) -> int:
    return payload


def echo(request: HttpRequest) -> HttpResponse:
    if not request.body:
        raise ValueError("nothing to echo")
    return HttpResponse(201, f"{len(request.body)} bytes", {"x-b": request.headers["x-a"]})


client.define_http_endpoint("echo", source="a.b", respond_with=RespondWith(echo))


async def ask(
    action: str | None, body: Any = None, *, method: str = "POST", key: str | None = KEY, **more: str
) -> AppAnswer:
    """Ask the app."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if action is not None:
        headers["x-trigger-action"] = action
    if key is not None:
        headers["x-trigger-api-key"] = key
    handler = AppHandler(client)
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    try:
        return await handler.handle(AppRequest(method, headers, sent))
    finally:
        await handler.close()


async def said(action: str | None, body: Any = None, **more: Any) -> tuple[int, Any]:
    """Ask the app; status and body of its answer."""
    answer = await ask(action, body, **more)
    return answer.status, json.loads(answer.body)


async def test_ping_says_whether_the_app_is_the_one_that_is_meant() -> None:
    assert await said("PING", x_trigger_endpoint_id="probe-app") == (200, {"ok": True})
    assert await said("PING") == (200, {"ok": False, "error": "Missing endpoint ID"})
    mismatch = "Endpoint ID mismatch error. Expected probe-app, got other"
    assert await said("PING", x_trigger_endpoint_id="other") == (200, {"ok": False, "error": mismatch})


async def test_an_answer_names_versions() -> None:
    headers = (await ask("PING")).headers

    assert headers["trigger-version"] == "2023-09-29"
    assert {"trigger-sdk-version", "perdure-version", "x-trigger-request-timing"} <= set(headers)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "Unauthorized: missing x-trigger-api-key header"),
        (
            "tr_dev_other",
            "Forbidden: client apiKey mismatch: Make sure you are using the correct API Key for your environment",
        ),
    ],
)
async def test_a_request_without_the_right_key_is_refused(key: str | None, message: str) -> None:
    refused = {"message": message, "error": message, "code": "invalid_signature"}
    assert await said("PING", key=key) == (401, refused)


async def test_an_app_without_a_key_refuses_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERDURE_API_KEY", "TRIGGER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    request = AppRequest("POST", {"x-trigger-api-key": KEY, "x-trigger-action": "PING"})

    answer = await AppHandler(Client(id="none")).handle(request)

    assert (answer.status, json.loads(answer.body)["message"]) == (401, "Unauthorized: client missing apiKey")


async def test_other_requests_are_refused() -> None:
    assert await said("PING", method="GET") == (405, {"message": "Method not allowed (only POST is allowed)"})
    assert await said(None) == (400, {"message": "Missing x-trigger-action header"})
    for unknown in ("DANCE", "../"):
        status, refused = await said(unknown)
        assert (status, refused["message"], refused["code"]) == (405, "Method not allowed", "unknown_action")
    assert (await ask(None, method="HEAD", key=None)) == AppAnswer(200, {"content-type": "application/json"})


async def test_validate_tells_the_id() -> None:
    assert await said("VALIDATE") == (200, {"ok": True, "endpointId": "probe-app"})


async def test_the_index_lists_what_the_app_declares() -> None:
    _, index = await said("INDEX_ENDPOINT")

    jobs = {job["id"]: job for job in index["jobs"]}
    assert jobs["basic"] == {
        "id": "basic", "name": "basic", "version": "1.0.0", "integrations": {}, "startPosition": "latest",
        "enabled": True, "preprocessRuns": False, "concurrencyLimit": {"id": "grp", "limit": 3},
        "event": {
            "name": "basic.event", "title": "Event", "source": "trigger.dev", "icon": "custom-event",
            "examples": [{"id": "e", "name": "E", "payload": 1}],
        },
        "trigger": {
            "type": "static", "title": "basic.event",
            "rule": {"event": "basic.event", "source": "trigger.dev", "payload": {"n": [{"$gt": 1}]}},
            "strict": True,
        },
    }  # fmt: skip
    assert jobs["ticks"]["trigger"]["schedule"] == {
        "type": "cron",
        "options": {"cron": "0 9 * * *", "timezone": "Europe/Berlin"},
    }
    assert jobs["dynamic"]["trigger"] == {"type": "dynamic", "id": "dyn-sched"}
    assert jobs["invoked"]["trigger"] == {"type": "invoke"}
    assert index["dynamicSchedules"] == [{"id": "dyn-sched", "jobs": [{"id": "dynamic", "version": "1.0.0"}]}]


async def test_a_run_that_needs_nothing_of_its_server_is_answered_at_once() -> None:
    answer = await ask("EXECUTE_JOB", BODY)

    assert json.loads(answer.body) == {"status": "SUCCESS", "output": {"n": 5, "cached": None}}
    assert answer.headers["x-trigger-run-metadata"] == '{"successSubscription":true}'


async def test_a_cached_task_is_not_asked_for() -> None:
    key = sha256(b"run_1::t1").hexdigest()
    task = {"id": key, "idempotencyKey": key, "status": "COMPLETED", "noop": False, "output": {"ok": 1}}
    event = {**BODY["event"], "payload": {"n": 1, "task": True}}

    assert await said("EXECUTE_JOB", {**BODY, "event": event, "tasks": [{**task, "parentId": None}]}) == (
        200,
        {"status": "SUCCESS", "output": {"n": 1, "cached": {"ok": 1}}},
    )


async def test_an_execution_that_knows_all_tasks_asks_for_none_and_ends_before_one_that_it_has_no_time_for() -> None:
    task_key = sha256(b"run_1::t1").hexdigest()
    name = "basic.<locals>.<lambda>"
    stored = ["task_1", task_key, None, "run_task", name, "COMPLETED", False, 1, "7", None, None, None]
    for tasks, result in (
        ([stored], {"type": "Succeeded", "output": '{"n":5,"cached":7}'}),
        ([], {"type": "AutoYielded", "reason": "the execution ends between two tasks"}),
    ):
        told = {"event": {**BODY["event"], "payload": {"n": 5, "task": True}}, "runChunkExecutionLimit": 1000}
        answer = await ask("EXECUTE_JOB", {**BODY, **told, "epoch": 1, "storedTasks": tasks}, perdure_version="0.1.0")
        assert (answer.status, answer.headers["perdure-result"], json.loads(answer.body)) == (200, "1", result)


async def test_a_payload_that_does_not_fit_is_said_to() -> None:
    event = {**BODY["event"], "payload": "five"}
    status, answer = await said("EXECUTE_JOB", {**BODY, "job": {"id": "invoked", "version": "1.0.0"}, "event": event})

    assert (status, answer["status"]) == (200, "INVALID_PAYLOAD")
    assert answer["errors"][0]["path"] == []


@pytest.mark.parametrize("body", [b"", b"{", {"run": 1}, {**BODY, "noopTasksSet": "!"}])
async def test_a_body_that_is_no_execution_is_refused(body: Any) -> None:
    assert await said("EXECUTE_JOB", body) == (400, {"message": "Invalid execution"})


async def test_a_job_that_is_not_there_is_said_to() -> None:
    other = {**BODY, "job": {"id": "gone", "version": "1.0.0"}}

    assert await said("EXECUTE_JOB", other) == (404, {"message": "Job not found"})
    assert await said("PREPROCESS_RUN", other) == (404, {"message": "Job not found"})


async def test_a_run_has_no_properties_before_it_is_executed() -> None:
    assert await said("PREPROCESS_RUN", BODY) == (200, {"abort": False, "properties": []})
    assert await said("PREPROCESS_RUN", b"{") == (400, {"message": "Invalid body"})


async def test_a_probe_is_answered_after_its_time() -> None:
    assert await said("PROBE_EXECUTION_TIMEOUT", {"timeout": 1}) == (200, {"ok": True})


async def test_triggers_sources_and_webhooks_that_are_not_there_are_answered_as_the_protocol_says() -> None:
    assert await said("INITIALIZE_TRIGGER", {"id": "t", "params": {}}) == (
        404,
        {"message": "Dynamic trigger not found"},
    )
    assert await said("INITIALIZE_TRIGGER", b"{") == (400, {"message": "Invalid trigger body"})
    asked = {"x_ts_key": "k", "x_ts_http_url": "https://a.b/", "x_ts_http_method": "POST", "x_ts_http_headers": "{}"}
    full = asked | {"x_ts_secret": "s", "x_ts_params": "{}", "x_ts_data": "{}"}
    ok = {"status": 200, "body": {"ok": True}}

    assert await said("DELIVER_HTTP_SOURCE_REQUEST", b"raw", **full) == (200, {"events": [], "response": ok})
    assert await said("DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE", b"raw", **asked) == (200, ok)
    assert await said("DELIVER_WEBHOOK_REQUEST", b"raw", **full) == (200, {"response": ok, "verified": False})
    assert await said("DELIVER_WEBHOOK_REQUEST", b"raw", **asked) == (400, {"message": "Invalid headers"})


async def test_an_app_that_does_not_know_its_server_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERDURE_API_URL", "TRIGGER_API_URL"):
        monkeypatch.delenv(name, raising=False)
    lost = Client(id="lost", api_key=KEY)
    lost.attach(invoked)
    body = {**BODY, "job": {"id": "invoked", "version": "1.0.0"}}
    headers = {"x-trigger-api-key": KEY, "x-trigger-action": "EXECUTE_JOB"}

    answer = await AppHandler(lost).handle(AppRequest("POST", headers, json.dumps(body).encode()))

    assert answer.status == 500
    assert "PERDURE_API_URL" in json.loads(answer.body)["message"]


async def test_what_the_app_raises_outside_of_runs_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    asked = {"x_ts_key": "echo", "x_ts_http_url": "https://a.b/", "x_ts_http_method": "POST", "x_ts_http_headers": "{}"}

    status, answer = await said("DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE", b"", **asked)

    assert (status, "nothing to echo" in answer["message"]) == (500, False)
    assert "nothing to echo" in caplog.text


async def test_an_index_says_what_only_perdure_has() -> None:
    shop = Client(id="shop", api_key=KEY, api_url="http://127.0.0.1:9")
    for id, trigger in (
        ("on", event_trigger("e", filter={"a": [1]})),
        ("at", cron_trigger(cron="0 9 * * *", catch_up="all")),
    ):

        @shop.job(id=id, version="1.0.0", trigger=trigger)
        async def job(_payload: Any) -> None: ...

    handler = AppHandler(shop)
    headers = {"x-trigger-action": "INDEX_ENDPOINT", "x-trigger-api-key": KEY}
    answer = await handler.handle(AppRequest("POST", headers, b""))

    assert [one.trigger for one in index_of("shop", decode_message(answer.body, IndexAnswer)).jobs] == [
        EventTriggerSpec(("e",), filter=JsonText('{"a":[1]}')),
        ScheduleTriggerSpec(CronTiming("0 9 * * *"), "all"),
    ]


async def test_an_index_says_where_requests_name_their_deliveries() -> None:
    shop = Client(id="shop", api_key=KEY, api_url="http://127.0.0.1:9")
    shop.define_http_endpoint("payments", source="stripe.com", verify=webhooks.stripe("hush"))
    handler = AppHandler(shop)
    headers = {"x-trigger-action": "INDEX_ENDPOINT", "x-trigger-api-key": KEY}
    answer = await handler.handle(AppRequest("POST", headers, b""))
    await handler.close()

    index = index_of("shop", decode_message(answer.body, IndexAnswer))

    assert [(one.key, one.delivery_id) for one in index.http_endpoints] == [("payments", "id")]


async def test_a_source_of_a_dynamic_trigger_makes_events_of_requests() -> None:
    async def register(change: SourceChange, io: IO) -> None: ...

    def handle(request: HttpRequest, source: RegisteredSource) -> list[dict[str, Any]]:
        return [{"name": "push", "payload": [request.json(), source.params, source.secret]}]

    shop = Client(id="shop", api_key=KEY, api_url="http://127.0.0.1:9")
    source = ExternalSource("repos", key=str, register=register, handle=handle)
    shop.define_dynamic_trigger("pushes", event=event_trigger("push"), source=source)
    handler = AppHandler(shop)
    named = {
        "x-ts-key": "k", "x-ts-secret": "s", "x-ts-params": '{"a":1}', "x-ts-data": "{}", "x-ts-http-url": "http://h/",
        "x-ts-http-method": "POST", "x-ts-http-headers": "{}", "x-trigger-api-key": KEY,
    }  # fmt: skip
    answers: list[Any] = []
    for trigger in ("pushes", "none"):
        headers = {**named, "x-trigger-action": "DELIVER_HTTP_SOURCE_REQUEST", "x-ts-dynamic-id": trigger}
        answers.append(json.loads((await handler.handle(AppRequest("POST", headers, b"[2]"))).body)["events"])
    headers = {"x-trigger-action": "INDEX_ENDPOINT", "x-trigger-api-key": KEY}
    index = json.loads((await handler.handle(AppRequest("POST", headers, b""))).body)
    headers = {"x-trigger-action": "INITIALIZE_TRIGGER", "x-trigger-api-key": KEY}
    wanted = b'{"id":"pushes","params":"red","accountId":"acme"}'
    said = json.loads((await handler.handle(AppRequest("POST", headers, wanted))).body)
    await handler.close()

    assert [[(one["name"], one["payload"]) for one in made] for made in answers] == [
        [("push", [[2], {"a": 1}, "s"])],
        [],
    ]
    assert [trigger["id"] for trigger in index["dynamicTriggers"]] == ["pushes"]
    assert said == {
        "rule": {"event": "push", "source": "trigger.dev"},
        "source": {
            "version": "2", "channel": "HTTP", "key": "repos-red", "params": "red", "options": {"event": ["push"]},
            "integration": {"id": "perdure", "metadata": {"id": "perdure", "name": "perdure"}, "authSource": "LOCAL"},
        },
        "accountId": "acme",
    }  # fmt: skip
    assert [(job["id"], job.get("internal")) for job in index["jobs"]] == [("register-dynamic-trigger-pushes", True)]


async def test_the_index_of_an_app_may_have_halves_of_surrogate_pairs_in_its_examples_and_filters() -> None:
    cut = "cut \ud83d"
    other = Client(id="cut-app", api_key=KEY, api_url="http://127.0.0.1:9")
    examples = [{"id": "e", "name": "E", "payload": {cut: cut}}]

    @other.job(id="cut", version="1.0.0", trigger=event_trigger("e", filter={"a": [cut]}, examples=examples))
    async def taking(_payload: Any) -> None: ...

    handler = AppHandler(other)
    headers = {"x-trigger-action": "INDEX_ENDPOINT", "x-trigger-api-key": KEY}
    answer = await handler.handle(AppRequest("POST", headers, b""))
    await handler.close()
    (job,) = json.loads(answer.body)["jobs"]
    assert (job["event"]["examples"][0]["payload"], job["trigger"]["rule"]["payload"]) == ({cut: cut}, {"a": [cut]})
