"""What can be registered as no schedule, and who may not register one there."""

from __future__ import annotations

from typing import Any

import pytest

from perdure import IO, Client
from perdure.errors import (
    CronNeverFiresError,
    InvalidArgumentError,
    InvalidCronError,
    NotFoundError,
    NotInRunError,
    UnserializableOutputError,
    UseIoError,
    ValueTooLargeError,
)
from tests.scenarios.app import PATIENCE, SUSPENDS, App
from tests.scenarios.registrations import HOURLY


@pytest.mark.parametrize("id", ["", "x" * 513, "a\nb", 5, None, ".."])
def test_what_is_no_id_of_a_dynamic_schedule_is_refused(id: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="id of a dynamic schedule"):
        Client(id="c").define_dynamic_schedule(id)


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "neither": ({}, InvalidArgumentError),
    "both": ({"seconds": 60, "cron": "* * * * *"}, InvalidArgumentError),
    "a short interval": ({"seconds": 19}, InvalidArgumentError),
    "a long interval": ({"seconds": 2_592_001}, InvalidArgumentError),
    "half a second": ({"seconds": 20.5}, InvalidArgumentError),
    "no number": ({"seconds": "60"}, InvalidArgumentError),
    "a truth": ({"seconds": True}, InvalidArgumentError),
    "not a number": ({"seconds": float("nan")}, InvalidArgumentError),
    "an interval in a zone": ({"seconds": 60, "timezone": "Europe/Berlin"}, InvalidArgumentError),
    "six fields": ({"cron": "* * * * * *"}, InvalidCronError),
    "no text": ({"cron": 5}, InvalidCronError),
    "a cron that never fires": ({"cron": "0 0 30 2 *"}, CronNeverFiresError),
    "no zone": ({"cron": "* * * * *", "timezone": "../../etc/passwd"}, InvalidArgumentError),
    "an empty account": ({"seconds": 60, "account_id": ""}, InvalidArgumentError),
    "metadata without JSON form": ({"seconds": 60, "metadata": object()}, UnserializableOutputError),
    "much metadata": ({"seconds": 60, "metadata": "x" * 65_536}, ValueTooLargeError),
}


@pytest.mark.parametrize(("arguments", "error"), BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_registered_is_refused_everywhere(
    app: App, arguments: dict[str, Any], error: type[Exception]
) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        try:
            await schedule.register("k", "ada", **arguments)
        except error as refusal:
            return type(refusal).__name__
        return "no error"

    async with app.start():
        handle = await app.client.invoke(signs_up)
        assert await handle.result(timeout=PATIENCE) == error.__name__
        with pytest.raises(error):
            await app.client.register_schedule("reminders", "ada", **arguments)
        with pytest.raises(NotFoundError, match="Nothing was registered"):
            await app.client.unregister_schedule("reminders", "ada")


@pytest.mark.parametrize("id", ["", "x" * 513, "a\nb", 5, None])
async def test_what_is_no_id_of_a_registration_is_refused(app: App, id: Any) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (lambda: schedule.register("k", id, **HOURLY), lambda: schedule.unregister("u", id)):
            try:
                await call()
            except InvalidArgumentError as error:
                told.append(error.message[:21])
        return told

    async with app.start():
        handle = await app.client.invoke(signs_up)
        assert await handle.result(timeout=PATIENCE) == ["The id of a schedule "] * 2
        with pytest.raises(InvalidArgumentError, match="The id of a schedule"):
            await app.client.register_schedule("reminders", id, **HOURLY)


async def test_an_unknown_dynamic_schedule_fails_the_task_in_every_execution(app: App) -> None:
    stranger = Client(id="other").define_dynamic_schedule("reminder")
    app.client.define_dynamic_schedule("reminders")
    told: list[str] = []

    @app.job
    async def signs_up(payload: Any, io: IO) -> str:
        try:
            await stranger.register("k", "ada", **HOURLY)
        except NotFoundError as error:
            told.append(error.message)
        await io.wait("w", SUSPENDS)
        return "went on"

    assert await app.result(signs_up) == "went on"
    sentence = "This environment has never seen a dynamic schedule 'reminder'. Did you mean 'reminders'?"
    assert told == [sentence] * (2 if app.force_replay else 1)


async def test_plain_calls_are_refused_in_a_job_and_tasks_outside_of_runs(app: App) -> None:
    schedule = app.client.define_dynamic_schedule("reminders")

    @app.job
    async def signs_up(payload: Any, io: IO) -> list[str]:
        told: list[str] = []
        for call in (
            lambda: app.client.register_schedule("reminders", "ada", **HOURLY),
            lambda: app.client.unregister_schedule("reminders", "ada"),
        ):
            try:
                await call()
            except UseIoError as error:
                told.append(error.message)
        return told

    async with app.start():
        handle = await app.client.invoke(signs_up)
        first, second = await handle.result(timeout=PATIENCE)
        assert "use the schedule's register" in first
        assert "use the schedule's unregister" in second
        with pytest.raises(NotInRunError, match=r"call client\.register_schedule"):
            schedule.register("k", "ada", **HOURLY)
        with pytest.raises(NotInRunError, match=r"call client\.unregister_schedule"):
            schedule.unregister("k", "ada")
