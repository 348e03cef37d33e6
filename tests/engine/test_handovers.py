"""Requests of sources: handed to their app one at a time, until it takes them, and made events once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from msgspec import UNSET, Raw

from perdure.engine.deliveries import delay_after
from perdure.engine.handovers import ATTEMPTS, LONGEST_ERROR
from perdure.engine.source_registration import Registration
from perdure.errors import FetchFailedError, ValueTooLargeError
from perdure.protocol.connections import NewConnection
from perdure.protocol.endpoint import EventTriggerSpec, SourceSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.json_text import load
from perdure.protocol.messages.auth import ConnectionAuth
from perdure.protocol.messages.delivery import (
    NormalizedResponse,
    SourceDelivery,
    SourceDeliveryAnswer,
    WebhookDelivery,
    WebhookDeliveryAnswer,
)
from perdure.protocol.messages.triggers import RegisterTriggerBody
from perdure.protocol.received import ReceivedRequest
from perdure.storage import environments, sources
from perdure.storage.interface import Storage
from perdure.storage.sources import NewSource, SourceKind, SourceRow
from tests.engine.app import Execution, ScriptedApp
from tests.engine.world import World, kill, start, world


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(execution.request.event.payload)


def with_source(app: ScriptedApp, *, is_webhook: bool = False) -> ScriptedApp:
    app.sources = [SourceSpec("repo", JsonText('{"of":"me"}'), {"event": ["push"]}, is_webhook=is_webhook)]
    return app.job("on-push", ends, EventTriggerSpec(("repo",), "vendor"))


async def activated(it: World, *, secret: str | None = "s") -> SourceRow:
    """The source, once its vendor knows it."""
    taking, environment_no = it.node.own.remote.sources, it.node.own.number
    await taking.update_source(
        environment_no, endpoint_id="app", key="repo", options={"event": ["push"]}, secret=secret, data=JsonText("1")
    )
    return await found(it)


async def found(it: World, kind: SourceKind = SourceKind.SOURCE) -> SourceRow:
    source = await it.storage.read(sources.find, it.node.own.number, kind=kind, key="repo")
    assert source is not None
    return source


def request(it: World, body: str = "{}", *, delivery: str | None = None) -> ReceivedRequest:
    headers = {} if delivery is None else {"webhook-id": delivery}
    return ReceivedRequest("POST", "http://h/p", headers, body.encode(), it.clock.now())


async def handed(it: World, count: int) -> None:
    """Wait until so many requests have been handed over, and none is at work."""
    async with asyncio.timeout(60):
        while True:
            if len(it.app.handed) >= count and not it.node.handovers.at_work():
                return
            await asyncio.sleep(0)


async def put_off(it: World) -> None:
    """Wait until a request waits for its app."""
    async with asyncio.timeout(60):
        while True:
            if await it.query("count_requests", 2**60) == [(1,)] and not it.node.handovers.at_work():
                return
            await asyncio.sleep(0)


async def test_requests_become_events_in_order_each_with_the_answer_to_the_one_before(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, with_source(app)) as it:
        source = await activated(it)
        for number in range(20):
            await it.node.own.remote.http_endpoints.intake.take(source, request(it, str(number)))
        await handed(it, 20)
        runs = [await it.ended(run_id) for run_id in await it.run_ids()]
        assert [run.output for run in runs] == [str(number) for number in range(20)]
        counts = [getattr(one, "metadata", None) for one in app.handed]
        assert [None if type(one).__name__ == "UnsetType" else bytes(one) for one in counts] == [  # type: ignore[arg-type]
            None, *(str(number).encode() for number in range(1, 20)),
        ]  # fmt: skip
        assert {(one.key, one.secret, bytes(one.params)) for one in app.handed} == {("repo", "s", b'{"of":"me"}')}


@pytest.mark.parametrize("given", [f'"{"x" * 8191}"', f'"{"語" * 2000}"', "1e400", "[" * 65 + "]" * 65])
async def test_metadata_that_no_request_could_carry_holds_up_none_that_come_after(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    answers = [
        SourceDeliveryAnswer(events=[], response=NormalizedResponse(status=200), metadata=Raw(text.encode()))
        for text in ('"kept"', given, "1")
    ]
    async with world(storage, with_source(app)) as it:
        source = await activated(it)
        app.source_answers = [*answers]
        for number in range(3):
            await it.node.own.remote.http_endpoints.intake.take(source, request(it, str(number)))
        await handed(it, 3)
        assert [getattr(one, "metadata", None) for one in app.handed] == [UNSET, Raw(b'"kept"'), Raw(b'"kept"')]
        assert "What the app of source 'repo' has given with a request is not kept" in caplog.text
        assert (await found(it)).metadata == "1"


async def test_a_source_is_given_no_data_that_no_request_could_carry(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, with_source(app)) as it:
        await activated(it)
        for data, is_taken in ((f'"{"x" * 8190}"', True), (f'"{"x" * 8191}"', False)):
            updating = it.node.own.remote.sources.update_source(
                it.node.own.number, endpoint_id="app", key="repo", options={}, secret=None, data=JsonText(data)
            )
            if is_taken:
                await updating
            else:
                with pytest.raises(ValueTooLargeError, match="The data of a source has 8,193 bytes"):
                    await updating


async def test_requests_of_a_source_go_with_the_credential_that_is_kept_for_its_integration_and_account(
    storage: Storage, app: ScriptedApp
) -> None:
    app.sources = [SourceSpec("repo", JsonText("{}"), {"event": ["push"]}, hosted="github")]
    async with world(storage, app.job("on-push", ends, EventTriggerSpec(("repo",), "vendor"))) as it:
        source = await activated(it)
        take, put = it.node.own.remote.http_endpoints.intake.take, it.platform.put_connection
        await take(source, request(it))
        await handed(it, 1)
        await put(NewConnection("github", "of all", type="apiKey"))
        await put(NewConnection("github", "of ada", "ada"))
        await take(source, request(it))
        await handed(it, 2)
        account_no, _ = await storage.write(environments.open_account, it.node.own.number, account_id="ada")
        new = NewSource("source_1", SourceKind.SOURCE, "repo", JsonText("{}"), {}, account_no, hosted="github")
        await storage.write(sources.put, it.node.own.number, endpoint_id="app", source=new)
        await take(await found(it), request(it))
        await handed(it, 3)
        given = [one.auth for one in app.handed if isinstance(one, SourceDelivery)]
        of_all, of_ada = (
            ConnectionAuth(type=kind, access_token=token)
            for kind, token in (
                ("apiKey", "of all"),
                ("oauth2", "of ada"),
            )
        )
        assert given == [UNSET, of_all, of_ada]
        assert "of ada" not in repr(given)


def test_a_registration_says_whose_credentials_its_source_needs() -> None:
    integration = {"id": "my-github", "metadata": {"id": "github", "name": "GitHub"}}
    found = []
    for where in ("HOSTED", "LOCAL", "RESOLVER"):
        source = {"channel": "HTTP", "key": "k", "integration": {**integration, "authSource": where}}
        body = msgspec.convert({"rule": {"event": "e", "source": "s"}, "source": source}, RegisterTriggerBody)
        found.append(Registration.of("source_1", "trigger", "key", body, None).hosted)
    assert found == ["my-github", None, None]


async def test_a_source_that_its_vendor_does_not_know_yet_takes_nothing(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, with_source(app)) as it:
        source = await found(it)
        await it.node.own.remote.http_endpoints.intake.take(source, request(it))
        assert await it.query("count_requests", 2**60) == [(0,)]


async def test_its_registration_is_asked_for_until_it_is_done_and_again_when_more_is_wanted(
    storage: Storage, app: ScriptedApp
) -> None:
    app = with_source(app)
    app.job("registers", ends, EventTriggerSpec(("dev.trigger.source.register.v2",)))
    async with world(storage, app) as it:
        await it.node.add(app)
        await activated(it)
        await it.node.add(app)
        app.sources = [SourceSpec("repo", JsonText("{}"), {"event": ["pull"], "more": ["x"]})]
        await it.node.add(app)
        asked = [load((await it.ended(run_id)).output or "") for run_id in await it.run_ids()]
    event = {"desired": ["push"], "missing": [], "orphaned": []}
    assert [one["options"] for one in asked] == [
        {"event": event},
        {"event": event},
        {
            "event": {"desired": [], "missing": ["pull"], "orphaned": ["push"]},
            "more": {"desired": [], "missing": ["x"], "orphaned": []},
        },
    ]
    assert [one["source"]["active"] for one in asked] == [False, False, True]
    assert [one["source"]["secret"] == "s" for one in asked] == [False, False, True]
    assert asked[0]["source"]["secret"] == asked[1]["source"]["secret"]
    assert asked[2]["source"]["data"] == 1


async def test_a_request_that_its_app_does_not_take_is_handed_over_again_and_not_for_ever(
    storage: Storage, app: ScriptedApp, caplog: pytest.LogCaptureFixture
) -> None:
    app.source_answers = [FetchFailedError("no", status=500)] * ATTEMPTS
    async with world(storage, with_source(app)) as it:
        source = await activated(it)
        await it.node.own.remote.http_endpoints.intake.take(source, request(it, delivery="d"))
        for attempt in range(1, ATTEMPTS + 1):
            await handed(it, attempt)
            it.clock.advance(delay_after(attempt).total_seconds() + 0.01)
        await it.node.own.remote.http_endpoints.intake.take(source, request(it, "7"))
        await handed(it, ATTEMPTS + 1)
        assert [(await it.ended(run_id)).output for run_id in await it.run_ids()] == ["7"]
        (event,) = (await it.platform.get_event(f"{source.id}.d")).runs or [None]
        assert event is None
        context = (await it.platform.get_event(f"{source.id}.d")).event.context
    assert load(context) == {"error": "FetchFailedError: no"}
    assert "is no longer handed to its app" in caplog.text


async def test_a_request_that_comes_again_is_handed_over_once(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, with_source(app)) as it:
        source = await activated(it)
        for _ in range(3):
            await it.node.own.remote.http_endpoints.intake.take(source, request(it, delivery="d"))
        await handed(it, 1)
        await it.ended(await it.only_run())
        assert len(app.handed) == 1


async def test_a_node_that_dies_while_it_hands_over_leaves_the_request_to_the_next(
    storage: Storage, app: ScriptedApp
) -> None:
    reached, never = asyncio.Event(), asyncio.Event()
    first = with_source(ScriptedApp(app.clock))

    async def hangs(*_: object) -> None:
        reached.set()
        await never.wait()

    first.deliver_source = hangs  # type: ignore[assignment, method-assign]
    it = await start(storage, first, seed=1)
    await it.node.own.remote.http_endpoints.intake.take(
        await activated(it, secret=None), request(it, "1", delivery="d")
    )
    await asyncio.wait_for(reached.wait(), 10)
    await kill(it)
    for task in it.node.handovers.at_work():
        task.cancel()
    async with world(storage, with_source(app)) as it:
        await handed(it, 1)
        assert (await it.ended(await it.only_run())).output == "1"


async def test_a_request_waits_for_its_app(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, with_source(app)) as it:
        source = await activated(it, secret=None)
    other = ScriptedApp(app.clock, endpoint_id="other")
    async with world(storage, other, seed=1) as it:
        await it.node.own.remote.http_endpoints.intake.take(source, request(it, "1"))
        await put_off(it)
        await it.node.add(with_source(app))
        await handed(World(storage, it.clock, app, it.node), 1)
        assert (await it.ended(await it.only_run())).output == "1"


async def test_what_is_on_its_way_to_an_app_is_not_forgotten(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, with_source(app)) as it:
        source = await activated(it)
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=1) as it:
        await it.node.own.remote.http_endpoints.intake.take(source, request(it, "1", delivery="d"))
        await it.send("plain", event_id="plain")
        it.clock.advance(1000)
        assert (await it.platform.prune(older_than=timedelta(seconds=1))).events >= 1
        assert (await it.platform.get_event(f"{source.id}.d")).event.payload


async def test_a_webhook_is_registered_again_when_its_app_wants_it_otherwise(
    storage: Storage, app: ScriptedApp
) -> None:
    app = with_source(app, is_webhook=True)
    app.job("registers", ends, EventTriggerSpec(("dev.trigger.webhook.register.repo",)))
    async with world(storage, app) as it:
        taking, environment_no = it.node.own.remote.sources, it.node.own.number
        await taking.update_webhook(environment_no, key="repo", is_active=True, config={"event": ["push"]})
        await it.node.add(app)
        app.sources = [SourceSpec("repo", JsonText("{}"), {"event": ["pull"]}, is_webhook=True)]
        await it.node.add(app)
        await taking.update_webhook(environment_no, key="repo", is_active=False, config=None)
        await it.node.add(app)
        asked = [load((await it.ended(run_id)).output or "") for run_id in await it.run_ids()]
    assert [(one["active"], one["config"]) for one in asked] == [
        (False, {"current": {}, "desired": {"event": ["push"]}}),
        (True, {"current": {"event": ["push"]}, "desired": {"event": ["pull"]}}),
        (False, {"current": {"event": ["push"]}, "desired": {"event": ["pull"]}}),
    ]
    assert all("/api/v1/http-endpoints/repo/env/dev/" in one["url"] for one in asked)
    assert len({one["secret"] for one in asked}) == 1


async def test_of_why_a_request_is_none_the_beginning_is_kept(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deliver_webhook(delivery: WebhookDelivery, body: bytes) -> WebhookDeliveryAnswer:
        app.handed.append(delivery)
        return WebhookDeliveryAnswer(response=NormalizedResponse(status=200), verified=False, error="no " * 100_000)

    monkeypatch.setattr(app, "deliver_webhook", deliver_webhook)
    async with world(storage, with_source(app, is_webhook=True)) as it:
        source = await found(it, SourceKind.WEBHOOK)
        event = await it.node.own.remote.http_endpoints.intake.receive(source, request(it), name="repo", event_id="e")
        await handed(it, 1)
        kept = await it.platform.get_event(event.id)
    assert load(kept.event.context) == {"verified": False, "error": ("no " * 200)[:LONGEST_ERROR]}
