"""What the answers of the v2 protocol have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from msgspec import UNSET, Raw

from perdure.api.answers import JsonAnswer
from perdure.api.refusals import Refusal
from perdure.errors import NotFoundError
from perdure.protocol.messages.answers import CancelRunsAnswer
from perdure.protocol.messages.codec import decode_message, encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.run_statuses import JobRunStatusRecord, StatusUpdate
from perdure.protocol.statuses import RunStatus

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from datetime import datetime

    from msgspec import Struct, UnsetType
    from starlette.responses import Response

    from perdure.protocol.json_text import JsonText
    from perdure.protocol.runs import CancelAnswer
    from perdure.protocol.state import StatusAnswer

_STARTED = frozenset({RunStatus.EXECUTING, RunStatus.WAITING_TO_CONTINUE, RunStatus.WAITING_TO_EXECUTE})


def message_answer(message: Struct) -> Response:
    """Answer with a message of the protocol."""
    return JsonAnswer(encode_message(message))


def cancelled_runs(done: CancelAnswer) -> Response:
    """Answer with what came of cancelling several runs."""
    return message_answer(
        CancelRunsAnswer(
            cancelled_run_ids=list(done.cancelled_run_ids),
            failed_to_cancel_run_ids=list(done.failed_to_cancel_run_ids),
        )
    )


def not_found(sentence: str) -> Refusal:
    """Refuse what is not there, in words that clients of the protocol know."""
    return Refusal(404, "not_found", sentence, members={"message": sentence})


@contextmanager
def unknown_is_a_bad_request() -> Generator[None]:
    """Answer 400, and what it is, where the protocol has that for what is not there."""
    try:
        yield
    except NotFoundError as error:
        raise Refusal(400, error.code, error.message, members={"message": error.message}) from error


def shown_status(status: RunStatus, *, is_v1: bool) -> RunStatus:
    """Give a run's status as the version of a route knows it."""
    return RunStatus.STARTED if is_v1 and status in _STARTED else status


@overload
def instant(moment: datetime) -> Instant: ...
@overload
def instant(moment: None) -> None: ...
@overload
def instant(moment: datetime | None) -> Instant | None: ...
def instant(moment: datetime | None) -> Instant | None:
    """Write a moment as messages have it."""
    return None if moment is None else Instant.of(moment)


def raw(text: JsonText | None) -> Raw | UnsetType:
    """Write JSON as messages have it; what is not there is left out."""
    return UNSET if text is None else Raw(text.encode())


def status_records(statuses: Iterable[StatusAnswer]) -> list[JobRunStatusRecord]:
    """Write the statuses that a run shows."""
    history: Any = list[StatusUpdate]
    return [
        JobRunStatusRecord(
            key=one.key,
            label=one.label,
            state=UNSET if one.state is None else one.state,
            data=raw(one.data),
            history=decode_message(one.history.encode(), history),
        )
        for one in statuses
    ]
