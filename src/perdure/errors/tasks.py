"""Tasks that fail, and code that a run's tasks cannot be made of."""

from __future__ import annotations

from perdure.errors.base import RunError


class CacheKeyMismatchError(RunError):
    """A cache key was met again by a call other than the one that stored its result."""

    code = "cache_key_mismatch"


class DuplicateCacheKeyError(RunError):
    """One cache key was used for two different calls in the same scope."""

    code = "duplicate_cache_key"


class AmbiguousCacheKeyError(RunError):
    """Concurrent branches asked for automatic cache keys of the same operation; give each a key, or use io.parallel."""

    code = "ambiguous_cache_key"


class TaskFailedError(RunError):
    """A task failed for good, and its original exception cannot be rebuilt.

    Attributes:
        name: The class name of the original exception.
        stack: Its traceback as text, or ``None``.
    """

    code = "task_failed"

    def __init__(self, message: str | None = None, *, name: str = "Error", stack: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.stack = stack


class TaskTimeoutError(RunError, TimeoutError):
    """An attempt of a task took longer than its timeout."""

    code = "task_timeout"


class WaitTimeoutError(RunError, TimeoutError):
    """Nothing came in the time that the task was to wait."""

    code = "wait_timeout"


class UnawaitedTaskError(RunError):
    """The run ended while an io call was not awaited or a branch was unfinished."""

    code = "unawaited_task"


class SuspensionSwallowedError(RunError):
    """Job code kept catching the interrupt that suspends a run; let BaseException pass."""

    code = "suspension_swallowed"


class UseIoError(RunError):
    """Inside a job this call would be repeated on every replay; use its io form."""

    code = "use_io"


class NotInRunError(RunError):
    """There is no current run: call this from code that a job runs."""

    code = "not_in_run"
