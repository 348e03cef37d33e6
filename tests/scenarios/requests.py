"""Whoever answers at a callback URL: a client of its own, outside every run."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from perdure.protocol.json_text import dump, load
from tests.scenarios.app import PATIENCE


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def post_now(url: str, body: bytes = b"", *, method: str = "POST", headers: dict[str, str] | None = None) -> Answer:
    """Send a request from this thread."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return Answer(
                response.status,
                load(response.read().decode()),
                {name.lower(): value for name, value in response.headers.items()},
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(
                error.code, load(error.read().decode()), {name.lower(): value for name, value in error.headers.items()}
            )


def request_now(url: str, body: bytes, method: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Send a request as anybody would; status, body and headers of its answer."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {name.lower(): value for name, value in error.headers.items()}


async def announce(url: str, length: int) -> Answer:
    """Send the head of a request that announces so many bytes, and none of them."""

    def send() -> Answer:
        parts = urlsplit(url)
        with closing(http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)) as connection:
            connection.putrequest("POST", parts.path)
            connection.putheader("Content-Length", str(length))
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, load(response.read().decode()))

    return await asyncio.to_thread(send)


async def post(url: str, value: Any = None, **options: Any) -> Answer:
    """Send a value as JSON."""
    return await post_raw(url, dump(value).encode(), **options)


async def post_raw(url: str, body: bytes, **options: Any) -> Answer:
    """Send bytes."""
    return await asyncio.to_thread(post_now, url, body, **options)


class Service:
    """A service outside that is handed a URL and calls back when a test says so."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self._asked = asyncio.Event()

    async def ask(self, url: str) -> None:
        """Take a request in."""
        self.urls.append(url)
        self._asked.set()

    async def url(self) -> str:
        """The URL that was handed over last; waits until there is one."""
        await asyncio.wait_for(self._asked.wait(), PATIENCE)
        return self.urls[-1]
