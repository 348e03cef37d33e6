"""What is redacted or secret by its name reaches the target, and is seen nowhere else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from perdure import IO, redact_string
from tests.scenarios.app import App
from tests.scenarios.target import Reply, target

CANARIES = tuple(
    f"canary-{name}" for name in ("header", "authorization", "cookie", "key", "path", "query", "body", "json")
)


def _stored(app: App) -> bytes:
    """Every byte that the app's database has on the disk, in whatever file."""
    path = Path(app.database_url.removeprefix("sqlite:///"))
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.is_file())


async def test_no_secret_of_a_fetch_is_ever_in_clear_on_the_disk_or_in_the_log(
    durable_app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    @durable_app.job
    async def secretive(payload: Any, io: IO) -> str:
        retry = {"all": {"strategy": "backoff", "min_timeout": 0}}
        await io.logger.info("token", {"t": redact_string("t {}", CANARIES[0])})
        await io.background_fetch(
            "a",
            redact_string(service.url("/a/{}?token={}"), CANARIES[4], CANARIES[5]),
            method="POST",
            headers={
                "X-Own": redact_string("own {}", CANARIES[0]),
                "Authorization": f"Bearer {CANARIES[1]}",
                "Cookie": f"a={CANARIES[2]}",
                "X-Api-Key": CANARIES[3],
            },
            body=redact_string("text {}", CANARIES[6]),
            retry=retry,
        )
        await io.background_poll(
            "b", service.url(f"/b?api_key={CANARIES[3]}"), method="POST", json={"a": [redact_string("{}", CANARIES[7])]}
        )
        return "done"

    paths = {f"a/{CANARIES[4]}": [Reply(None, 503, {"Set-Cookie": f"s={CANARIES[2]}"}), Reply()], "b": Reply()}
    async with target(**paths) as service:  # type: ignore[arg-type]
        service.hangs = True
        async with durable_app.start():
            handle = await durable_app.client.invoke(secretive)
            await service.arrived()
            seen_in_flight = str(await durable_app.look_up(handle.id))
        on_disk_in_flight = _stored(durable_app)
        service.hangs = False
        async with durable_app.start():
            run = await durable_app.finish(handle.id)
        sent = b"".join(request.raw for request in service.requests)
    assert (run.status, run.output) == ("SUCCESS", "done")
    assert [canary for canary in CANARIES if canary.encode() not in sent] == []
    seen = seen_in_flight + str(run) + caplog.text
    stored = on_disk_in_flight + _stored(durable_app)
    assert [canary for canary in CANARIES if canary in seen or canary.encode() in stored] == []
    assert "Bearer" not in seen
    assert "own ***" in seen


@pytest.mark.parametrize("end", ["fails", "is cancelled"])
async def test_secrets_are_gone_however_the_run_ends(durable_app: App, end: str) -> None:
    @durable_app.job
    async def secretive(payload: Any, io: IO) -> None:
        await io.background_fetch("a", service.url("/a"), headers={"Authorization": "Bearer hush"})

    async with target(a=Reply(None, 404)) as service, durable_app.start() as node:
        service.hangs = end == "is cancelled"
        handle = await durable_app.client.invoke(secretive)
        await service.arrived()
        if end == "is cancelled":
            await durable_app.client.cancel_run(handle.id)
        await durable_app.finish(handle)

        async def kept(tx: Any) -> list[Any]:
            rows: list[Any] = await tx.all("list_operations", "[1,2,3,4,5]")
            return rows

        assert await node._embedded.storage.read(kept) == []  # type: ignore[attr-defined]
