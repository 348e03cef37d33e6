"""What the world outside does with an order, and what the runs must come to: known beforehand, like the order book."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from demo.orders import PHOTO, SIGNATURE, Order

PATIENCE = 3.0
"""How many seconds a parcel waits at a door that nobody opens."""


class Signer(Enum):
    """Who signs for a parcel."""

    PROMPT = "as soon as the parcel waits"
    LATE = "only after the restart"
    NOBODY = "never"


class StatusRow(NamedTuple):
    """A status that a run of an order shows in the end; ``history`` is what it showed before, oldest first."""

    order: str
    key: str
    label: str
    state: str
    history: list[tuple[str, str]]


def seconds_to_develop(number: int) -> float:
    """How long the photographer takes; every other picture is not ready when the power fails."""
    return 6.0 if number // 8 % 2 else 0.8


def signer_of(number: int) -> Signer:
    """Who signs for the parcel of an order."""
    return list(Signer)[number // 8 % 3]


def expected_statuses(order: Order) -> list[StatusRow]:
    """The statuses that the runs of an order show in the end."""
    return [_STATUSES[extra](order) for extra in order.extras]


def _of_photo(order: Order) -> StatusRow:
    return StatusRow(order.subject, "picture", "Taken", "success", [("Asked for", "loading")])


def _of_signature(order: Order) -> StatusRow:
    is_signed = signer_of(order.number) is not Signer.NOBODY
    label, state = ("Signed for", "success") if is_signed else ("Left with a neighbour", "failure")
    return StatusRow(order.subject, "parcel", label, state, [("At the door", "loading")])


_STATUSES: dict[str, Any] = {PHOTO: _of_photo, SIGNATURE: _of_signature}
