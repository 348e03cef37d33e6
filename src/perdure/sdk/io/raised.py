"""What a body raised: as the failure of its task, unless it unwinds the branch, and whether that is final already."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from perdure.sdk.failures import normalize
from perdure.sdk.interrupts import Interrupt

if TYPE_CHECKING:
    from perdure.sdk.branches import Branch
    from perdure.sdk.scope import Scope


def exit_as_error(error: SystemExit) -> Exception:
    """Turn ``sys.exit()`` in a body into a failure: it must not end the process that other runs share."""
    return RuntimeError(f"The task called sys.exit({error.code!r}).")


def as_failure(branch: Branch, error: BaseException) -> Exception:
    """Turn what a body raised that is no ``Exception`` into a failure of its task.

    A body that awaits what somebody has cancelled has failed, though its branch was not cancelled.

    Raises:
        BaseException: That very one, if it unwinds the branch.
    """
    if isinstance(error, SystemExit):
        return exit_as_error(error)
    is_cancelled = isinstance(error, asyncio.CancelledError) and branch.task.cancelling() > 0
    if is_cancelled or isinstance(error, Interrupt | KeyboardInterrupt | GeneratorExit):
        raise error
    return normalize(error)[1]


def note_failure(scope: Scope, error: BaseException) -> BaseException:
    """Remember an error that is final, so that no enclosing task is retried for it."""
    if scope.failed is None:
        scope.failed = []
    scope.failed.append(error)
    return error


def is_final_in(scope: Scope, error: BaseException) -> bool:
    """Whether an error that comes out of a scope is one that is final there, or a group of nothing else."""
    return scope.failed is not None and _is_of(error, scope.failed)


def _is_of(error: BaseException, failures: list[BaseException]) -> bool:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(_is_of(one, failures) for one in group.exceptions)
    return any(error is one for one in failures)
