"""One attempt at the work of a task: the request is sent, and its answer judged."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from perdure.engine.fetches import judge_fetch
from perdure.engine.polls import attempt_key, deadline_of, judge_poll, time_out
from perdure.engine.verdicts import Verdict, about
from perdure.errors import FetchFailedError, InvalidArgumentError, RunError
from perdure.protocol.ids import TASK_PREFIX
from perdure.protocol.json_text import JsonText
from perdure.protocol.operations import Fetch, Poll, read_operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.engine.clock import Clock
    from perdure.engine.requesters import Requesters
    from perdure.engine.secret_box import SecretBox
    from perdure.engine.tracing import Tracing
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.outbound import OutboundRequest, OutboundResponse
    from perdure.storage.operations import OperationRow

MAX_BEGUN: Final = 10
"""How often one attempt is begun: an answer that kills each node that gets it must not do so for ever."""

# Longer bodies are read in a thread: the loop has others to serve.
_LONG_BODY = 64 * 1024
_KEY_HEADER = "Idempotency-Key"

_log = logging.getLogger(__name__)


class Attempts:
    """Makes attempts.

    Args:
        requesters: Send the requests.
        clock: The time.
        secrets: Decrypts what the params of tasks show masked.
        ids: Makes the ids of the tasks that show the attempts of a poll.
        random: Gives a number in [0, 1), for delays.
        tracing: Is told of requests.
    """

    def __init__(
        self,
        requesters: Requesters,
        clock: Clock,
        secrets: SecretBox,
        ids: IdGenerator,
        random: Callable[[], float],
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self._requesters = requesters
        self._clock = clock
        self._secrets = secrets
        self._ids = ids
        self._random = random
        self._tracing = tracing

    def check(self, environment_no: int, work: Fetch | Poll) -> None:
        """Refuse what can be refused of a request before anything is sent.

        Raises:
            RunError: It may not be.
        """
        self._requesters.check(environment_no, work.request)

    async def make(self, row: OperationRow, work: Fetch | Poll | None) -> Verdict:
        """Make one attempt, and say what comes of it; a defect fails the task.

        Args:
            row: The task.
            work: What its params say, if they have been read already.
        """
        try:
            return await self._make(row, self._read(row) if work is None else work)
        except InvalidArgumentError as error:
            return Verdict(error=about(row, error))
        except Exception as error:
            _log.exception("%s %r of run %s cannot be attempted.", row.operation, row.shown, row.run_id)
            return Verdict(error=about(row, FetchFailedError(f"{type(error).__name__} in the node; its log has more.")))

    async def close(self) -> None:
        """Send no more."""
        await self._requesters.close()

    async def _make(self, row: OperationRow, work: Fetch | Poll) -> Verdict:
        if row.begun > MAX_BEGUN:
            reason = f"it was begun {MAX_BEGUN} times, and each time the node ended before an answer was stored."
            return Verdict(error=about(row, FetchFailedError(reason)))
        began_at = self._clock.now()
        if isinstance(work, Poll) and began_at >= deadline_of(work, row):
            return time_out(work, row)
        try:
            got: OutboundResponse | RunError = await self._send(row, _request(work, row))
        except RunError as error:
            got = error
        now = self._clock.now()
        if isinstance(work, Fetch):
            judge = partial(judge_fetch, work, row, got, now=now, random=self._random)
        else:
            new_id = self._ids.new(TASK_PREFIX)
            judge = partial(
                judge_poll, work, row, got, attempt_id=new_id, began_at=began_at, now=now, random=self._random
            )
        is_long = not isinstance(got, RunError) and len(got.body) > _LONG_BODY
        return await asyncio.to_thread(judge) if is_long else judge()

    async def _send(self, row: OperationRow, request: OutboundRequest) -> OutboundResponse:
        requester = self._requesters.of(row.environment_no)
        if self._tracing is None:
            return await requester.request(request)
        with self._tracing.request(row):
            given = {name.lower() for name, _ in request.headers}
            added = [(name, value) for name, value in self._tracing.headers() if name.lower() not in given]
            return await requester.request(replace(request, headers=(*request.headers, *added)))

    def _read(self, row: OperationRow) -> Fetch | Poll:
        secrets = None
        if row.secrets is not None:
            try:
                secrets = JsonText(self._secrets.unseal(row.secrets, of=row.task_id))
            except ValueError as error:
                raise InvalidArgumentError(f"{error} PERDURE_SECRET_KEY, or the key file, has changed.") from error
        return read_operation(row.operation, row.params, secrets)


def _request(work: Fetch | Poll, row: OperationRow) -> OutboundRequest:
    """Give the request a key by which the other side can tell that it is one it has had before.

    It is that of the task, so a fetch has the same in every attempt; each attempt of a poll has its own, or the other
    side might go on to repeat its first answer.
    """
    request = work.request
    if any(name.lower() == _KEY_HEADER.lower() for name, _ in request.headers):
        return request
    key = row.key if isinstance(work, Fetch) else attempt_key(row, row.attempts)
    return replace(request, headers=(*request.headers, (_KEY_HEADER, key)))
