"""Whatever is asked of any route, fit by its document or not, no client can make the server fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import warnings
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from perdure.api.app import all_routes
from perdure.protocol.task_batches import BATCH_TYPE
from tests.api.client import serving
from tests.api.test_environments import app, fill
from tests.api.test_operators import DEV, keys

__all__ = ["keys"]
EXAMPLES = 24 if os.environ.get("PERDURE_PROVE") else 4
LEFT_OUT = {
    # These go on for as long as they are read, or ask the internet.
    *(f"{route.method} {route.path}" for route in all_routes() if route.is_stream),
    "POST /api/endpoints",
    "POST /api/v1/endpoints",
}
FINE = {"no_tunnels", "not_connected"}
"""What a client is told with a status of 500 and more that is no failure."""


@schemathesis.serializer(BATCH_TYPE)
def pack(_context: Any, value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeError):
        # What MessagePack cannot say is said by what is none.
        return repr(value).encode("utf-8", "replace")


class Asking:
    """Sends made-up requests, half of them about what is there."""

    def __init__(self, url: str, key: str, parts: dict[str, str]) -> None:
        self.url = url
        self.parts = parts
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"
        self.answers: dict[str, set[int]] = {}

    def ask(self, case: Any, *, is_about_something: bool) -> None:
        name = f"{case.method.upper()} {case.operation.path}"
        # That waits for what does not end here.
        if is_about_something and not name.endswith("/end") and isinstance(case.path_parameters, dict):
            for part in case.path_parameters:
                case.path_parameters[part] = self.parts.get(part, case.path_parameters[part])
        headers = {"Idempotency-Key": "a" * 64} if "tasks" in name else None
        answer = case.call(base_url=self.url, session=self.session, headers=headers, timeout=20)
        self.answers.setdefault(name, set()).add(answer.status_code)
        said = answer.content.decode(errors="replace")
        if answer.status_code >= 400 and said:
            body = json.loads(said)
            assert body["error"], (name, said)
            assert body["code"], (name, said)
            assert body["request_id"].startswith("req_"), (name, said)
            assert not any(word in said for word in ("Traceback", "SELECT ", ".py", "sqlite")), (name, said)
            assert answer.status_code < 500 or body["code"] in FINE, (name, case.as_curl_command(), said)


def ask_all(asking: Asking, mode: GenerationMode) -> None:
    document = requests.get(f"{asking.url}/api/openapi.json", timeout=20).json()
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        if f"{operation.method.upper()} {operation.path}" in LEFT_OUT:
            continue

        @seed(1)
        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), is_about_something=st.booleans())
        def check(case: Any, is_about_something: bool) -> None:
            asking.ask(case, is_about_something=is_about_something)

        # Some routes take nothing that could be unfit.
        with contextlib.suppress(Unsatisfiable):
            check()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fit", "unfit"])
async def test_no_request_makes_the_server_fail(mode: GenerationMode) -> None:
    async with serving(app(), serves_all=True) as owner:
        left = await fill(owner.with_key(DEV))
        task_id = (await owner.get(f"/api/runs/{left['greeted']}")).body["tasks"][0]["id"]
        parts = {
            "run_id": left["napping"], "event_id": "e", "job_id": "naps", "key": "k", "dynamic_id": "daily",
            "task_id": task_id, "endpoint_id": "app",
        }  # fmt: skip
        asking = Asking(owner.node.url, DEV, parts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await asyncio.to_thread(ask_all, asking, mode)
        if mode is GenerationMode.POSITIVE:
            asked = {f"{route.method} {route.path}" for route in all_routes()} - LEFT_OUT
            assert asked - set(asking.answers) == set()
        assert (await owner.get("/readyz")).body == {"status": "ok"}
