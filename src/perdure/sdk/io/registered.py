"""Tasks of runs whose platform is elsewhere: each is made there before its body runs (v2 protocol, section 6.5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from perdure.protocol.statuses import TaskStatus
from perdure.protocol.task_waits import RunsWait
from perdure.sdk import recording
from perdure.sdk.calls import ON_LOOP
from perdure.sdk.io.options import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.sdk.ask import Ask
    from perdure.sdk.execution import Execution
    from perdure.sdk.scope import Scope


async def register_task(execution: Execution, scope: Scope, ask: Ask, options: TaskOptions) -> None:
    """Have a task made that nothing is known of, and take in what is stored of it, on the event loop.

    Raises:
        Interrupt: The execution is over.
        CacheKeyMismatchError: Its key's stored task is that of another call.
    """
    from perdure.sdk.io.run_task import open_task

    task = open_task(execution, scope, ask, options)
    until = options.delay_until
    record = task.record(
        TaskStatus.RUNNING if until is None and options.wait is None else TaskStatus.WAITING,
        before=recording.before(execution, scope.task),
        delay_until=until,
    )
    record.wait = options.wait
    state = await recording.register_task(execution, record)
    with execution.lock:
        execution.memo.learn(ask, state)


def for_register(
    execution: Execution, fn: Callable[..., Any] | None, options: TaskOptions
) -> tuple[Callable[..., Any] | None, TaskOptions]:
    """Give the body and the options of a call in the form that the v2 protocol has: there a task waits for one run.

    A batch is a task with a task inside it for each run (section 8.4).
    """
    wait = options.wait
    if not isinstance(wait, RunsWait) or len(wait.requests) == 1:
        return fn, options
    return _batch(execution, wait, options), TaskOptions(
        operation=options.operation,
        name=options.name,
        params=options.params,
        details=options.details,
        codec=options.codec,
        wrap=options.wrap,
    )


def _batch(execution: Execution, wait: RunsWait, options: TaskOptions) -> Callable[[], Any]:
    from perdure.sdk.io.run_task import run_task

    def wait_for(index: int) -> Any:
        one = RunsWait((wait.requests[index],), wait.timeout)
        inner = TaskOptions(operation="invoke_and_wait", name=options.name, wait=one)
        return run_task(execution, ON_LOOP, str(index), None, inner)

    async def wait_for_all() -> list[Any]:
        told = await asyncio.gather(*map(wait_for, range(len(wait.requests))), return_exceptions=True)
        for one in told:
            if isinstance(one, BaseException):
                raise one
        return told

    return wait_for_all
