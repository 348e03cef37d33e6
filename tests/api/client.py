"""A node with scripted jobs, and a client of its API that speaks HTTP and nothing else."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perdure.config.settings import Settings
from perdure.engine.clock import Clock, SystemClock
from perdure.protocol.execution import ExecutionResult, JsonText, Succeeded
from perdure.protocol.json_text import dump, load
from perdure.server.embedded import start_embedded
from perdure.server.embedded_node import EmbeddedNode
from tests.engine.app import Execution, ScriptedApp

KEY = "tr_dev_Aa1Bb2Cc3Dd4Ee5Ff6Gg"
PUBLIC_KEY = "pk_dev_Aa1Bb2Cc3Dd4Ee5Ff6Gg"


@dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["code"])


class ApiClient:
    """Asks a node.

    Args:
        node: The node.
        key: What it is asked with.
    """

    def __init__(self, node: EmbeddedNode, key: str | None = KEY) -> None:
        self.node = node
        self.key = key

    def with_key(self, key: str | None) -> ApiClient:
        return ApiClient(self.node, key)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.send("POST", path, None if body is None else dump(body).encode(), **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.send("PUT", path, dump(body).encode(), **headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.ask("DELETE", path, headers=headers)

    async def send(self, method: str, path: str, body: bytes | None, **headers: str) -> Answer:
        kind = {} if body is None else {"Content-Type": "application/json"}
        return await self.ask(method, path, body=body, headers={**kind, **headers})

    async def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        return await asyncio.to_thread(self._ask, method, path, body, headers or {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        with closing(self._connect()) as connection:
            connection.request(method, path, body, {**self._credentials(), **headers})
            response = connection.getresponse()
            text = response.read().decode()
            return Answer(
                response.status,
                load(text) if text else None,
                {name.lower(): value for name, value in response.getheaders()},
            )

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.node.url).netloc, timeout=60)

    def _credentials(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[Stream]:
        """Read a stream until the block ends."""
        with closing(self._connect()) as connection:
            yield await asyncio.to_thread(self._open, connection, path)

    def _open(self, connection: http.client.HTTPConnection, path: str) -> Stream:
        connection.request("GET", path, headers=self._credentials())
        return Stream(connection.getresponse())


class Stream:
    """A stream of server-sent events."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.kind = response.getheader("content-type")

    async def next(self) -> tuple[str, Any] | None:
        """The next event: its name and what it carries; ``None`` at the end."""
        return await asyncio.to_thread(self._next)

    async def comments(self, count: int) -> list[str]:
        """The next lines that are only comments."""
        return await asyncio.to_thread(self._comments, count)

    def _comments(self, count: int) -> list[str]:
        found: list[str] = []
        while len(found) < count:
            line = self._response.readline().decode().rstrip("\n")
            if line.startswith(":"):
                found.append(line)
        return found

    def _next(self) -> tuple[str, Any] | None:
        for block in self._blocks():
            fields = [line.partition(": ")[::2] for line in block if not line.startswith(":")]
            if fields:
                names = [value for name, value in fields if name == "event"]
                data = "\n".join(value for name, value in fields if name == "data")
                return names[0], load(data)
        return None

    def _blocks(self) -> Iterator[list[str]]:
        block: list[str] = []
        while line := self._response.readline():
            if line == b"\n":
                yield block
                block = []
            else:
                block.append(line.decode().rstrip("\n"))


async def greets(execution: Execution) -> ExecutionResult:
    await execution.run("greet")
    return Succeeded(JsonText('{"text": "hello"}'))


@asynccontextmanager
async def serving(
    app: ScriptedApp | None = None,
    *,
    url: str = "sqlite://",
    api_key: str | None = KEY,
    serves_all: bool = False,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[ApiClient]:
    """A node at work on a database, and a client of it."""
    if app is None:
        app = ScriptedApp(SystemClock()).job("greets", greets)
    node = await start_embedded(
        app, database_url=url, api_key=api_key, serves_all=serves_all, settings=settings, clock=clock
    )
    app.platform = node.platform
    try:
        yield ApiClient(node, KEY if api_key is None and not serves_all else node.api_key)
    finally:
        await node.stop()
