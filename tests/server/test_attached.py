"""A node that is attached to the one that another process has."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from perdure.engine.clock import SystemClock
from perdure.protocol.execution import ExecutionResult, Succeeded
from perdure.server.attached import AttachedNode
from perdure.server.embedded import start_embedded
from perdure.server.embedded_node import EmbeddedNode
from tests.engine.app import Execution, ScriptedApp


async def ends(execution: Execution) -> ExecutionResult:
    return Succeeded(None)


async def never(lock_timeout: timedelta) -> EmbeddedNode:
    raise AssertionError("the owner is there")


async def attach(database: Path, app: ScriptedApp) -> None:
    """Attach an app to the node of a database until it has compared their jobs."""
    attached = AttachedNode(database, never, app, public_url=None, api_key=None)
    try:
        async with asyncio.timeout(30):
            await attached._comparing
    finally:
        await attached.stop()


async def test_jobs_that_the_owner_does_not_have_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = tmp_path / "perdure.db"
    owner = await start_embedded(ScriptedApp(SystemClock()).job("pay", ends), database_url=f"sqlite:///{database}")
    try:
        with caplog.at_level(logging.WARNING):
            await attach(database, ScriptedApp(SystemClock()).job("pay", ends))
            assert caplog.messages == []
            await attach(database, ScriptedApp(SystemClock()).job("pay", ends).job("ship", ends))
        (message,) = caplog.messages
        assert "does not have the jobs 'ship': until this process takes over" in message
    finally:
        await owner.stop(grace=0)
