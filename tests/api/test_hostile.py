"""What callers may send who mean no good, or know no better: it is refused, and nothing is kept of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from perdure.api.refusals import refusal_of
from perdure.errors import StorageReadOnlyError
from tests.api.client import KEY, ApiClient, serving

HEAD = f"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"


class Wire:
    """A connection on which bytes are sent as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: str | bytes) -> None:
        self._writer.write(data.encode() if isinstance(data, str) else data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, Any]:
        """The answer, after which the connection must be closed."""
        async with asyncio.timeout(60):
            text = await self._reader.read()
        head, _, body = text.partition(b"\r\n\r\n")
        is_json = b"application/json" in head and b"HTTP/1.1" not in body
        return int(head.split()[1]), json.loads(body) if is_json else body

    async def close(self) -> None:
        self._writer.close()


async def connect(api: ApiClient) -> Wire:
    url = urlsplit(api.node.url)
    return Wire(*await asyncio.open_connection(url.hostname, url.port))


async def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    async with serving() as api:
        wire = await connect(api)
        await wire.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
        for _ in range(5):
            await wire.send("x" * 10_000)
        status, body = await wire.answer()
        assert (status, body["code"]) == (431, "headers_too_large")
        await wire.close()
        assert (await api.get("/healthz")).status == 200


async def test_a_head_that_is_too_large_is_refused_in_one_piece_too() -> None:
    async with serving() as api:
        answer = await api.get("/healthz", **{"X-Long": "x" * 33_000})
        assert (answer.status, answer.code) == (431, "headers_too_large")
        assert (await api.get("/healthz", **{"X-Long": "x" * 30_000})).status == 200


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ("Content-Length: 10000000000\r\n", 413, "payload_too_large"),
        ("Content-Length: 99999999999999999999\r\n", 400, "bad_request"),
        ("Content-Type: text/plain\r\nConnection: close\r\nContent-Length: 9\r\n", 415, "unsupported_media_type"),
        ("Content-Encoding: br\r\nConnection: close\r\nContent-Length: 9\r\n", 415, "unsupported_encoding"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "bad_request"),
        ("Content-Length: -1\r\n", 400, "bad_request"),
    ],
)
async def test_a_body_that_nobody_will_read_is_not_waited_for(head: str, status: int, code: str) -> None:
    async with serving() as api:
        wire = await connect(api)
        await wire.send(f"{HEAD}{head}\r\n")
        answered, body = await wire.answer()
        assert (answered, body["code"]) == (status, code)
        await wire.close()


async def test_nothing_is_read_of_whoever_guesses_a_callback_url() -> None:
    async with serving() as api, asyncio.timeout(20):
        wire = await connect(api)
        await wire.send(
            "POST /api/v1/tasks/task_1/callback/guess HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Connection: close\r\nContent-Length: 3000000\r\n\r\n"
        )
        status, body = await wire.answer()
        assert (status, body["code"]) == (404, "not_found")
        await wire.close()


async def test_a_body_that_grows_beyond_the_limit_is_cut_off() -> None:
    async with serving() as api:
        wire = await connect(api)
        await wire.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n")
        part = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
        for _ in range(43):
            await wire.send(part)
        await wire.send(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status, _ = await wire.answer()
        assert status == 413
        await wire.close()


async def test_whoever_leaves_in_the_middle_of_a_body_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as api:
        wire = await connect(api)
        await wire.send(f'{HEAD}Content-Length: 100\r\n\r\n{{"events":[{{"name":"x"}}]')
        await wire.close()
        assert (await api.get("/api/events")).body["events"] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80@127.0.0.1"])
async def test_a_page_that_points_its_name_at_this_machine_reaches_nothing(host: str) -> None:
    async with serving() as api:
        answer = await api.get("/api/runs", Host=host)
    assert (answer.status, answer.code) == (421, "misdirected_request")


async def test_a_callback_url_is_checked_before_the_run_is_started() -> None:
    async with serving() as api:
        for url, code in (
            ("file:///etc/passwd", "invalid_url"),
            ("http://a\tb/", "invalid_url"),
            ("http://u:p@h/", "invalid_url"),
            ("http://2130706433/", "blocked_address"),
            ("http://169.254.169.254/", "blocked_address"),
            ("https://10.1.2.3/hook", "blocked_address"),
            ("http://[::ffff:7f00:1]/", "blocked_address"),
        ):
            own = await api.post("/api/jobs/greets/invoke", {"callback_url": url})
            of_v2 = await api.post("/api/v1/jobs/greets/invoke", {"options": {"callbackUrl": url}})
            for answer in (own, of_v2):
                assert (answer.status, answer.code) == (422, code), url
        assert (await api.get("/api/runs")).body["runs"] == []


async def test_a_wrong_job_id_is_answered_with_the_nearest() -> None:
    async with serving() as api:
        answer = await api.post("/api/jobs/greet/invoke")
    assert (answer.status, answer.code) == (404, "not_found")
    assert "Did you mean 'greets'?" in answer.body["error"]


@pytest.mark.parametrize("error", [StorageReadOnlyError("/home/ada/perdure.db"), OSError("/home/ada"), KeyError(KEY)])
def test_no_error_tells_of_paths_or_keys(error: Exception) -> None:
    refusal = refusal_of(error, "req_1")
    assert refusal.status in (500, 503)
    assert "ada" not in refusal.sentence
    assert KEY not in refusal.sentence


@pytest.mark.parametrize("prefix", ["/perdure", "/a b", "/a/b"])
async def test_ids_are_found_wherever_the_app_is_mounted(prefix: str) -> None:
    async with serving() as api:
        assert (await api.send("PUT", "/api/store/a%2Fb", b"1")).status == 200
        outer = Starlette(routes=[Mount(prefix, api.node.asgi())])
        for path, status in ((f"{prefix}/api/store/a%2Fb", 200), (f"{prefix}/api/store/a/b", 404)):
            assert await ask(outer, path) == status


async def ask(app: Any, sent: str) -> int:
    """Ask an ASGI application as a server does."""
    from urllib.parse import quote, unquote

    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = quote(sent, safe="/%").encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(sent), "raw_path": raw, "query_string": b"", "root_path": "",
        "headers": [(b"authorization", f"Bearer {KEY}".encode())], "server": ("h", 80), "client": ("c", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    (status,) = statuses
    return status
