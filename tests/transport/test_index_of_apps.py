"""What an app behind a URL declares, as its index is read (v2 protocol, section 3.5)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from perdure.errors import FetchFailedError
from perdure.protocol.endpoint import (
    DynamicScheduleSpec,
    DynamicTriggerSpec,
    EventTriggerSpec,
    InvokeTriggerSpec,
    ScheduleTriggerSpec,
    SourceSpec,
)
from perdure.protocol.execution import JsonText
from perdure.protocol.schedules import CronTiming, IntervalTiming, V2CronTiming
from tests.transport.asking import asking
from tests.transport.server import Received, response

INTEGRATION = {"id": "fake", "metadata": {"id": "fake", "name": "Fake"}, "authSource": "LOCAL"}


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"trigger": None}, ['"bad": Expected `object`, got `null` at "trigger"']),
        ({"trigger": {"type": "moon"}}, ['"bad": Invalid value \'moon\' at "trigger.type"']),
        (
            {"version": 1, "integrations": {"chat": {"id": "c"}}},
            [
                '"bad": Expected `str`, got `int` at "version"',
                '"bad": Object missing required field `metadata` at "integrations.chat.metadata"',
                '"bad": Object missing required field `authSource` at "integrations.chat.authSource"',
            ],
        ),
        ("bad", ['"1": Expected `object`, got `str`']),
    ],
)
async def test_a_job_that_has_another_shape_is_named(job: Any, said: list[str]) -> None:
    good = _job("good", {"type": "invoke"})
    bad = {**good, "id": "bad", **job} if isinstance(job, dict) else job
    index = {"jobs": [good, bad], "sources": [], "dynamicTriggers": [], "dynamicSchedules": []}
    async with asking(response(json.dumps(index).encode())) as (endpoint, _, _):
        with pytest.raises(FetchFailedError) as caught:
            await endpoint.index()
    assert caught.value.message == "\n".join(("Your Jobs have issues:", *(f"- Job {line}." for line in said)))


async def test_every_job_that_has_another_shape_is_named() -> None:
    jobs = [{**_job(name, {"type": "invoke"}), "enabled": "yes"} for name in ("one", "two")]
    index = {"jobs": jobs, "sources": [], "dynamicTriggers": [], "dynamicSchedules": []}
    async with asking(response(json.dumps(index).encode())) as (endpoint, _, _):
        with pytest.raises(FetchFailedError) as caught:
            await endpoint.index()
    assert [line.partition(":")[0] for line in caught.value.message.split("\n")[1:]] == ['- Job "one"', '- Job "two"']


async def test_an_index_that_nobody_gives_is_one_that_the_command_line_asks_for_again() -> None:
    async def hangs_up(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with asking(hangs_up) as (endpoint, _, _):
        with pytest.raises(FetchFailedError) as caught:
            await endpoint.index()
    assert caught.value.message.startswith(f"Could not connect to endpoint {endpoint.url}. ")


def _job(id: str, trigger: dict[str, Any], **more: Any) -> dict[str, Any]:
    event = {"name": "e", "title": "Event", "source": "trigger.dev", "icon": "i"}
    return {
        "id": id, "name": id, "version": "1.0.0", "event": event, "trigger": trigger, "integrations": {},
        "startPosition": "latest", "enabled": True, "preprocessRuns": False, **more,
    }  # fmt: skip


async def test_an_index_is_read_with_its_triggers() -> None:
    rule = {"event": ["a", "b"], "source": "s", "payload": {"x": [1, {"$gt": 2}]}}
    whose = {"accountId": "acme", "metadata": {"a": 1}}
    jobs = [
        _job("static", {"type": "static", "title": "T", "rule": rule}),
        _job("invoked", {"type": "invoke"}, concurrencyLimit=3),
        _job("interval", {"type": "scheduled", "schedule": {"type": "interval", "options": {"seconds": 1}}}),
        _job("cron", {"type": "scheduled", "schedule": {"type": "cron", "options": {"cron": "0 3 * * *"}, **whose}}),
        _job(
            "zoned",
            {"type": "scheduled", "schedule": {"type": "cron", "options": {"cron": "0 3 * * *", "timezone": "UTC"}}},
        ),
        _job("dynamic", {"type": "dynamic", "id": "d"}, enabled=False),
        _job("triggered", {"type": "dynamic", "id": "t"}),
        _job("internal", {"type": "invoke"}, internal=True),
        _job(
            "integrated",
            {"type": "invoke"},
            integrations={
                key: {**INTEGRATION, "id": f"my-{key}", "authSource": source}
                for key, source in (("chat", "HOSTED"), ("code", "LOCAL"), ("mail", "RESOLVER"))
            },
        ),
    ]
    answer = {
        "jobs": jobs,
        "sources": [
            {"channel": "HTTP", "key": "s", "events": ["e"], "integration": INTEGRATION},
            {"channel": "HTTP", "key": "h", "events": ["e"], "integration": {**INTEGRATION, "authSource": "HOSTED"}},
        ],
        "webhooks": [
            {
                "key": "w",
                "params": {"p": 1},
                "config": {"c": ["v"]},
                "integration": INTEGRATION,
                "httpEndpoint": {"id": "w"},
            }
        ],
        "dynamicTriggers": [{"id": "t", "jobs": []}],
        "dynamicSchedules": [{"id": "d", "jobs": []}],
    }
    async with asking(response(msgspec.json.encode(answer))) as (endpoint, _, _):
        index = await endpoint.index()
    assert [job.trigger for job in index.jobs] == [
        EventTriggerSpec(("a", "b"), "s", JsonText('{"x":[1,{"$gt":2}]}'), None, is_lenient=True),
        InvokeTriggerSpec(),
        ScheduleTriggerSpec(IntervalTiming(1)),
        ScheduleTriggerSpec(V2CronTiming("0 3 * * *"), account_id="acme", metadata=JsonText('{"a":1}')),
        ScheduleTriggerSpec(CronTiming("0 3 * * *")),
        DynamicScheduleSpec("d"),
        DynamicTriggerSpec("t"),
        InvokeTriggerSpec(),
        InvokeTriggerSpec(),
    ]
    assert [job.id for job in index.jobs if job.internal] == ["internal"]
    assert [job.hosted for job in index.jobs if job.hosted] == [(("chat", "my-chat"),)]
    assert index.dynamic_triggers == ("t",)
    assert index.sources == (
        SourceSpec("s", JsonText("{}"), {"event": ["e"]}),
        SourceSpec("h", JsonText("{}"), {"event": ["e"]}, hosted="fake"),
        SourceSpec("w", JsonText('{"p":1}'), {"c": ["v"]}, is_webhook=True),
    )
    assert index.jobs[1].limit is not None
    assert index.jobs[1].limit.most == 3
    assert not index.jobs[5].enabled
    assert index.dynamic_schedules == ("d",)
