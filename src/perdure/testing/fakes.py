"""Fakes: answers in place of tasks' bodies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import InvalidArgumentError, UnmetExpectationError
from perdure.protocol.keys import display_key

if TYPE_CHECKING:
    from perdure.protocol.keys import CacheKey


class Fake:
    """Answers one key in every run of a test's environment.

    Attributes:
        key: The key, with those of the tasks around it: ``"outer/inner"``.
    """

    def __init__(self, key: str, answer: Any) -> None:
        self.key = key
        self._answer = answer
        self._calls: dict[tuple[str, int], Any] = {}

    def __repr__(self) -> str:
        return f"Fake({self.key!r}, {len(self._calls)} calls)"

    @property
    def calls(self) -> list[Any]:
        """The params of each call as JSON, in order; ``None`` for a call without.

        Each attempt of a task is one call; if a crash makes it begin again, it is still one.
        """
        return list(self._calls.values())

    async def answer(self, task_key: str, attempt: int, params: Any) -> Any:
        """Give the answer, or raise it."""
        self._calls[task_key, attempt] = params
        answer: Any = self._answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, type) and issubclass(cast("type[Any]", answer), Exception):
            raise cast("type[Exception]", answer)
        if not callable(answer):
            return answer
        given = answer(params)
        return await given if inspect.isawaitable(given) else given

    def forget_calls(self) -> None:
        """Begin to count anew."""
        self._calls.clear()


class Fakes:
    """The fakes of an environment, by key: ``env.fakes["💬"].calls``."""

    def __init__(self) -> None:
        self._fakes: dict[str, Fake] = {}
        self._asked: set[str] = set()

    def __getitem__(self, key: CacheKey) -> Fake:
        __tracebackhide__ = True
        fake = self._fakes.get(_path(key))
        if fake is None:
            raise UnmetExpectationError(f"There is no fake for {_path(key)!r}; there are {_list(self._fakes)}.")
        return fake

    def __contains__(self, key: CacheKey) -> bool:
        return _path(key) in self._fakes

    def __iter__(self) -> Iterator[str]:
        return iter(self._fakes)

    def __len__(self) -> int:
        return len(self._fakes)

    def add(self, key: CacheKey, answer: Any) -> Fake:
        """Answer a key from now on, in place of what answered it before."""
        fake = self._fakes[_path(key)] = Fake(_path(key), answer)
        return fake

    def find(self, path: str) -> Fake | None:
        """Find the fake for a task that is asked for."""
        self._asked.add(path)
        return self._fakes.get(path)

    def unasked(self) -> str | None:
        """Name fakes that no run asked for, though runs asked for tasks; ``None`` if there is none."""
        missed = [path for path in self._fakes if path not in self._asked]
        if not missed or not self._asked:
            return None
        return f"No run asked for the fake of {_list(missed)}; the runs asked for {_list(self._asked)}."

    def keep(self) -> Callable[[], None]:
        """Note the fakes there are; what is returned restores them, with no calls."""
        kept = dict(self._fakes)

        def restore() -> None:
            self._fakes = kept
            self._asked.clear()
            for fake in kept.values():
                fake.forget_calls()

        return restore


def _path(key: CacheKey) -> str:
    if isinstance(key, str) and key == "":
        raise InvalidArgumentError('A fake needs the key it answers: env.fake("💬", "hello").')
    return display_key(key)


def _list(paths: Any) -> str:
    return ", ".join(repr(path) for path in sorted(paths)) or "none"
