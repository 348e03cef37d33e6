"""Callback URLs: where a request from outside gives a waiting task its result (v2 protocol, section 8.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from perdure.engine.waits import Settlement, Waking, settle_waits
from perdure.errors import NotFoundError, ValueTooLargeError
from perdure.protocol.json_text import JsonText, check
from perdure.protocol.limits import OUTPUT_LIMIT
from perdure.storage import tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.line import Line
    from perdure.engine.secret_box import SecretBox
    from perdure.storage.interface import Session


class Callbacks:
    """Hands out callback URLs and takes what is sent to them.

    Args:
        clock: The time.
        line: Executes the runs that go on.
        secrets: Derives the tokens.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
    """

    def __init__(self, clock: Clock, line: Line, secrets: SecretBox, origin: Callable[[], str]) -> None:
        self._clock = clock
        self._line = line
        self._secrets = secrets
        self._origin = origin

    def url(self, task_id: str) -> str:
        """Give a task's callback URL, the same each time."""
        return f"{self._origin()}/api/v1/tasks/{task_id}/callback/{self._secrets.token(task_id)}"

    def find(self, url: str) -> str | None:
        """Find the task whose callback URL this is; only the path counts (v2 protocol, section 4.2)."""
        found = _PATH.search(url.partition("?")[0])
        return found["task"] if found is not None and self._secrets.is_token(found["task"], found["token"]) else None

    async def receive(self, task_id: str, token: str, body: bytes) -> None:
        """Give a waiting task its result; the first request wins, later ones change nothing.

        Args:
            task_id: The task that the URL names.
            token: The token that the URL ends with.
            body: JSON, or nothing, which is ``None``.

        Raises:
            NotFoundError: There is no such URL.
            JsonError: The body is no acceptable JSON; the task still waits.
            ValueTooLargeError: The body is over 3 MiB; the task still waits.
        """
        self.check(task_id, token)
        await self.complete(task_id, body)

    def check(self, task_id: str, token: str) -> None:
        """Refuse a token that is not the task's, whether there is such a task or not.

        Raises:
            NotFoundError: It is not.
        """
        if not self._secrets.is_token(task_id, token):
            raise NotFoundError(_UNKNOWN)

    async def complete(self, task_id: str, body: bytes) -> None:
        """Give a waiting task its result, as `receive` does for whoever knows its URL."""
        if len(body) > OUTPUT_LIMIT:
            raise ValueTooLargeError(f"The body has {len(body):,} bytes; at most {OUTPUT_LIMIT:,} are stored.")
        output = JsonText(check(body)) if body.strip() else None
        if not await self._line.wake(1, settle_callback, task_id, output, now=self._clock.now()):
            raise NotFoundError(_UNKNOWN)


async def settle_callback(tx: Session, task_id: str, output: JsonText | None, *, now: datetime) -> Waking[bool]:
    """Complete a task if it still waits; the result says whether there is such a task."""
    task_no = await tasks.find_number(tx, task_id)
    if task_no is None:
        return Waking(False)
    return Waking(True, await settle_waits(tx, [Settlement(task_no, output)], now=now))


_PATH = re.compile(r"/api/v1/(?:runs/[^/]+/)?tasks/(?P<task>[^/]+)/callback/(?P<token>[^/]+)$")
_UNKNOWN = "There is no such callback URL."
