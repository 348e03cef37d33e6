"""Random programs with a crash at each of their points: see `tests.scenarios.programs`."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from perdure import IO, Client, invoke_trigger
from perdure.testing import Env
from perdure.testing.crashes import crash_everywhere
from tests.scenarios.programs import PROGRAMS, Journal, Performance, Program, expected

PROVING = bool(os.environ.get("PERDURE_PROVE"))


@pytest.mark.parametrize("force_replay", [False, True], ids=["sticky", "replay"])
@settings(
    max_examples=100 if PROVING else 4,
    derandomize=not PROVING,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(program=PROGRAMS)
def test_a_program_gives_what_it_must_wherever_its_process_dies(force_replay: bool, program: Program) -> None:
    client = Client(id="random")

    @client.job(id="performing", version="1.0.0", trigger=invoke_trigger())
    async def performing(payload: Any, io: IO) -> list[Any]:
        return await Performance(Journal()).perform(program, io)

    env = Env(client, force_replay=force_replay, start=datetime(2030, 1, 1, tzinfo=UTC))

    async def call() -> None:
        run = await env.invoke(performing)
        await env.advance(minutes=1)
        assert (run.status, run.error) == ("SUCCESS", None)
        assert run.output == expected(program)

    asyncio.run(crash_everywhere(env, call))
