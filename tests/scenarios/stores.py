"""The stores that a job has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure import IO

STORES: list[Callable[[IO], Any]] = [
    lambda io: io.store.env,
    lambda io: io.store.job,
    lambda io: io.store.run,
]
