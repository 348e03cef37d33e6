"""However the bytes of a request arrive, the answer is the same: whole ones of hot routes are answered without ASGI."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from perdure.api.path_tree import PathTree
from tests.api.client import KEY, ApiClient, serving

BODY = b'{"event": {"id": "e1", "name": "unheard", "payload": {"a": [1, 2]}}}'


def request(*, host: str = "127.0.0.1", further: str = "", body: bytes = BODY) -> bytes:
    head = f"POST /api/v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n{further}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """A connection on which bytes are sent as they are, and answers are read one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, json.loads(body)


async def connect(api: ApiClient) -> Connection:
    return Connection(*await asyncio.open_connection("127.0.0.1", int(api.node.url.rpartition(":")[2])))


async def test_a_request_in_pieces_is_answered_as_one_in_one_piece() -> None:
    async with serving() as api:
        wire = await connect(api)
        wire.writer.write(request())
        status, headers, body = await wire.answer()
        for piece in (request()[:40], request()[40:-30], request()[-30:-1], request()[-1:]):
            wire.writer.write(piece)
            await wire.writer.drain()
            # So that they are read apart.
            assert (await api.get("/healthz")).status == 200
        again = await wire.answer()
        wire.writer.close()
    assert (status, again[0]) == (200, 200)
    assert again[2] == body
    headers.pop("x-request-id")
    again[1].pop("x-request-id")
    assert list(again[1].items()) == list(headers.items())


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    bodies = [json.dumps({"event": {"id": f"e{number}", "name": "unheard"}}).encode() for number in range(5)]
    async with serving() as api:
        wire = await connect(api)
        asked = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        wire.writer.write(b"".join(request(body=body) for body in bodies) + asked + request())
        answers = [await wire.answer() for _ in range(7)]
        wire.writer.close()
    assert [answer[2].get("id") for answer in answers] == ["e0", "e1", "e2", "e3", "e4", None, "e1"]


async def test_a_connection_is_closed_whose_client_says_so() -> None:
    async with serving() as api:
        wire = await connect(api)
        wire.writer.write(request(further="Connection: close\r\n"))
        assert (await wire.answer())[1]["connection"] == "close"
        async with asyncio.timeout(60):
            assert await wire.reader.read() == b""
        wire.writer.close()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (request(host="evil.example"), 421),
        (request(further="Host: 127.0.0.1\r\n"), 421),
        (request(further="Content-Encoding: br\r\n"), 415),
        (request(further="Content-Type: text/plain\r\n"), 415),
        (request(further=f"X-Long: {'x' * 33_000}\r\n"), 431),
        (request(body=b"{"), 400),
        (request(body=b'{"event": {"name": "a", "name": "b"}}'), 400),
        (request(body=b'{"event": {"name": "a", "payload": ' + b"[" * 65 + b"]" * 65 + b"}}"), 400),
        (request(body=b'{"event": {"name": 1}}'), 422),
    ],
)
async def test_what_is_refused_is_refused_in_one_piece_too(given: bytes, status: int) -> None:
    async with serving() as api:
        wire = await connect(api)
        wire.writer.write(given)
        assert (await wire.answer())[0] == status
        wire.writer.close()


def test_a_word_of_a_path_comes_before_a_part_of_any_name() -> None:
    paths: PathTree[str] = PathTree()
    for path in ("/runs/changes", "/runs/{id}", "/runs/{id}/end", "/{app}/sources"):
        paths.add(path, path)
    paths.add("/{app}/keys/{key}", "keys", is_open_ended=True)
    assert paths.find("/runs/changes") == ("/runs/changes", {})
    assert paths.find("/runs/1") == ("/runs/{id}", {"id": "1"})
    assert paths.find("/runs/changes/end") == ("/runs/{id}/end", {"id": "changes"})
    assert paths.find("/runs/sources") == ("/runs/{id}", {"id": "sources"})
    assert paths.find("/runs/keys/a/b") == ("keys", {"app": "runs", "key": "a/b"})
    assert paths.find("/a/keys/") == ("keys", {"app": "a", "key": ""})
    for unknown in ("", "/", "/runs", "/runs/", "/runs//end", "/runs/1/end/", "//sources", "/a/keys"):
        assert paths.find(unknown) is None
