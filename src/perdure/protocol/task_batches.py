"""Tasks that executions elsewhere have stored, many at once: what perdure's own apps and servers say to each other.

No message of the v2 protocol, and sent only where both sides have said that they are perdure's. A batch is MessagePack:
users' JSON is text in it, which JSON would have to escape and to read again.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from perdure.errors import Issue
from perdure.protocol.execution import TaskRecord
from perdure.protocol.messages.codec import MessageShapeError
from perdure.protocol.misfits import issue_of
from perdure.protocol.state import StateCall, StateOutcome

T = TypeVar("T")

MOST_ITEMS: Final = 1000
"""How many items a batch may have."""

BATCH_BYTES: Final = 16 * 1024 * 1024
"""How many bytes a batch may have; a task has an output of 3 MiB at most, and log lines come with it."""

BATCH_TYPE: Final = "application/msgpack"
"""The Content-Type of a batch, and of its answer."""


class BatchItem(Struct, gc=False, omit_defaults=True):
    """What an execution asks for; with neither record nor ``url_of``, to say that it is at work.

    Attributes:
        run: The run's id.
        epoch: The number of the execution.
        record: What is to be stored of a task, which may bring others.
        call: Work on state that is to be done in the same transaction; what it comes to is the task's outcome.
        url_of: Instead of a record: the id of a task, not stored yet, whose callback URL is asked for.
    """

    run: str
    epoch: int
    record: TaskRecord | None = None
    call: StateCall | None = None
    url_of: str | None = None


class TaskBatch(Struct, gc=False):
    """What the executions of a process ask for together; the items of one run in their order."""

    items: list[BatchItem]


class BatchOutcome(Struct, gc=False, omit_defaults=True):
    """What became of an item.

    Attributes:
        code: Why nothing was stored: the code of an error; ``None``: it is done, and durable.
        error: The sentence of that error.
        state: What the work on state came to.
        url: The callback URL.
        ends: Whether the execution is to end before its next task, since the platform is about to stop.
    """

    code: str | None = None
    error: str | None = None
    state: StateOutcome | None = None
    url: str | None = None
    ends: bool = False


class BatchAnswer(Struct, gc=False):
    """What became of the items of a batch, in their order; ``None``: it is done, and there is no more to say."""

    outcomes: list[BatchOutcome | None]


def pack(message: Struct) -> bytes:
    """Write a batch, or its answer."""
    return _ENCODER.encode(message)


def unpack(data: bytes, kind: type[T]) -> T:
    """Read what `pack` wrote, or what somebody else did.

    Raises:
        MessageShapeError: It is no MessagePack, or has another shape.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise MessageShapeError(f"The batch cannot be read: {error}.", issues=[issue_of(error)]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise MessageShapeError(f"The batch cannot be read: {error}.", issues=[Issue((), str(error))]) from error


_ENCODER = msgspec.msgpack.Encoder()
