"""What the world outside does with an order, and what the runs must come to: known beforehand, like the order book."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from demo.orders import CHANNELS, PAPERS, PHOTO, SIGNATURE, Order

PATIENCE = 3.0
"""How many seconds a parcel waits at a door that nobody opens."""


class Signer(Enum):
    """Who signs for a parcel."""

    PROMPT = "as soon as the parcel waits"
    LATE = "only after the restart"
    NOBODY = "never"


class StatusRow(NamedTuple):
    """A status that a run of an order shows in the end, with all it showed, oldest first: labels and states."""

    order: str
    key: str
    shown: list[tuple[str, str]]


def seconds_to_develop(number: int) -> float:
    """How long the photographer takes; every other picture is not ready when the power fails."""
    return 6.0 if number // 8 % 2 else 0.8


def refusals_of(number: int) -> int:
    """How often the customs office is too busy to take the application for an order."""
    return 1 + number % 3


def pending_looks_at(number: int) -> int:
    """How often the papers for an order are not ready when somebody looks."""
    return 1 + number // 8 % 3


def signer_of(number: int) -> Signer:
    """Who signs for the parcel of an order."""
    return list(Signer)[number // 8 % 3]


def expected_bodies(order: Order) -> list[str]:
    """Name the task bodies that an order needs, with one entry for each attempt."""
    charges = ["charge"] * (2 if order.is_declined_at_first else 1)
    picks = [f"pick {item.name}" for item in order.items]
    return [*charges, "pack", *picks, *(f"announce by {channel}" for channel in CHANNELS), "print the label"]


def expected_tasks(order: Order) -> list[str]:
    """Name the tasks that an order needs, those without a body among them; not log lines, nor handing on a URL."""
    tasks = [*set(expected_bodies(order)), "second thoughts", "announce", "hand over"]
    if PHOTO in order.extras:
        tasks += ["picture", "📷", "taken"]
    if PAPERS in order.extras:
        looks = [str(look) for look in range(1, pending_looks_at(order.number) + 2)]
        tasks += ["papers", "apply", "in progress", "📜", *looks, "ready"]
    if SIGNATURE in order.extras:
        tasks += ["parcel", "✍️", "brought"]
    return tasks


def expected_statuses(order: Order) -> list[StatusRow]:
    """What the runs of an order show."""
    is_signed = signer_of(order.number) is not Signer.NOBODY
    end_of_parcel = ("Signed for", "success") if is_signed else ("Left with a neighbour", "failure")
    shown = {
        PHOTO: ("picture", [("Asked for", "loading"), ("Taken", "success")]),
        PAPERS: ("papers", [("Applied for", "loading"), ("In progress", "loading"), ("Ready", "success")]),
        SIGNATURE: ("parcel", [("At the door", "loading"), end_of_parcel]),
    }
    return [StatusRow(order.subject, *shown[extra]) for extra in order.extras]
