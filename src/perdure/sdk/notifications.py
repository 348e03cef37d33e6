"""What is told of a run that has ended: from the wire to the record, and the error that an unsuccessful one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import Raw, UnsetType

from perdure.errors import InvokedRunFailedError
from perdure.protocol.execution import JobRef, JsonText
from perdure.protocol.json_text import dump, load
from perdure.sdk.answers import status_from
from perdure.sdk.codec import PLAIN, Codec
from perdure.sdk.context import AccountInfo
from perdure.sdk.records import ErrorInfo, NotifiedEvent, NotifiedRun, NotifiedTask, RunNotification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.protocol.messages import notifications as messages

KEPT_LIMIT = 128 * 1024
"""How many characters of JSON of a batch's notifications an error keeps where it is stored."""


def notification_of(text: JsonText, codec: Codec | None = None) -> RunNotification:
    """Read a notification (v2 protocol, section 6.10).

    Args:
        text: Its JSON.
        codec: How the output of the job is decoded, where that is known.

    Raises:
        PayloadValidationError: The output does not fit the job's annotation.
        JsonError, MessageShapeError: The text is no notification.
    """
    # Loaded where it is first needed: most apps are told of nothing.
    from perdure.protocol.messages.codec import decode_message
    from perdure.protocol.messages.notifications import RunNotification as Message

    return record_of(decode_message(_bytes(text), Message), codec)


class NotificationsCodec(Codec):
    """Reads the notifications that a task stores which waited for runs."""

    __slots__ = ()

    def decode(self, text: JsonText) -> list[messages.RunNotification]:
        """Read the notifications; their outputs stay as they are."""
        from perdure.protocol.messages.codec import decode_message
        from perdure.protocol.messages.notifications import RunNotification as Message

        data = _bytes(text)
        # Of a platform elsewhere a task gets the notification of its one run as it was sent.
        return [decode_message(data, Message)] if data[:1] == b"{" else decode_message(data, list[Message])


def stand_in_of(job_id: str, output: JsonText) -> dict[str, Any]:
    """Write what is told of a run that never was, and gave this output: of a job that a test has faked."""
    nobody = {"id": "stand-in", "slug": "stand-in"}
    return {
        "id": "stand-in",
        "ok": True,
        "status": "SUCCESS",
        "startedAt": None,
        "updatedAt": None,
        "completedAt": None,
        "isTest": True,
        "executionDurationInMs": 0,
        "executionCount": 0,
        "job": {"id": job_id, "version": "0.0.0"},
        "statuses": [],
        "environment": nobody | {"type": "DEVELOPMENT"},
        "organization": nobody | {"title": "stand-in"},
        "project": nobody | {"name": "stand-in"},
        "invocation": {"id": "stand-in", "context": {}, "timestamp": "1970-01-01T00:00:00.000Z", "payload": {}},
        "output": load(output),
    }


def record_of(message: messages.RunNotification, codec: Codec | None) -> RunNotification:
    """Make the record of a notification."""
    output = None if isinstance(message.output, UnsetType) else _text(message.output)
    account, task, event = message.account, message.task, message.invocation
    return RunNotification(
        ok=message.ok,
        status=message.status,
        run=NotifiedRun(
            id=message.id,
            is_test=message.is_test,
            started_at=_plain(message.started_at),
            updated_at=_plain(message.updated_at),
            completed_at=_plain(message.completed_at),
            executions=message.execution_count,
            execution_time=timedelta(milliseconds=message.execution_duration_in_ms),
        ),
        job=JobRef(message.job.id, message.job.version),
        output=None if output is None else (PLAIN if codec is None else codec).decode(output),
        error=_error(message.error),
        task=None if isinstance(task, UnsetType) else _task(task),
        event=NotifiedEvent(
            id=event.id, payload=_value(event.payload), context=_value(event.context), timestamp=_at(event.timestamp)
        ),
        account=None if isinstance(account, UnsetType) else AccountInfo(account.id, _value(account.metadata)),
        statuses=tuple(status_from(load(msgspec.json.encode(status).decode())) for status in message.statuses),
    )


def outputs_of(notifications: Sequence[RunNotification], *, is_batch: bool) -> list[Any]:
    """Give the outputs of runs that have ended.

    Raises:
        InvokedRunFailedError: One did not succeed; that of the first that did not, in a batch with all the
            notifications in ``.results``.
    """
    for one in notifications:
        if not one.ok:
            what = "" if one.error is None else f": {one.error.name}: {one.error.message}"
            raise InvokedRunFailedError(
                f"Run {one.run.id} of job {one.job.id} ended with {one.status}{what}",
                run_id=one.run.id,
                status=one.status,
                error=one.error,
                results=notifications if is_batch else (),
            )
    return [one.output for one in notifications]


def stored_results(results: Sequence[object]) -> list[Any]:
    """Write notifications so that `results_from` makes them again, with outputs as JSON; none if they are large."""
    stored: list[Any] = []
    for one in results:
        if isinstance(one, RunNotification):
            plain = msgspec.structs.replace(one, output=load(PLAIN.encode(one.output)))
            stored.append(msgspec.to_builtins(plain))
    return stored if len(dump(stored)) <= KEPT_LIMIT else []


def results_from(stored: Sequence[Any]) -> list[RunNotification]:
    """Make the notifications again that `stored_results` has written."""
    return [msgspec.convert(one, RunNotification) for one in stored]


def _task(task: messages.NotifiedTask) -> NotifiedTask:
    return NotifiedTask(
        idempotency_key=task.id,
        key=task.cache_key,
        name=task.name,
        icon=task.icon,
        status=task.status,
        started_at=_plain(task.started_at),
        error=_error(task.error),
        params=_value(task.params),
    )


def _error(error: Raw | UnsetType) -> ErrorInfo | None:
    """Read an error; apps in other languages may end a run with any JSON."""
    found: Any = _value(error)
    if found is None:
        return None
    if not isinstance(found, dict):
        return ErrorInfo("Error", found if isinstance(found, str) else dump(found))
    members = cast("dict[str, Any]", found)
    name, message, stack = (members.get(member) for member in ("name", "message", "stack"))
    return ErrorInfo(
        name if isinstance(name, str) else "Error",
        message if isinstance(message, str) else dump(members),
        stack if isinstance(stack, str) else None,
    )


def _value(raw: Raw | UnsetType) -> Any:
    return None if isinstance(raw, UnsetType) else load(_text(raw))


def _text(raw: Raw) -> JsonText:
    return JsonText(bytes(raw).decode("utf-8", "surrogatepass"))


def _bytes(text: JsonText) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _plain(at: datetime | None) -> datetime | None:
    return None if at is None else _at(at)


def _at(at: datetime) -> datetime:
    return datetime.combine(at.date(), at.time(), UTC)
