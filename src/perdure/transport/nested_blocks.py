"""A parallel block inside another: the npm package reports it as an error's text (v2 protocol, section 18, row 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Raw, Struct, UnsetType

from perdure.errors import JsonError
from perdure.protocol.messages.codec import MessageShapeError, decode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.outcomes import RunJobError
from perdure.protocol.messages.tasks import ServerTask

if TYPE_CHECKING:
    from perdure.protocol.messages.outcomes import RunJobBranchOutcome

_NAME: Final = "Unknown error"
"""The name of an error that was no error."""


class BranchSignal(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a branch inside a nested block stopped, as the client has it itself: told apart by its members.

    Attributes:
        cause: The error of a task that is to be tried again.
    """

    task: ServerTask | UnsetType = UNSET
    cause: Raw | UnsetType = UNSET
    retry_at: Instant | UnsetType = UNSET
    key: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    child_errors: list[BranchSignal] | UnsetType = UNSET


class NestedBlock(Struct, frozen=True, kw_only=True, rename="camel"):
    """A block inside a block: the text of the error by which the client reports it."""

    task: ServerTask
    child_errors: list[BranchSignal]


def nested_block(child: RunJobBranchOutcome) -> NestedBlock | None:
    """Read the block that a branch ended with; ``None``: it ended otherwise, whatever its text looks like."""
    if not isinstance(child, RunJobError) or child.error.name != _NAME:
        return None
    try:
        return decode_message(child.error.message.encode(), NestedBlock)
    except (JsonError, MessageShapeError):
        return None
