"""Dynamic triggers: what starts their jobs is registered while the app runs, with a service that sends requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import (
    IO,
    Context,
    DynamicTrigger,
    ExternalSource,
    HttpRequest,
    RegisteredSource,
    SourceChange,
    SourceEvents,
    SourceUpdate,
    event_trigger,
)
from perdure.errors import InvalidArgumentError, InvalidFilterError, NotFoundError, NotInRunError, UseIoError
from perdure.sdk.records import Run
from tests.scenarios.app import PATIENCE, App
from tests.scenarios.requests import request_now


class Vendor:
    """A service that sends to the URLs that it is given."""

    def __init__(self) -> None:
        self.hooks: dict[str, SourceChange] = {}
        self.asked: list[SourceChange] = []
        self.failures = 0
        self.source = ExternalSource(
            "repo", key=lambda params: params["repo"], register=self.register, handle=self.handle, filter=self.filter
        )

    @staticmethod
    def filter(params: Any) -> dict[str, Any]:
        return {"repo": [params["repo"]]}

    async def register(self, change: SourceChange, io: IO) -> SourceUpdate:
        async def tell() -> str:
            self.asked.append(change)
            self.hooks[change.params["repo"]] = change
            return f"hook {len(self.hooks)}"

        hook = await io.run_task("tell", tell)
        return SourceUpdate(data={"hook": hook}, secret=f"secret of {change.params['repo']}")

    def handle(self, request: HttpRequest, source: RegisteredSource) -> Any:
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")
        if request.headers.get("x-secret") != source.secret:
            return []
        count = 1 if source.metadata is None else source.metadata + 1
        payload = {"repo": source.params["repo"], "hook": source.data["hook"], "count": count, **request.json()}
        return SourceEvents([{"name": "push", "payload": payload, "source": "vendor"}], metadata=count)

    async def send(self, repo: str, body: bytes = b"{}", *, secret: str | None = None, **headers: str) -> int:
        sent = {"X-Secret": f"secret of {repo}" if secret is None else secret, **headers}
        return (await asyncio.to_thread(request_now, self.hooks[repo].url, body, "POST", sent))[0]


def any_repo(app: App, vendor: Vendor, **options: Any) -> DynamicTrigger[Any]:
    event = event_trigger("push", source="vendor", **options)
    return app.client.define_dynamic_trigger("Any Repo", event=event, source=vendor.source)


async def registered(app: App, count: int = 1) -> None:
    """Wait until so many registrations have been made known to the vendor, and this to the node."""
    async with asyncio.timeout(PATIENCE):
        while True:
            runs = (await app.client.get_runs("register-dynamic-trigger-any-repo", take=50)).runs
            if len([run for run in runs if run.status == "SUCCESS"]) >= count:
                return
            await asyncio.sleep(0.005)


async def started(app: App, job_id: str, count: int) -> list[Run]:
    """The runs of a job when there are so many, ended, oldest first."""
    async with asyncio.timeout(PATIENCE):
        while True:
            runs = (await app.client.get_runs(job_id, take=50)).runs
            if len(runs) >= count:
                return [await app.finish(run.id) for run in reversed(runs)]
            await asyncio.sleep(0.005)


async def test_what_is_registered_starts_every_job_of_the_trigger(app: App) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor)
    for job_id in ("first", "second"):

        @app.job(id=job_id, trigger=trigger)
        async def take(payload: dict[str, Any], io: IO, ctx: Context) -> Any:
            assert ctx.source is not None
            await io.wait("nap", 0.02)
            return [payload, ctx.source.id, None if ctx.account is None else ctx.account.id]

    async with app.start():
        made = await app.client.register_trigger(trigger, "acme", {"repo": "red"}, account_id="a1")
        assert (made.id, made.trigger_id, made.account_id, made.active) == ("acme", "any-repo", "a1", False)
        await registered(app)
        assert vendor.hooks["red"].url == made.url
        assert vendor.asked[0].wanted == {"event": ["push"]}
        assert (vendor.asked[0].is_active, vendor.asked[0].params) == (False, {"repo": "red"})
        for number in (1, 2):
            assert await vendor.send("red", b'{"n":%d}' % number) == 200
            await started(app, "first", number)
        for job_id in ("first", "second"):
            assert [run.output for run in await started(app, job_id, 2)] == [
                [{"repo": "red", "hook": "hook 1", "count": number, "n": number}, "acme", "a1"] for number in (1, 2)
            ]
        again = await app.client.register_trigger(trigger, "acme", {"repo": "red"})
        assert (again.active, again.account_id) == (True, None)
        assert len(vendor.asked) == 1


async def test_a_run_registers_by_a_task(app: App) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor)

    @app.job(id="take", trigger=trigger)
    async def take(payload: dict[str, Any]) -> Any:
        return payload["n"]

    @app.job
    async def sign_up(payload: Any, io: IO) -> list[str]:
        first = await trigger.register("one", "acme", {"repo": "red"}, filter={"n": [{"$gt": 1}]})
        second = await io.register_trigger("two", trigger, "other", {"repo": "blue"})
        await io.wait("nap", 0.02)
        third = await trigger.register(id="third", params={"repo": "green"})
        return [first.id, second.id, third.id, first.source_key]

    async with app.start():
        run = await app.finish(await app.client.invoke(sign_up))
        assert run.output == ["acme", "other", "third", "any-repo:acme:repo-red"]
        assert [task.name for task in run.tasks if task.operation == "register_trigger"] == [
            "Register Dynamic Trigger any-repo"
        ] * 3
        await registered(app, 3)
        for repo, number in (("red", 1), ("red", 2), ("blue", 3), ("green", 4)):
            await vendor.send(repo, b'{"n":%d}' % number)
        assert {run.output for run in await started(app, "take", 3)} == {2, 3, 4}


async def test_a_plain_job_registers_too(app: App) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor)

    @app.job
    def sign_up(payload: Any) -> str:
        return trigger.sync.register("one", "acme", {"repo": "red"}).trigger_id

    async with app.start():
        assert await (await app.client.invoke(sign_up)).result(timeout=PATIENCE) == "any-repo"
        await registered(app)


async def test_a_request_is_handled_until_it_is_and_once(app: App, caplog: pytest.LogCaptureFixture) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor)

    @app.job(id="take", trigger=trigger)
    async def take(payload: dict[str, Any]) -> Any:
        return payload["n"]

    async with app.start():
        await app.client.register_trigger(trigger, "acme", {"repo": "red"})
        await registered(app)
        vendor.failures = 1
        await vendor.send("red", b'{"n":1}', **{"Webhook-Id": "m1"})
        await vendor.send("red", b'{"n":1}', **{"Webhook-Id": "m1"})
        await vendor.send("red", b'{"n":2}', secret="forged")
        await vendor.send("red", b'{"n":3}')
        assert sorted([run.output for run in await started(app, "take", 2)]) == [1, 3]
    # By the node; why, also by an app that is elsewhere.
    assert "could not be handed to its app" in caplog.text
    assert "ValueError: not now" in caplog.text


async def test_a_payload_that_does_not_fit_the_schema_of_the_event_is_refused(app: App) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor, schema=dict[str, int])

    @app.job(id="take", trigger=trigger)
    async def take(payload: dict[str, int]) -> int:
        return 1

    async with app.start():
        await app.client.register_trigger(trigger, "acme", {"repo": "red"})
        await registered(app)
        await vendor.send("red")
        (run,) = await started(app, "take", 1)
    assert run.status == "INVALID_PAYLOAD"


async def test_what_cannot_be_registered_is_refused(app: App) -> None:
    vendor = Vendor()
    trigger = any_repo(app, vendor)
    stranger = App("sqlite://", force_replay=False, client_id="stranger")
    foreign = any_repo(stranger, vendor)
    refused: list[str] = []

    @app.job
    async def wrongly(payload: Any, io: IO) -> None:
        await io.run_task("body", lambda: app.client.sync.register_trigger(trigger, "acme", {"repo": "red"}))
        try:
            await app.client.register_trigger(trigger, "acme", {"repo": "red"})
        except UseIoError as error:
            refused.append(error.message)

    async with app.start():
        with pytest.raises(NotInRunError, match=r"client\.register_trigger"):
            await trigger.register("key", "acme", {"repo": "red"})
        with pytest.raises(NotFoundError, match="no dynamic trigger"):
            await app.client.register_trigger(foreign, "acme", {"repo": "red"})
        for id, params, options in (
            ("", {"repo": "red"}, {}),
            ("x" * 513, {"repo": "red"}, {}),
            ("acme", {"repo": ""}, {}),
            ("acme", {"repo": "red"}, {"account_id": ""}),
        ):
            with pytest.raises(InvalidArgumentError):
                await app.client.register_trigger(trigger, id, params, **options)  # type: ignore[arg-type]
        with pytest.raises(InvalidFilterError):
            await app.client.register_trigger(trigger, "acme", {"repo": "red"}, filter={"n": [{"$regex": "x"}]})
        with pytest.raises(InvalidArgumentError, match="define_dynamic_trigger"):
            await app.client.register_trigger("any-repo", "acme")  # type: ignore[arg-type]
        assert (await app.finish(await app.client.invoke(wrongly))).status == "SUCCESS"
        assert len(refused) == 1


def test_what_no_trigger_may_be_is_refused_where_it_is_defined(app: App) -> None:
    vendor = Vendor()
    any_repo(app, vendor)
    good = {"id": "other", "event": event_trigger("push"), "source": vendor.source}
    for options, match in (
        ({"id": "any repo"}, "already"),
        ({"id": "///"}, "has letters"),
        ({"event": "push"}, "event="),
        ({"source": "vendor"}, "source="),
    ):
        with pytest.raises(InvalidArgumentError, match=match):
            app.client.define_dynamic_trigger(**{**good, **options})  # type: ignore[arg-type]
    functions = {"key": str, "register": vendor.register, "handle": vendor.handle}
    for change in ({"key": 1}, {"register": vendor.handle}, {"handle": None}, {"filter": 1}):
        with pytest.raises(InvalidArgumentError, match="source 'x'"):
            ExternalSource("x", **{**functions, **change})  # type: ignore[arg-type]
