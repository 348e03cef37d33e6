"""What a WAITING task waits for, if it is not a time: the platform completes it, no execution does."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.json_text import JsonText
from perdure.protocol.limits import ID_LIMIT

INVOKED: Final = "invoke"
"""The name of the event that each invocation makes."""


class CallbackWait(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The first request to the task's callback URL (v2 protocol, section 8.1).

    ``timeout`` is in seconds, counted from when the task is stored; ``None``: for ever.
    """

    timeout: float | None


class EventWait(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The first event that is sent after the task is stored and that matches (v2 protocol, section 8.3).

    ``timeout`` as for `CallbackWait`.
    """

    name: str
    source: str
    filter: JsonText | None
    context_filter: JsonText | None
    account_id: str | None
    timeout: float | None


class InvokeRequest(Struct, frozen=True, gc=False):
    """Start a run of this job (v2 protocol, section 8.4).

    The key is scoped to the job. The end of the run is told to ``callback_url`` (section 6.10).
    """

    job_id: str
    payload: JsonText = JsonText("{}")
    context: JsonText = JsonText("{}")
    idempotency_key: str | None = None
    account_id: str | None = None
    callback_url: str | None = None


def scoped_key(job_id: str, key: str) -> str:
    """Give what an idempotency key of a job is in the whole environment: the id of the invocation's event.

    It is hashed with the job's id, so that it meets neither a key of another job nor the id of an event that was sent.

    Raises:
        InvalidArgumentError: The key is empty or too long.
    """
    if not 1 <= len(key) <= ID_LIMIT:
        raise InvalidArgumentError(f"An idempotency key has 1 to {ID_LIMIT} characters; this one has {len(key)}.")
    scoped = f"{len(job_id)}:{job_id}:{key}"
    return f"{INVOKED}:{sha256(scoped.encode(errors='surrogatepass')).hexdigest()}"


class RunsWait(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The ends of runs that are started in the transaction that stores the task, in this order.

    A request without idempotency key gets one that belongs to the task. The task's output is the list of the runs'
    notifications (v2 protocol, section 6.10). ``timeout`` as for `CallbackWait`.
    """

    requests: tuple[InvokeRequest, ...]
    timeout: float | None


class Operation(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Work that the engine does itself, as the task's operation and params say (v2 protocol, section 7).

    ``secrets`` is JSON text of what params show masked; it is kept encrypted, and only until the task has its
    outcome.
    """

    secrets: JsonText | None = None

    def __repr__(self) -> str:
        return f"Operation(secrets={None if self.secrets is None else '***'})"


TaskWait = CallbackWait | EventWait | RunsWait | Operation
