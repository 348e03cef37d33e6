"""Schedules of an app of the v2 protocol, whose server is told what time it is."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.endpoint import DynamicScheduleSpec
from perdure.protocol.schedules import CronTiming, RegisterSchedule
from perdure.transport.wire_calls import WireCalls
from perdure.transport.wire_link import WireLink
from tests.api.client import KEY, ApiClient, serving
from tests.api.executing import done
from tests.api.remote_app import RemoteApp, job, remote_app
from tests.engine.app import ScriptedApp
from tests.engine.clock import ManualClock
from tests.engine.ticking import until

PATH = "/api/v1/shop/schedules/reminders/registrations"


def cron(text: str, **more: str) -> dict[str, Any]:
    return {"type": "cron", "options": {"cron": text, **more}}


def scheduled(id: str, text: str) -> dict[str, Any]:
    return job(id, trigger={"type": "scheduled", "schedule": cron(text)})


def ticks(app: RemoteApp) -> list[tuple[str, str, str | None]]:
    """What started the runs: the job, the time of the tick, and that of the one before."""
    return [
        (one["job"]["id"], one["event"]["payload"]["ts"], one["event"]["payload"].get("lastTimestamp"))
        for one in app.asked("EXECUTE_JOB")
    ]


async def listed(api: ApiClient) -> dict[str, Any]:
    return {one["key"]: one for one in (await api.get("/api/schedules")).body["schedules"]}


async def test_a_cron_with_seconds_of_a_v2_app_ticks_as_it_says() -> None:
    clock = ManualClock()
    async with (
        remote_app(scheduled("polls", "*/2 * * * * *"), scheduled("closes", "0 30 23 L * ?")) as app,
        serving(ScriptedApp(clock), clock=clock) as api,
    ):
        made = await api.post("/api/v1/endpoints", {"id": "shop", "url": f"{app.server.origin}/api/trigger"})
        assert "warnings" not in made.body["endpointIndex"]
        schedules = await listed(api)
        assert schedules["polls"]["timing"] == {"type": "v2-cron", "cron": "*/2 * * * * *", "timezone": "UTC"}
        assert schedules["closes"]["next_tick_at"] == "2030-01-31T23:30:00.000Z"
        for count in (1, 2):
            clock.advance(2)
            await until(lambda count=count: len(ticks(app)) == count)
        # Half a day in which the server was suspended is one tick.
        clock.advance(12 * 3600 + 1)
        await until(lambda: len(ticks(app)) == 3)
        assert (await listed(api))["polls"]["next_tick_at"] == "2030-01-01T12:00:06.000Z"
    times = ["2030-01-01T00:00:02.000Z", "2030-01-01T00:00:04.000Z", "2030-01-01T12:00:04.000Z"]
    assert ticks(app) == [("polls", ts, last) for ts, last in zip(times, [None, *times[:-1]], strict=True)]


async def test_a_v2_client_registers_what_its_parser_took() -> None:
    clock = ManualClock()
    async with remote_app(job("remind", trigger={"type": "dynamic", "id": "reminders"})) as app:
        app.says["INDEX_ENDPOINT"]["dynamicSchedules"] = [{"id": "reminders", "jobs": []}]
        async with serving(ScriptedApp(clock), clock=clock) as api:
            await app.register(api)
            for key, text in (("often", "*/30 * * * * *"), ("last", "0 9 * * 5L"), ("daily", "@daily")):
                made = await api.post(PATH, {"id": key, **cron(text)})
                assert (made.status, made.body["schedule"]) == (200, cron(text))
            assert {key: one["next_tick_at"][:19] for key, one in (await listed(api)).items()} == {
                "often": "2030-01-01T00:00:30",
                "last": "2030-01-25T09:00:00",
                "daily": "2030-01-02T00:00:00",
            }
            clock.advance(30)
            await until(lambda: len(ticks(app)) == 1)
            gone = await api.delete("/api/schedules/reminders/registrations/often")
            assert gone.body["timing"] == {"type": "v2-cron", "cron": "*/30 * * * * *", "timezone": "UTC"}


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        (cron("60 * * * * *"), "invalid_cron"),
        (cron("@reboot"), "invalid_cron"),
        (cron("* " * 32_768), "invalid_cron"),
        (cron("0 0 30 2 *"), "cron_never_fires"),
        (cron("0 0 31 2,4 *"), "cron_never_fires"),
        # Whoever names a time zone is no client of v2.
        (cron("* * * * * *", timezone="UTC"), "invalid_cron"),
        (cron("0 0 L * *", timezone="Europe/Berlin"), "invalid_cron"),
    ],
)
async def test_what_no_parser_took_is_refused(schedule: dict[str, Any], code: str) -> None:
    async with remote_app(job("remind", trigger={"type": "dynamic", "id": "reminders"})) as app:
        app.says["INDEX_ENDPOINT"]["dynamicSchedules"] = [{"id": "reminders", "jobs": []}]
        async with serving() as api:
            await app.register(api)
            refused = await api.post(PATH, {"id": "k", **schedule})
            assert (refused.status, refused.code) == (422, code)
            assert await listed(api) == {}


async def test_a_cron_in_utc_of_an_app_of_perdure_s_is_none_of_v2_by_whichever_route() -> None:
    clock = ManualClock()
    app = ScriptedApp(clock).job("remind", done, trigger=DynamicScheduleSpec("reminders"))
    app.dynamic_schedules = ["reminders"]
    async with serving(app, clock=clock) as api:
        link = WireLink(api.node.url, KEY)
        timing = CronTiming("0 0 */2 * FRI")
        made = await WireCalls(link, app.endpoint_id).register_schedule(RegisterSchedule("reminders", "ada", timing))
        await link.close()
        (one,) = (await listed(api)).values()
        assert (made.timing, one["timing"]["type"]) == (timing, "cron")
        # Both days must match: a v2 client's would tick on the 3rd.
        assert one["next_tick_at"] == "2030-01-11T00:00:00.000Z"
