"""Statuses: what a run shows to the outside, with what it showed before, each change once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from perdure import IO, RunStatus, Status
from perdure.errors import InvalidArgumentError, NotFoundError, UnserializableOutputError, ValueTooLargeError
from perdure.protocol.limits import STATUS_LIMIT
from tests.scenarios.app import PATIENCE, SUSPENDS, App, Gate, task_of


def status(key: str, *states: tuple[str, str | None, Any]) -> RunStatus:
    """A status that was in these states: label, state, data."""
    *before, now = [RunStatus(key=key, label=label, state=state, data=data) for label, state, data in states]
    return RunStatus(key=key, label=now.label, state=now.state, data=now.data, history=tuple(before))


async def test_a_status_shows_what_it_is_and_what_it_was(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> None:
        shown = await io.create_status("import", label="Importing", state="loading", data={"done": 0})
        await io.wait("w", 0.005)
        await shown.update("half", data={"done": 5})
        await io.wait("w2", 0.005)
        await shown.update("end", label="Imported", state="success")

    async with app.start():
        handle = await app.client.invoke(importing)
        run = await app.finish(handle)
        found = await app.client.get_run_statuses(handle.id)
    expected = status(
        "import",
        ("Importing", "loading", {"done": 0}),
        ("Importing", "loading", {"done": 5}),
        ("Imported", "success", {"done": 5}),
    )
    assert found.statuses == run.statuses == (expected,)
    assert (found.run.id, found.run.status, found.run.tasks) == (handle.id, "SUCCESS", ())
    assert found.run.statuses == found.statuses


async def test_calls_give_the_status_as_it_then_is_in_every_execution(app: App) -> None:
    seen: list[Status] = []

    @app.job
    async def importing(payload: Any, io: IO) -> None:
        first = await io.create_status("import", label="A", data={"n": 1})
        second = await first.update("u1", state="failure")
        third = await second.update("u2", label="B", data={})
        seen.extend([first, second, third])
        await io.wait("w", SUSPENDS)

    run = await app.run(importing)
    states = [("A", None, {"n": 1}), ("A", "failure", {"n": 1}), ("B", "failure", {})]
    expected = [status("import", *states[:1]), status("import", *states[:2]), status("import", *states)]
    assert seen == expected * (2 if app.force_replay else 1)
    assert {type(one) for one in seen} == {Status}
    assert run.statuses == (expected[-1],)


async def test_a_status_without_data_can_be_looked_up_among_records(app: App) -> None:
    seen: list[RunStatus] = []

    @app.job
    async def importing(payload: Any, io: IO) -> None:
        seen.append(await io.create_status("import", label="A"))

    run = await app.run(importing)
    assert seen[0] in {*run.statuses}
    assert run.statuses[0] in {seen[0]}
    assert seen[0] != status("import", ("B", None, None))


async def test_a_restart_repeats_no_change(durable_app: App) -> None:
    gate = Gate()

    @durable_app.job
    async def importing(payload: Any, io: IO) -> list[str]:
        shown = await io.create_status("import", label="A")
        await shown.update("u1", label="B")
        await io.run_task("gate", gate)
        last = await shown.update("u2", label="C")
        return [shown.label, last.label]

    async with durable_app.start_and_interrupt():
        handle = await durable_app.client.invoke(importing)
        await gate.wait()
        assert (await durable_app.client.get_run_statuses(handle.id)).statuses == (
            status("import", ("A", None, None), ("B", None, None)),
        )
    gate.is_open = True
    async with durable_app.start():
        run = await durable_app.finish(handle)
    assert run.output == ["A", "C"]
    assert run.statuses == (status("import", ("A", None, None), ("B", None, None), ("C", None, None)),)


async def test_the_key_of_a_status_is_the_cache_key(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> list[str]:
        await io.create_status(["file", 5, {"b": 1}], label="listed")
        await io.create_status("⏰", label="text")
        automatic = await io.create_status(label="none")
        other = await io.create_status(label="none")
        await automatic.update(label="changed")
        await io.wait(seconds=0.002)
        await automatic.update(state="success")
        return [automatic.key, other.key]

    run = await app.run(importing)
    first, second = run.output
    assert first != second
    assert [one.key for one in run.statuses] == ['file-5-{"b":1}', "⏰", first, second]
    assert run.statuses[2] == status(first, ("none", None, None), ("changed", None, None), ("changed", "success", None))
    assert run.statuses[3].history == ()


async def test_one_key_in_two_places_is_one_status(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> None:
        async def body(task: Any, io: IO) -> None:
            await io.create_status("progress", label="inner", data={"n": 2})

        await io.create_status("progress", label="outer", state="loading")
        await io.run_task("body", body)

    run = await app.run(importing)
    assert run.statuses == (status("progress", ("outer", "loading", None), ("inner", "loading", {"n": 2})),)


async def test_branches_may_change_one_status(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> None:
        shown = await io.create_status("import", label="Importing")

        async def item(value: int, index: int) -> None:
            await io.wait(seconds=0.002)
            await shown.update(data={"n": value})

        await io.parallel("all", list(range(5)), item)

    run = await app.run(importing)
    (shown,) = run.statuses
    assert len(shown.history) == 5
    seen = [one.data for one in (*shown.history, shown)]
    assert seen[0] is None
    assert sorted(one["n"] for one in seen[1:]) == list(range(5))


async def test_a_status_can_be_changed_from_outside(app: App) -> None:
    class Progress(BaseModel):
        done: int

    @app.job
    async def importing(payload: Any, io: IO) -> Any:
        shown = await io.create_status("import", label="Importing", state="loading")
        await io.wait("w", 3600)
        return shown.label

    async with app.start():
        handle = await app.client.invoke(importing)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        changed = await app.client.update_status(handle.id, "import", data=Progress(done=3))
        assert changed == status("import", ("Importing", "loading", None), ("Importing", "loading", {"done": 3}))
        created = await app.client.update_status(handle.id, "review", state="failure")
        assert created == status("review", ("review", "failure", None))
        await app.client.cancel_run(handle.id)
        after = await app.client.update_status(handle.id, "review", label="Too late")
        assert after == status("review", ("review", "failure", None), ("Too late", "failure", None))
        run = await app.look_up(handle.id)
    assert (run.status, run.statuses) == ("CANCELED", (changed, after))


def test_the_blocking_calls_do_the_same(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> None:
        await io.create_status("import", label="A")

    with app.start_background():
        handle = app.client.sync.invoke(importing)
        handle.result(timeout=PATIENCE)
        changed = app.client.sync.update_status(handle.id, "import", label="B")
        assert changed == status("import", ("A", None, None), ("B", None, None))
        found = app.client.sync.get_run_statuses(handle.id)
        assert (found.run.id, found.statuses) == (handle.id, (changed,))


async def test_what_is_shown_of_the_calls(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> None:
        shown = await io.create_status("import", label="Importing", state="loading", data={"n": 1})
        await shown.update("end", state="success")

    run = await app.run(importing)
    created, updated = task_of(run, "import"), task_of(run, "end")
    assert (created.operation, created.icon, created.description) == ("create_status", "bell", "Importing")
    assert created.params == {"label": "Importing", "state": "loading", "data": {"n": 1}}
    assert created.output == {
        "key": "import",
        "label": "Importing",
        "state": "loading",
        "data": {"n": 1},
        "history": [],
    }
    assert {one["label"]: one["text"] for one in created.properties} == {"Label": "Importing", "State": "loading"}
    assert (updated.operation, updated.name, updated.description) == ("status.update", "Status update import", None)
    assert updated.output["history"] == [{"label": "Importing", "state": "loading", "data": {"n": 1}}]


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "no label": ({"label": ""}, InvalidArgumentError),
    "a label of 513 characters": ({"label": "x" * 513}, InvalidArgumentError),
    "a label that is no text": ({"label": 5}, InvalidArgumentError),
    "a label of two lines": ({"label": "a\nb"}, InvalidArgumentError),
    "an unknown state": ({"label": "a", "state": "done"}, InvalidArgumentError),
    "a state that is no text": ({"label": "a", "state": ["loading"]}, InvalidArgumentError),
    "a list as data": ({"label": "a", "data": [1]}, InvalidArgumentError),
    "a text as data": ({"label": "a", "data": "{}"}, InvalidArgumentError),
    "data without JSON form": ({"label": "a", "data": {"x": object()}}, UnserializableOutputError),
    "data that is too large": ({"label": "a", "data": {"x": "€" * 30_000}}, ValueTooLargeError),
}


@pytest.mark.parametrize(("arguments", "error"), BAD.values(), ids=BAD.keys())
async def test_what_no_status_can_be_is_refused_everywhere(
    app: App, arguments: dict[str, Any], error: type[Exception]
) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> list[str]:
        shown = await io.create_status("good", label="good")
        told: list[str] = []
        for call in (lambda: io.create_status("bad", **arguments), lambda: shown.update("bad", **arguments)):
            try:
                await call()
            except error as refusal:
                told.append(type(refusal).__name__)
        return told

    async with app.start():
        handle = await app.client.invoke(importing)
        assert await handle.result(timeout=PATIENCE) == [error.__name__] * 2
        with pytest.raises(error):
            await app.client.update_status(handle.id, "bad", **arguments)
        assert (await app.client.get_run_statuses(handle.id)).statuses == (status("good", ("good", None, None)),)


@pytest.mark.parametrize("key", ["", "x" * 513, "a\nb", "..", 5, ["a", "b\x01"]], ids=repr)
async def test_what_is_no_key_of_a_status_is_refused(app: App, key: Any) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> str:
        try:
            await io.create_status(key, label="a")
        except InvalidArgumentError as error:
            return error.code
        return "no error"

    async with app.start():
        handle = await app.client.invoke(importing)
        assert await handle.result(timeout=PATIENCE) == "invalid_argument"
        with pytest.raises(InvalidArgumentError):
            await app.client.update_status(handle.id, key, label="a")
        assert (await app.client.get_run_statuses(handle.id)).statuses == ()


async def test_a_change_must_change_something(app: App) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> str:
        shown = await io.create_status("k", label="a")
        try:
            await shown.update("u")
        except InvalidArgumentError as error:
            return error.message
        return "no error"

    async with app.start():
        handle = await app.client.invoke(importing)
        assert "at least one of label=, state= and data=" in await handle.result(timeout=PATIENCE)
        with pytest.raises(InvalidArgumentError, match=r"client.update_status needs at least one"):
            await app.client.update_status(handle.id, "k")


@pytest.mark.usefixtures("outside_development")
async def test_statuses_of_unknown_runs_and_of_other_environments_are_not_found(
    durable_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    @durable_app.job
    async def importing(payload: Any, io: IO) -> None:
        await io.create_status("import", label="A")

    async with durable_app.start():
        handle = await durable_app.client.invoke(importing)
        await durable_app.finish(handle)
    monkeypatch.setenv("PERDURE_ENVIRONMENT", "prod")
    async with durable_app.start():
        for run_id in (handle.id, "run_nowhere"):
            with pytest.raises(NotFoundError, match="There is no run"):
                await durable_app.client.get_run_statuses(run_id)
            with pytest.raises(NotFoundError, match="There is no run"):
                await durable_app.client.update_status(run_id, "import", label="B")
    monkeypatch.delenv("PERDURE_ENVIRONMENT")
    async with durable_app.start():
        assert (await durable_app.client.get_run_statuses(handle.id)).statuses == (status("import", ("A", None, None)),)


async def test_the_statuses_of_a_run_without_an_id_are_not_found(app: App) -> None:
    async with app.start():
        with pytest.raises(NotFoundError, match="There is no run"):
            await app.client.get_run_statuses("")
        with pytest.raises(NotFoundError, match="There is no run"):
            await app.client.update_status("", "import", label="B")


async def test_a_status_too_many_fails_its_task_in_every_execution(app: App) -> None:
    told: list[str] = []

    @app.job
    async def importing(payload: Any, io: IO) -> str:
        await io.wait_for_event("fill", name="filled")
        try:
            await io.create_status("another", label="a")
        except InvalidArgumentError as error:
            told.append(error.message)
        await io.wait("w", SUSPENDS)
        await io.create_status("s0", label="one that is there")
        return "went on"

    async with app.start():
        handle = await app.client.invoke(importing)
        await app.reach(handle, "WAITING_TO_CONTINUE")
        await asyncio.gather(
            *(app.client.update_status(handle.id, f"s{n}", state="loading") for n in range(STATUS_LIMIT))
        )
        await app.client.send_event(name="filled")
        run = await app.finish(handle)
        with pytest.raises(InvalidArgumentError):
            await app.client.update_status(handle.id, "another", label="a")
    assert run.output == "went on"
    assert told == [f"A run has at most {STATUS_LIMIT:,} statuses; 'another' would be another."] * len(told)
    assert len(told) == (2 if app.force_replay else 1)
    task = task_of(run, "another")
    assert task.error is not None
    assert (task.status, task.error.name) == ("ERRORED", "InvalidArgumentError")
    assert len(run.statuses) == STATUS_LIMIT
    assert run.statuses[0].label == "one that is there"


@pytest.mark.parametrize("text", ["a\x00b", "lone \ud800", "🦊", "x" * 60_000], ids=["NUL", "surrogate", "fox", "long"])
async def test_data_comes_back_as_it_was_also_from_history(app: App, text: str) -> None:
    @app.job
    async def importing(payload: Any, io: IO) -> bool:
        shown = await io.create_status("import", label="🦊", data={"text": text})
        await io.wait("w", 0.002)
        changed = await shown.update("u", data={"n": 2**70})
        return bool(shown.data == {"text": text} and changed.history[0].data == {"text": text})

    run = await app.run(importing)
    assert run.output is True
    assert run.statuses == (status("import", ("🦊", None, {"text": text}), ("🦊", None, {"n": 2**70})),)
