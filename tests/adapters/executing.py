"""An app behind HTTP that is asked to execute one run of one job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from perdure import IO, Client, invoke_trigger
from perdure.adapters.exchange import AppRequest
from perdure.adapters.handler import AppHandler
from tests.adapters.test_actions import BODY, KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def execute_at(api_url: str, job: Callable[[Any, IO], Awaitable[Any]]) -> tuple[int, Any]:
    """Have an app whose server is there execute a run.

    Returns:
        The status and the body of what it answers.
    """
    client = Client(id="shop", api_key=KEY, api_url=api_url)
    client.job(id="job", version="1.0.0", trigger=invoke_trigger())(job)
    handler = AppHandler(client)
    headers = {"x-trigger-api-key": KEY, "x-trigger-action": "EXECUTE_JOB"}
    body = {**BODY, "job": {"id": "job", "version": "1.0.0"}}
    try:
        said = await handler.handle(AppRequest("POST", headers, json.dumps(body).encode()))
    finally:
        await handler.close()
    return said.status, json.loads(said.body)
