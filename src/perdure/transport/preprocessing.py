"""Asking an app, before it executes a run for the first time, what is to be shown of it (v2 protocol, section 3.7)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from perdure.errors import (
    FetchFailedError,
    FetchTimeoutError,
    InvalidArgumentError,
    JsonError,
    RunError,
    StorageError,
)
from perdure.protocol.execution import ErrorInfo, Failed, JsonText
from perdure.protocol.json_text import check
from perdure.protocol.messages.codec import MessageShapeError, decode_message, encode_message
from perdure.protocol.messages.display import complete_properties
from perdure.protocol.messages.headers import Action
from perdure.protocol.messages.preprocessing import PreprocessedRun, PreprocessRunAnswer, PreprocessRunBody
from perdure.transport.app_link import message_of
from perdure.transport.run_members import run_members

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.protocol.endpoint import Index
    from perdure.protocol.execution import ExecutionRequest
    from perdure.protocol.messages.display import DisplayProperty
    from perdure.transport.app_link import AppLink

    Keeps = Callable[[str, int, JsonText], Awaitable[bool]]
    """Stores what is to be shown of a run, by its id and the epoch of its execution; whether that still holds it."""

SECONDS: Final = 5.0
"""How long an app may take to answer; then the run is executed without."""

LARGEST: Final = 64 * 1024
"""How many bytes of JSON may be shown of a run."""

_REMEMBERED: Final = 10_000
_ABORTED: Final = "The app has said that the run is not to be executed, when it was asked what is to be shown of it."

_log = logging.getLogger(__name__)


class Preprocessing:
    """Asks what is to be shown of runs, and lets them be executed whatever comes of that.

    A run is to be asked about as long as it has neither a task nor a yield: then it has not begun. Nothing else is
    stored of that, so a node that died in between asks again, and the same is stored again. Within the life of a node
    an app is asked once about a run that it could not begin with, however often that is tried, unless nobody was there:
    else an app that dies when it is asked would never come to execute the run.

    Args:
        link: The way to the app.
        keeps: Stores what is to be shown of a run.
    """

    def __init__(self, link: AppLink, keeps: Keeps) -> None:
        self._link = link
        self._keeps = keeps
        self._job_ids: frozenset[str] = frozenset()
        self._asked: set[str] = set()
        self._asking: dict[str, int] = {}

    def declare(self, index: Index) -> None:
        """Note which jobs are to be asked about."""
        self._job_ids = frozenset(job.id for job in index.jobs if job.is_preprocessed)

    def is_due(self, request: ExecutionRequest) -> bool:
        """Whether the app is to be asked about a run before this execution of it."""
        if request.job.id not in self._job_ids or request.run.id in self._asked:
            return False
        return request.is_complete and not request.tasks and not request.yielded

    def forget(self, run_id: str) -> None:
        """Note that a run has begun."""
        self._asked.discard(run_id)

    def abort(self, run_id: str) -> None:
        """Note that a run is not to be executed any more."""
        self._asking.pop(run_id, None)

    async def ask(self, request: ExecutionRequest) -> tuple[bool, Failed | None]:
        """Ask about a run.

        Returns:
            Whether its execution still holds it; and what becomes of it, if that is not to be executed.
        """
        run_id = request.run.id
        self._asking[run_id] = request.epoch
        try:
            said = await self._answer(request)
        finally:
            is_held = self._asking.get(run_id) == request.epoch
            if is_held:
                del self._asking[run_id]
        if said is None or not is_held:
            return is_held, None
        if said.abort:
            return True, Failed(ErrorInfo("RunAbortedError", _ABORTED), is_aborted=True)
        properties = [] if said.properties is UNSET else complete_properties(said.properties)
        if not properties:
            return True, None
        try:
            return await self._keeps(run_id, request.epoch, _stored(properties)), None
        except (InvalidArgumentError, JsonError, StorageError) as error:
            self._go_on_without(request, error.message)
            return True, None

    async def _answer(self, request: ExecutionRequest) -> PreprocessRunAnswer | None:
        body = encode_message(preprocessing_body(request))
        try:
            answer = await self._link.post(Action.PREPROCESS_RUN, body=body, timeout=SECONDS)
        except RunError as error:
            # If nobody is there, the execution says so.
            if _was_there(error):
                self._note(request)
                self._go_on_without(request, error.message)
            return None
        self._note(request)
        if not 200 <= answer.status < 300:
            said = message_of(answer)
            self._go_on_without(request, f"Its app answered {answer.status}{'' if said is None else f' ({said})'}.")
            return None
        try:
            return decode_message(answer.body, PreprocessRunAnswer)
        except (JsonError, MessageShapeError) as error:
            self._go_on_without(request, f"The answer of its app cannot be read. {error.message}")
            return None

    def _note(self, request: ExecutionRequest) -> None:
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        self._asked.add(request.run.id)

    def _go_on_without(self, request: ExecutionRequest, why: str) -> None:
        _log.warning("Run %s of job %s is executed without properties: %s", request.run.id, request.job.id, why)


def _stored(properties: list[DisplayProperty]) -> JsonText:
    text = encode_message(properties)
    if len(text) > LARGEST:
        raise InvalidArgumentError(f"Its app gave {len(text):,} bytes of them; at most {LARGEST:,} are shown.")
    return JsonText(check(text))


def _was_there(error: RunError) -> bool:
    if isinstance(error, FetchTimeoutError):
        return True
    # The client is there already: it has failed.
    from perdure.transport.failures import is_no_answer, was_cut_off

    return isinstance(error, FetchFailedError) and (was_cut_off(error) or is_no_answer(error))


def preprocessing_body(request: ExecutionRequest) -> PreprocessRunBody:
    """Make the body."""
    run = PreprocessedRun(id=request.run.id, is_test=request.run.is_test)
    return PreprocessRunBody(**run_members(request), run=run)
