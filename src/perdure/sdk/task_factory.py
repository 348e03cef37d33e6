"""The task factory by which each run knows its branches: a task that a run's code starts is counted in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from perdure.sdk.scope import current_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context


class GuardedCoroutine(Coroutine[Any, Any, Any]):
    """The coroutine of a branch that must not end the event loop: ``sys.exit()`` in it is an error of its run."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner

    def send(self, value: Any) -> Any:
        """Run the branch to its next suspension."""
        try:
            return self._inner.send(value)
        except SystemExit as error:
            raise RuntimeError(f"A branch of the job called sys.exit({error.code!r}).") from error

    def throw(self, *error: Any) -> Any:
        """Raise an error where the branch is suspended."""
        try:
            return self._inner.throw(*error)
        except SystemExit as exit:
            raise RuntimeError(f"A branch of the job called sys.exit({exit.code!r}).") from exit

    def close(self) -> None:
        """Close the branch's coroutine."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Await the branch's coroutine."""
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        """Show the coroutine's own frame and name to whoever looks."""
        return getattr(self._inner, name)


class TaskFactory:
    """A task factory that tells each run which tasks its code starts, over the loop's own factory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.previous = loop.get_task_factory()
        self._make: Callable[..., asyncio.Future[Any]] = self.previous or _plain_task
        self._loop = loop
        self.is_active = True

    def install(self) -> None:
        """Put the factory in place."""
        self._loop.set_task_factory(self)

    def uninstall(self) -> None:
        """Restore the factory that was there, unless somebody has put another on top of ours."""
        self.is_active = False
        current = self._loop.get_task_factory()
        while isinstance(current, TaskFactory) and not current.is_active:
            current = current.previous
            self._loop.set_task_factory(current)

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],
        *,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Future[Any]:
        """Create the task; count it in if a run's code started it."""
        scope = current_scope.get(None) if context is None else context.get(current_scope)
        if context is not None:
            options["context"] = context
        # The first branch, the job's function, needs no guard of its own.
        if scope is not None and scope.execution.branches.all and asyncio.iscoroutine(coroutine):
            coroutine = GuardedCoroutine(coroutine)
        made: asyncio.Future[Any] = self._make(loop, coroutine, **options)
        if scope is not None and isinstance(made, asyncio.Task):
            scope.execution.adopt(made, scope)
        return made


def _plain_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coroutine, loop=loop, **options)
