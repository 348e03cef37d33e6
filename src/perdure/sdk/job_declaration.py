"""Declaring a job: what a decorator makes of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Protocol, TypeVar, overload

from perdure.sdk.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from perdure.sdk.concurrency import ConcurrencyLimit
    from perdure.sdk.records import RunNotification
    from perdure.sdk.triggers import Trigger

P = TypeVar("P")
R = TypeVar("R")


class Declare(Protocol):
    """Makes a job of a function that takes ``(payload)``, ``(payload, io)`` or ``(payload, io, ctx)``."""

    @overload
    def __call__(self, run: Callable[Concatenate[P, ...], Coroutine[Any, Any, R]], /) -> Job[P, R]: ...

    @overload
    def __call__(self, run: Callable[Concatenate[P, ...], R], /) -> Job[P, R]: ...

    def __call__(self, run: Callable[..., Any], /) -> Job[Any, Any]:
        """Make the job."""
        ...


def job(
    *,
    id: str,
    version: str,
    trigger: Trigger[Any],
    name: str | None = None,
    enabled: bool = True,
    log_level: str | None = None,
    concurrency_limit: int | ConcurrencyLimit | None = None,
    on_success: Callable[[RunNotification], Any] | None = None,
    on_failure: Callable[[RunNotification], Any] | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
) -> Declare:
    """Declare a job without a client; ``client.attach`` adds it to one.

    The function takes ``(payload)``, ``(payload, io)`` or ``(payload, io, ctx)``. An ``async`` one runs on the event
    loop and is given an `IO`; a plain one runs in a thread and is given a `SyncIO`.

    Args:
        id: Names the job in its project; made a slug: lower case, ``-`` for white space (v2 protocol, section 1).
        version: ``X.Y.Z``, a semantic version.
        trigger: What starts it: ``event_trigger(…)``, ``invoke_trigger(…)``.
        name: What it is called in the dashboard; default: the id.
        enabled: ``False``: its trigger does not start it.
        log_level: Log lines below it are not stored: ``debug``, ``info``, ``log``, ``warn`` or ``error``; default:
            that of the client.
        concurrency_limit: How many executions of it may be at work at once: a number, or what
            ``client.define_concurrency_limit`` made, which several jobs share. Runs that wait do not count; others
            stand in line.
        on_success: Called with a `RunNotification` when a run has succeeded: async, or plain (then in a thread). At
            least once; what it raises means that it is called again later.
        on_failure: The same for a run that has ended otherwise; cancelled ones too, with status ``CANCELED``.
        examples: Payloads for a test page, beside those of the trigger: dicts with ``id``, ``name``, ``payload`` and
            maybe ``icon``.

    Raises:
        InvalidArgumentError: An argument is outside what it may be, what it is put on is no function or takes
            something else, or the annotation of its payload and the trigger's ``schema=`` differ.

    See also: v2 protocol, sections 3.5, 6.10 and 6.12.
    """

    def declare(run: Callable[..., Any], /) -> Job[Any, Any]:
        return Job(
            run,
            id=id,
            version=version,
            trigger=trigger,
            name=name,
            enabled=enabled,
            log_level=log_level,
            concurrency_limit=concurrency_limit,
            on_success=on_success,
            on_failure=on_failure,
            examples=examples,
        )

    return declare
