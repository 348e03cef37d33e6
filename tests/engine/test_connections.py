"""Credentials that are kept for integrations: which a run is given, and how it waits for one that is missing."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from perdure.engine.requeues import Unconnected
from perdure.errors import InvalidArgumentError, NotFoundError, StorageError, ValueTooLargeError
from perdure.protocol.connections import Credential, NewConnection
from perdure.protocol.endpoint import LimitSpec
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded, Suspended
from perdure.protocol.statuses import RunStatus
from perdure.storage.interface import Storage
from tests.engine.app import Execution, ScriptedApp
from tests.engine.ticking import until
from tests.engine.world import World, kill, start, world

if TYPE_CHECKING:
    from perdure.protocol.runs import RunAnswer

WAITING = RunStatus.WAITING_ON_CONNECTIONS


async def posts(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


def hosting(app: ScriptedApp, **hosted: str) -> ScriptedApp:
    return app.job("posts", posts, hosted=hosted)


async def connect(it: World, token: str, integration: str = "slack", **members: Any) -> str:
    return (await it.platform.put_connection(NewConnection(integration, token, **members))).id


async def sent(it: World, **options: Any) -> str:
    """Start a run by an event; its id."""
    before = set(await it.run_ids())
    await it.send("posts", **options)
    (run_id,) = set(await it.run_ids()) - before
    return run_id


async def waits_for(it: World, name: str) -> RunAnswer:
    """Start a run of a job, which waits."""
    before = set(await it.run_ids())
    await it.send(name)
    (run_id,) = set(await it.run_ids()) - before
    return await it.reach(run_id, WAITING)


async def waits(it: World, **options: Any) -> RunAnswer:
    return await it.reach(await sent(it, **options), WAITING)


def given(app: ScriptedApp) -> list[dict[str, str]]:
    """The tokens of each execution, by the job's own keys."""
    return [
        {key: one.access_token for key, one in (execution.request.credentials or {}).items()}
        for execution in app.executions
    ]


