"""`io.run_task`: run a function once per run, whatever happens in between."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from perdure.errors import PayloadValidationError, RunError
from perdure.protocol.keys import display_key
from perdure.protocol.statuses import TaskStatus
from perdure.sdk import recording
from perdure.sdk.calls import begin, finish, forget, never, share
from perdure.sdk.codec import return_codec
from perdure.sdk.io.attempts import Attempts
from perdure.sdk.io.body import name_of
from perdure.sdk.io.options import PLAIN, TaskOptions
from perdure.sdk.io.raised import as_failure, note_failure
from perdure.sdk.io.registered import for_register, register_task
from perdure.sdk.io.results import misfit_of, stored_result
from perdure.sdk.io.stand_ins import replace_body
from perdure.sdk.scope import OpenTask, Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.protocol.execution import JsonText
    from perdure.protocol.keys import CacheKey
    from perdure.sdk.ask import Ask
    from perdure.sdk.calls import Caller
    from perdure.sdk.execution import Execution
    from perdure.sdk.lane import Lane


async def run_task(
    execution: Execution,
    call: Caller,
    key: CacheKey | None,
    fn: Callable[..., Any] | None,
    options: TaskOptions,
    identity: object = None,
) -> Any:
    """Give the stored result of a key, or run the body, store what it returns, and give that.

    ``call`` says where this runs: on the event loop, or in a thread, which it may block.
    """
    branch = begin(execution, call)
    if branch is None:
        return await never(execution)
    if execution.register is not None:
        fn, options = for_register(execution, fn, options)
    first: Ask | None = None
    try:
        scope = current_scope.get(execution.root)
        if scope.execution is not execution:
            scope = execution.root
        codec = options.codec if options.codec is not None else return_codec(fn, options.as_type)
        name = options.name if options.name is not None else name_of(fn) if fn is not None else options.operation
        identity = fn if identity is None else identity
        while True:
            with execution.lock:
                ask, is_first = execution.memo.find(
                    scope,
                    options.operation,
                    name,
                    key,
                    identity=identity,
                    params=options.params,
                    compared=options.compared,
                    asker=branch,
                )
            if is_first:
                first = ask
            if is_first or ask.is_settled or await share(execution, call, branch, ask):
                break
        if execution.register is not None and ask.state is None and not ask.is_settled:
            await execution.on_loop(call, partial(register_task, execution, scope, ask, options))
        elif (
            execution.pace is not None
            and not ask.is_settled
            and execution.pace.is_over(execution.run_id, execution.epoch)
        ):
            await execution.on_loop(call, partial(recording.end_early, execution))
        if ask.is_settled:
            result = stored_result(scope, ask, codec, options.parse_output)
            return result if options.wrap is None else _wrapped(scope, ask, options.wrap, result)
        stand_ins = execution.host.stand_ins
        if stand_ins is not None and (found := stand_ins.find(execution.memo.path(scope, ask))) is not None:
            fn, options = replace_body(found, ask, options)
        task = ask.task = open_task(execution, scope, ask, options)
        attempts = Attempts(execution, call, branch, scope, ask, codec, fn, options, task)
        if options is PLAIN and ask.state is None and type(fn) is FunctionType and _takes_nothing(fn):
            if not isinstance(call, int):
                if not fn.__code__.co_flags & inspect.CO_COROUTINE:
                    return await _run_in_this_thread(attempts, call, fn)
            elif fn.__code__.co_flags & inspect.CO_COROUTINE:
                return await _run_plainly(attempts, fn)
        result = await attempts.run()
        return result if options.wrap is None else _wrapped(scope, ask, options.wrap, result)
    finally:
        if first is not None and not first.is_settled and not execution.interrupted:
            forget(execution, call, first)
        finish(execution, call, branch)


def _wrapped(scope: Scope, ask: Ask, wrap: Callable[[Any], Any], result: Any) -> Any:
    try:
        return wrap(result)
    except PayloadValidationError as error:
        raise misfit_of(scope, ask, error) from error.__cause__
    except RunError as error:
        raise note_failure(scope, error) from error.__cause__


async def _run_plainly(attempts: Attempts, fn: Callable[[], Awaitable[Any]]) -> Any:
    """Run an async body that takes nothing and has no options: the common case, in as few coroutines as can be.

    What waits for the disk is resumed through each of them.
    """
    execution, task, ask = attempts.execution, attempts.task, attempts.ask
    inner = Scope(execution, task)
    outer = current_scope.set(inner)
    execution.open_tasks[task.id] = task
    output: JsonText | None = None
    result = None
    failure: Exception | None = None
    try:
        output, result = attempts.codec.store(await fn())
    except Exception as error:
        failure = error
    except BaseException as error:
        if execution.interrupted:
            raise
        failure = as_failure(attempts.branch, error)
    finally:
        current_scope.reset(outer)
        del execution.open_tasks[task.id]
    if failure is not None:
        return await attempts.go_on_after(failure, inner)
    record = task.record(TaskStatus.COMPLETED, output, execution.host.now(), recording.before(execution, task.parent))
    try:
        await recording.record(execution, record)
    except asyncio.CancelledError:
        # The branch was cancelled, the write was not: what it stores is the result all the same.
        ask.settle(output)
        raise
    ask.settle(output)
    return result


async def _run_in_this_thread(attempts: Attempts, lane: Lane, fn: Callable[[], Any]) -> Any:
    """Run a plain body that takes nothing and has no options, in the thread that asks for it."""
    execution, task = attempts.execution, attempts.task
    inner = Scope(execution, task)
    execution.open_tasks[task.id] = task
    output: JsonText | None = None
    result = None
    failure: Exception | None = None
    try:
        output, result = attempts.codec.store(copy_context().run(_call_inside, inner, lane, fn))
    except Exception as error:
        failure = error
    except BaseException as error:
        if execution.interrupted:
            raise
        failure = as_failure(attempts.branch, error)
    finally:
        del execution.open_tasks[task.id]
    if failure is not None:
        return await attempts.go_on_after(failure, inner)
    lane.cross(partial(attempts.complete, output))
    return result


def _call_inside(scope: Scope, lane: Lane, fn: Callable[[], Any]) -> Any:
    current_scope.set(scope)
    value = lane.run_code(fn)
    return lane.join(value) if inspect.iscoroutine(value) else value


def _takes_nothing(fn: FunctionType) -> bool:
    return fn.__code__.co_argcount == len(fn.__defaults__ or ())


def open_task(execution: Execution, scope: Scope, ask: Ask, options: TaskOptions) -> OpenTask:
    """Make the task of a request that has no outcome yet."""
    state, shown, key = ask.state, options.display_key, ask.key
    return OpenTask(
        execution.host.new_task_id() if state is None else state.id,
        ask.task_key,
        scope.task,
        ask.operation,
        ask.name,
        shown if shown is not None else key if type(key) is str and key.isprintable() else display_key(key),
        execution.host.now(),
        options.params,
        ask.params_hash,
        options.details,
        options.noop,
        1 if state is None else state.attempts,
        state is not None,
    )
