"""Task lines: batches by a connection that was verified when it was opened (`perdure.protocol.task_line`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from perdure.api.answers import new_request_id, refuse
from perdure.api.refusals import Refusal, refusal_of
from perdure.api.request import ApiRequest
from perdure.api.routes import Route
from perdure.api.signed_calls import signer_of
from perdure.api.tallies import now
from perdure.api.task_batches import store_batch
from perdure.protocol.api_json import encode
from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.headers import RATE_RESET_HEADER
from perdure.protocol.signing import SIGNED_ID_HEADER
from perdure.protocol.task_line import (
    LINE_PATH,
    LINE_PROTOCOL,
    NOTICES_HEADER,
    LineFrameError,
    answer_frame,
    line_secret,
    notice_frame,
    read_batch,
)
from perdure.protocol.worker_messages import WorkerResolve
from perdure.transport.execution_body import known_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.api.calls import Call
    from perdure.api.dispatcher import Dispatcher
    from perdure.protocol.execution import TaskState

_SWITCH: Final = {"Connection": "Upgrade", "Upgrade": LINE_PROTOCOL}


class LineOpening(Response):
    """The answer that a line is open; whoever writes it lets the connection be that."""

    def __init__(self, call: Call, secret: bytes) -> None:
        super().__init__(status_code=101, headers=_SWITCH)
        del self.headers["content-length"]
        self._call = call
        self._secret = secret

    def line(self, dispatcher: Dispatcher) -> TaskLine:
        """Make what answers the frames of the line; the dispatcher is that of its path."""
        listens = self._call.request.headers.get(NOTICES_HEADER, "") == "1"
        return TaskLine(self._call, self._secret, dispatcher, listens=listens)


class TaskLine:
    """Answers the frames of one line, each before the next comes.

    Args:
        call: The request that has opened it.
        secret: Its frames are signed with that.
        dispatcher: Knows keys, and counts.
        listens: Whether the app at its other end takes notices.

    Attributes:
        write: Writes a frame that nobody has asked for, if the line is there and takes it.
        is_over: Whether no further frame is to be read.
    """

    def __init__(self, call: Call, secret: bytes, dispatcher: Dispatcher, *, listens: bool = False) -> None:
        self.write: Callable[[Callable[[], bytes]], None] | None = None
        self._tell = self.tell if listens else None
        self._notices = 0
        self._access = call.access
        self._remote = call.remote
        self._secret = secret
        self._dispatcher = dispatcher
        self._number = 0
        self._last = 0, 0.0
        self.is_over = False

    async def answer(self, frame: bytes) -> bytes:
        """Answer a frame with another; no `Exception` comes of it."""
        began = now()
        try:
            body = read_batch(self._secret, self._number, frame)
            self._number += 1
            self._dispatcher.admit(self._access)
            status, reset, answer = 200, 0, await store_batch(self._remote, body, self._tell)
        except Exception as error:
            status, reset, answer = self._refuse(error)
        self._last = status, now() - began
        return answer_frame(status, answer, reset=reset)

    def tell(self, run_id: str, epoch: int, states: list[TaskState]) -> None:
        """Tell the app of waits that are over; where that cannot be now, it learns of it when the execution ends."""

        def frame() -> bytes:
            known = encode_message([known_task(state) for state in states])
            notice = encode(WorkerResolve(run_id, epoch, JsonText(known.decode())))
            made = notice_frame(self._secret, self._notices, notice)
            self._notices += 1
            return made

        if self.write is not None:
            self.write(frame)

    def note(self) -> None:
        """Count the last answer, once it is on its way: a step waits for it."""
        self._dispatcher.note("POST", *self._last)

    def _refuse(self, error: Exception) -> tuple[int, int, bytes]:
        request_id = new_request_id()
        if isinstance(error, LineFrameError):
            error = Refusal(401, "invalid_signature", str(error))
        refusal = refusal_of(error, request_id)
        # A key that opens nothing any more, and what somebody else has put in between.
        self.is_over = refusal.status == 401
        reset = (refusal.headers or {}).get(RATE_RESET_HEADER, "0")
        return refusal.status, int(reset), bytes(refuse(refusal, request_id).body)


async def open_line(call: Call) -> Response:
    """Open a line, for a signed request on a connection that can become one."""
    request = call.request
    asked = request.headers.get("upgrade", "").lower()
    if asked != LINE_PROTOCOL or not isinstance(request, ApiRequest) or not request.can_upgrade:
        sentence = f"Open a line with Upgrade: {LINE_PROTOCOL}, or send batches one by one to /api/task-batches."
        raise Refusal(426, "upgrade_required", sentence, headers=_SWITCH)
    signer = signer_of(request.headers.get("authorization", ""))
    key = None if signer is None else call.keys.text_of(call.access)
    if key is None:
        raise Refusal(401, "invalid_signature", "A line is opened by a signed request.")
    return LineOpening(call, line_secret(key, request.headers.get(SIGNED_ID_HEADER, "")))


ROUTE: Final = Route(
    method="POST", path=LINE_PATH, handler=open_line, summary="Open a connection for batches of tasks", errors=(426,)
)
"""No route of the API that is described: what follows the request is no HTTP."""