async def test_an_execution_is_given_the_credentials_of_its_jobs_integrations_by_the_jobs_own_keys(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack", code="github")) as it:
        fields, scopes = {"team": "T1"}, ("chat:write",)
        await connect(it, "for chat", scopes=scopes, additional_fields=fields, metadata=JsonText('{"a":1}'))
        await connect(it, "for code", "github", type="apiKey")
        await connect(it, "for others", "linear")
        assert (await it.ended(await sent(it))).status is RunStatus.SUCCESS
        assert app.executions[0].request.credentials == {
            "chat": Credential("for chat", "oauth2", scopes, fields, JsonText('{"a":1}')),
            "code": Credential("for code", "apiKey"),
        }


async def test_a_job_without_such_integrations_is_given_no_credentials(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app.job("posts", posts)) as it:
        await connect(it, "token")
        await it.ended(await sent(it))
        assert app.executions[0].request.credentials is None


async def test_a_run_of_an_account_is_given_that_accounts_credential_and_never_anothers(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        await connect(it, "of all")
        await connect(it, "of ada", account_id="ada")
        await it.ended(await sent(it, account_id="ada"))
        await it.ended(await sent(it))
        assert given(app) == [{"chat": "of ada"}, {"chat": "of all"}]
        bob = await waits(it, account_id="bob")
        assert bob.why == "waits for a connection of account 'bob' to 'slack'"
        assert len(app.executions) == 2


async def test_a_run_whose_connection_is_missing_waits_and_goes_on_when_it_is_stored(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack", code="github")) as it:
        run = await waits(it)
        assert (run.why, app.executions) == ("waits for a connection to 'github' and 'slack'", [])
        await connect(it, "for chat")
        await connect(it, "for code", "github")
        assert (await it.ended(run.id)).status is RunStatus.SUCCESS
        assert given(app) == [{"chat": "for chat", "code": "for code"}]


async def test_a_connection_lets_only_runs_of_its_account_go_on(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        ada, bob, none = [await waits(it, **one) for one in ({"account_id": "ada"}, {"account_id": "bob"}, {})]
        await connect(it, "of ada", account_id="ada")
        await it.ended(ada.id)
        for one in (bob, none):
            assert (await it.platform.get_run(one.id)).executions == one.executions
        await connect(it, "of all")
        await it.ended(none.id)
        assert (await it.platform.get_run(bob.id)).status is WAITING
        assert given(app) == [{"chat": "of ada"}, {"chat": "of all"}]


async def test_a_connection_lets_only_runs_go_on_that_lack_no_other_one(storage: Storage, app: ScriptedApp) -> None:
    app.job("both", posts, hosted={"chat": "slack", "code": "github"})
    app.job("code", posts, hosted={"code": "github"})
    async with world(storage, hosting(app, chat="slack")) as it:
        chat, both, code = [await waits_for(it, name) for name in ("posts", "both", "code")]
        await connect(it, "for chat")
        await it.ended(chat.id)
        await connect(it, "for chat, anew")
        for one in (both, code):
            assert await it.platform.get_run(one.id) == await it.reach(one.id, WAITING, executions=one.executions)
        await connect(it, "for code", "github")
        await it.ended(both.id)
        await it.ended(code.id)
        assert sorted(given(app), key=len) == [
            {"chat": "for chat"}, {"code": "for code"}, {"chat": "for chat, anew", "code": "for code"},
        ]  # fmt: skip


async def test_a_run_still_lacks_a_connection_that_came_and_went(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, hosting(app, chat="slack", code="github")) as it:
        run = await waits(it)
        await it.platform.delete_connection(await connect(it, "for chat"))
        await connect(it, "for code", "github")
        assert (await it.platform.get_run(run.id)).executions == run.executions
        await connect(it, "for chat, again")
        await it.ended(run.id)
        assert given(app) == [{"chat": "for chat, again", "code": "for code"}]


async def test_a_run_that_waits_for_a_connection_can_be_cancelled(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        run = await waits(it)
        await it.platform.cancel_run(run.id)
        await connect(it, "token")
        assert (await it.platform.get_run(run.id)).status is RunStatus.CANCELED
        assert app.executions == []


async def test_a_run_that_waits_for_a_connection_takes_no_place_of_its_limit(
    storage: Storage, app: ScriptedApp
) -> None:
    app.job("posts", posts, limit=LimitSpec(1), hosted={"chat": "slack"})
    async with world(storage, app) as it:
        await connect(it, "of ada", account_id="ada")
        waiting = await waits(it)
        assert (await it.ended(await sent(it, account_id="ada"))).status is RunStatus.SUCCESS
        await connect(it, "of all")
        await it.ended(waiting.id)


async def test_more_runs_than_one_transaction_takes_go_on(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.engine.connections._BATCH", 2)
    async with world(storage, hosting(app, chat="slack")) as it:
        runs = [await waits(it) for _ in range(5)]
        await connect(it, "token")
        for run in runs:
            assert (await it.ended(run.id)).status is RunStatus.SUCCESS


async def test_a_connection_that_comes_while_an_execution_looks_for_it_is_not_missed(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        connections = it.node.connections
        look = connections.of_run

        async def looks_too_early(*args: Any) -> Any:
            found = await look(*args)
            if isinstance(found, Unconnected):
                await connect(it, "just come")
            return found

        monkeypatch.setattr(connections, "of_run", looks_too_early)
        assert (await it.ended(await sent(it))).status is RunStatus.SUCCESS
        assert given(app) == [{"chat": "just come"}]


async def test_a_run_waits_again_when_its_connection_is_gone_before_it_goes_on(
    storage: Storage, app: ScriptedApp
) -> None:
    async def naps(execution: Execution) -> ExecutionResult:
        nap = await execution.sleep("nap", 60)
        return Succeeded(None) if nap is None else Suspended((nap,))

    app.job("posts", naps, hosted={"chat": "slack"})
    async with world(storage, app) as it:
        connection = await connect(it, "first")
        run_id = await sent(it)
        await it.reach(run_id, RunStatus.WAITING_TO_CONTINUE)
        await it.platform.delete_connection(connection)
        await it.advance(61, run_id, WAITING)
        assert len(app.executions) == 1
        await connect(it, "second")
        assert (await it.ended(run_id)).status is RunStatus.SUCCESS
        assert given(app) == [{"chat": "first"}, {"chat": "second"}]


async def test_runs_that_wait_outlive_a_node_and_go_on_when_their_job_no_longer_wants_it(
    storage: Storage, app: ScriptedApp
) -> None:
    first = await start(storage, hosting(app, chat="slack"), seed=1)
    run = await waits(first)
    await kill(first)
    app.clock.advance(60)  # type: ignore[attr-defined]
    async with world(storage, app.job("posts", posts), seed=2) as it:
        assert (await it.ended(run.id)).status is RunStatus.SUCCESS
        assert given(app) == [{}]


async def test_runs_that_wait_look_again_in_the_end_though_the_database_failed_when_their_app_came_back(
    storage: Storage, app: ScriptedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await start(storage, hosting(app, chat="slack"), seed=1)
    run = await waits(first)
    await kill(first)
    app.clock.advance(60)  # type: ignore[attr-defined]
    async with world(storage, ScriptedApp(app.clock, endpoint_id="other"), seed=2) as it:
        recheck, failures = it.node.connections.recheck, [StorageError("busy")]

        async def fails_once(environment_no: int) -> None:
            if failures:
                raise failures.pop()
            await recheck(environment_no)

        monkeypatch.setattr(it.node.connections, "recheck", fails_once)
        app.job("posts", posts).platform = it.platform
        with pytest.raises(StorageError):
            await it.node.add(app)
        await it.node.add(app)
        assert (await it.ended(run.id)).status is RunStatus.SUCCESS


async def test_an_app_that_is_asked_anew_and_wants_the_same_lets_no_run_look_again(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        run = await waits(it)
        await it.node.add(app)
        assert (await it.platform.get_run(run.id)).executions == run.executions
        await it.node.add(hosting(app, chat="linear"))
        again = await it.see(run.id, lambda one: one.status is WAITING and one.executions > run.executions)
        assert again.why == "waits for a connection to 'linear'"


async def test_a_later_connection_takes_the_place_of_the_one_before_under_its_id(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        first = await connect(it, "first", account_id="ada")
        it.clock.advance(5)
        assert await connect(it, "second", account_id="ada", type="apiKey") == first
        (listed,) = (await it.platform.list_connections()).connections
        assert (listed.id, listed.account_id, listed.type) == (first, "ada", "apiKey")
        assert listed.updated_at > listed.created_at
        await it.ended(await sent(it, account_id="ada"))
        assert given(app) == [{"chat": "second"}]


async def test_connections_are_listed_in_pages_oldest_first(storage: Storage, app: ScriptedApp) -> None:
    async with world(storage, app) as it:
        made = [await connect(it, "token", account_id=f"account-{number}") for number in range(5)]
        first = await it.platform.list_connections(take=2)
        second = await it.platform.list_connections(take=2, cursor=first.next_cursor)
        last = await it.platform.list_connections(take=2, cursor=second.next_cursor)
        pages = (first, second, last)
        assert [one.id for page in pages for one in page.connections] == made
        assert last.next_cursor is None


async def test_a_credential_that_another_key_has_encrypted_leaves_its_run_in_line_and_says_so(
    storage: Storage, app: ScriptedApp
) -> None:
    async with world(storage, hosting(app, chat="slack")) as it:
        connection = await connect(it, "token")
        box = it.node.connections._secrets
        right = box.__dict__.pop("_cipher")
        box.__dict__["_key"] = bytes(32)
        run = await it.see(await sent(it), lambda one: "cannot be decrypted" in (one.why or ""))
        assert (run.status, connection in (run.why or "")) == (RunStatus.WAITING_TO_EXECUTE, True)
        with pytest.raises(NotFoundError, match="store the connection anew"):
            await it.node.connections.get(it.node.own.number, connection)
        box.__dict__["_cipher"] = right
        it.clock.advance(60)
        assert (await it.ended(run.id)).status is RunStatus.SUCCESS


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"integration": ""}, InvalidArgumentError),
        ({"integration": "a\nb"}, InvalidArgumentError),
        ({"integration": "x" * 1001}, InvalidArgumentError),
        ({"account_id": ""}, InvalidArgumentError),
        ({"account_id": "\ud800"}, InvalidArgumentError),
        ({"access_token": ""}, InvalidArgumentError),
        ({"access_token": "secret" * 20_000}, ValueTooLargeError),
    ],
)
async def test_what_is_no_connection_is_not_stored_and_its_credential_is_not_said(
    storage: Storage, app: ScriptedApp, members: dict[str, str], error: type[Exception]
) -> None:
    async with world(storage, app) as it:
        new = NewConnection(**{"integration": "slack", "access_token": "secret", **members})
        with pytest.raises(error) as caught:
            await it.platform.put_connection(new)
        assert "secret" not in f"{caught.value}{new!r}{Credential('secret')!r}"
        assert (await it.platform.list_connections()).connections == ()


async def test_connections_that_come_and_go_at_random_lose_no_run(storage: Storage, app: ScriptedApp) -> None:
    chance = random.Random(7)
    async with world(storage, hosting(app, chat="slack")) as it:
        for _ in range(40):
            if chance.random() < 0.5:
                await it.send("posts")
            elif (page := await it.platform.list_connections()).connections:
                await it.platform.delete_connection(page.connections[0].id)
            else:
                await connect(it, "token")
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
        await connect(it, "token")
        await it.until(lambda runs: set(runs.values()) == {RunStatus.SUCCESS})
        assert all(one == {"chat": "token"} for one in given(app))
        await until(lambda: len(it.node.holds) == 0)
