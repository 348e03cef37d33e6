"""Plain and async bodies of one text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Kind = Callable[[Callable[..., Any]], Callable[..., Any]]


def plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Leave a plain body plain."""
    return fn


def as_async(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make an async body of a plain one that takes ``(task)``."""

    async def body(task: Any) -> Any:
        await asyncio.sleep(0)
        return fn(task)

    return body


kinds = pytest.mark.parametrize("kind", [plain, as_async], ids=["plain", "async"])
