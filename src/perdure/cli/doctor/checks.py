"""What was looked at, and how it is."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "failed"]


class Check(Struct, frozen=True):
    """Something that was looked at.

    Attributes:
        name: What.
        state: ``ok``; ``warning``: it works, and may surprise; ``failed``: it does not.
        message: How it is, and what to do.
    """

    name: str
    state: State
    message: str
