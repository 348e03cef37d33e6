"""Storages that fail on command, over real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from perdure.errors import StorageUnavailableError
from perdure.storage.interface import Storage


class FailingStorage:
    """Passes everything on, until it is told which transitions fail, and whether before or after their commit."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.before: set[str] = set()
        self.after: set[str] = set()
        self.failed = asyncio.Event()
        self._next: dict[str, int] = {}

    def fail_next(self, name: str, *, count: int) -> None:
        """Let the next so many transitions of this name fail before their commit."""
        self._next[name] = count

    async def write(self, transition: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        name = getattr(transition, "__name__", "")
        if self._next.get(name, 0) > 0:
            self._next[name] -= 1
            raise StorageUnavailableError
        if name in self.before:
            self.failed.set()
            raise StorageUnavailableError
        result = await self._storage.write(transition, *args, **kwargs)
        if name in self.after:
            self.failed.set()
            raise StorageUnavailableError
        return result

    async def read(self, query: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        return await self._storage.read(query, *args, **kwargs)

    async def scan(self, query: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        return await self._storage.scan(query, *args, **kwargs)

    async def close(self) -> None:
        await self._storage.close()


class InterruptedStorage(FailingStorage):
    """Lets something happen before and after each unit of work; both are told the transition's name."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.earlier: Callable[[str], Awaitable[None]] = _nothing
        self.later: Callable[[str], Awaitable[None]] = _nothing

    async def write(self, transition: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        name = getattr(transition, "__name__", "")
        await self.earlier(name)
        result = await super().write(transition, *args, **kwargs)
        await self.later(name)
        return result


async def _nothing(_name: str) -> None:
    pass
