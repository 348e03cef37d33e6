"""Every error perdure raises, in one tree.

PerdureError
├── RunError                        raised to job code
│   ├── InvalidArgumentError        also a ValueError
│   │   ├── InvalidFilterError
│   │   ├── InvalidUrlError
│   │   ├── InvalidHeaderError
│   │   ├── InvalidCronError
│   │   ├── CronNeverFiresError
│   │   └── UnsupportedTypeError
│   ├── PayloadValidationError
│   ├── PayloadVerificationError
│   ├── CacheKeyMismatchError
│   ├── DuplicateCacheKeyError
│   ├── AmbiguousCacheKeyError
│   ├── UnserializableOutputError
│   ├── ValueTooLargeError
│   ├── TaskFailedError
│   ├── TaskTimeoutError            also a TimeoutError
│   ├── WaitTimeoutError            also a TimeoutError
│   ├── BlockedAddressError
│   ├── FetchFailedError
│   │   └── ResponseTooLargeError
│   ├── FetchTimeoutError           also a TimeoutError
│   ├── PollTimeoutError            also a TimeoutError
│   ├── UnawaitedTaskError
│   ├── SuspensionSwallowedError
│   ├── InvokedRunFailedError
│   ├── NotFoundError
│   ├── AlreadyDeliveredError
│   ├── CannotContinueError
│   ├── WriteRefusedError
│   ├── RunQuarantinedError
│   ├── RunTimedOutError
│   ├── UseIoError
│   └── NotInRunError
├── JsonError                       text that is no acceptable JSON
├── DuplicateJobError
├── NotConnectedError
├── SyncInAsyncError
├── ForkedProcessError
├── UnmetExpectationError           in tests; also an AssertionError
│   └── CrashSafetyError
├── NotSettledError                 in tests
├── ExecutionError                  what an execution may no longer do
│   ├── StaleExecutionError
│   ├── RunNotActiveError
│   ├── IdempotencyConflictError
│   └── AlreadyCompletedError
└── StorageError
    ├── DatabaseLockedError
    ├── StorageUnavailableError
    │   └── StorageFullError
    ├── StorageReadOnlyError
    ├── StorageCorruptError
    ├── UnsupportedFileSystemError
    └── MigrationError

``code`` is stable and is what the wire, the command line and the dashboard show; ``retryable``
says whether the same call may succeed later without a change. A subclass's docstring opens with
the sentence used when no message is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class PerdureError(Exception):
    """Something went wrong in perdure."""

    code: ClassVar[str] = "perdure_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        if message is None:
            message = (type(self).__doc__ or "").split("\n\n", 1)[0].replace("\n    ", " ")
        super().__init__(message)

    @property
    def message(self) -> str:
        """The sentence that says what happened, to which key or id, and what to do."""
        return str(self.args[0]) if self.args else ""


class RunError(PerdureError):
    """A call of the task library failed."""

    code = "run_error"


class InvalidArgumentError(RunError, ValueError):
    """An argument is outside what the call accepts."""

    code = "invalid_argument"


class InvalidFilterError(InvalidArgumentError):
    """A filter has an unknown operator or an operand of the wrong kind."""

    code = "invalid_filter"


class InvalidUrlError(InvalidArgumentError):
    """The URL is not one that perdure sends requests to."""

    code = "invalid_url"


class InvalidHeaderError(InvalidArgumentError):
    """A header is malformed, or is one that perdure sets itself."""

    code = "invalid_header"


class InvalidCronError(InvalidArgumentError):
    """A cron expression has five fields: minute, hour, day of the month, month, day of the week."""

    code = "invalid_cron"


class CronNeverFiresError(InvalidArgumentError):
    """No date matches the cron expression, or none within five years."""

    code = "cron_never_fires"


class UnsupportedTypeError(InvalidArgumentError):
    """An annotation cannot be resolved to a type that values can be decoded to; pass as_type=."""

    code = "unsupported_type"


class Issue:
    """One place where a value does not fit its schema: a path into it and a sentence."""

    __slots__ = ("message", "path")

    def __init__(self, path: Sequence[str | int], message: str) -> None:
        self.path = tuple(path)
        self.message = message

    def __repr__(self) -> str:
        return f"Issue({'.'.join(map(str, self.path)) or '(root)'}: {self.message})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Issue) and (other.path, other.message) == (self.path, self.message)

    def __hash__(self) -> int:
        return hash((self.path, self.message))


class PayloadValidationError(RunError):
    """A payload does not fit its schema."""

    code = "payload_validation_failed"

    def __init__(self, message: str | None = None, *, issues: Sequence[Issue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


class PayloadVerificationError(RunError):
    """A request that was to start a run is not what it says it is."""

    code = "payload_verification_failed"


class CacheKeyMismatchError(RunError):
    """A cache key was met again by a call other than the one that stored its result."""

    code = "cache_key_mismatch"


class DuplicateCacheKeyError(RunError):
    """One cache key was used for two different calls in the same scope."""

    code = "duplicate_cache_key"


class AmbiguousCacheKeyError(RunError):
    """Concurrent branches asked for automatic cache keys of the same operation; give each a key, or use io.parallel."""

    code = "ambiguous_cache_key"


class UnserializableOutputError(RunError):
    """A value cannot be stored as JSON."""

    code = "unserializable_output"


class ValueTooLargeError(RunError):
    """A value is larger than what may be stored."""

    code = "value_too_large"


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


class BlockedAddressError(RunError):
    """The URL leads to an address that requests may not be sent to; PERDURE_EGRESS_ALLOW opens more."""

    code = "blocked_address"


class FetchFailedError(RunError):
    """A request got no answer, or one that is a failure.

    Attributes:
        status: The status of the answer, or ``None`` if there was none that could be used.
        body: The answer's body, decoded as far as it could be, or ``None``.
    """

    code = "fetch_failed"
    retryable = True

    def __init__(self, message: str | None = None, *, status: int | None = None, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ResponseTooLargeError(FetchFailedError):
    """The answer to a request is larger than what is read of one."""

    code = "response_too_large"
    retryable = False


class FetchTimeoutError(RunError, TimeoutError):
    """A request was not answered in full within its timeout."""

    code = "fetch_timeout"
    retryable = True


class PollTimeoutError(RunError, TimeoutError):
    """No answer to a poll matched in the time that it had."""

    code = "poll_timeout"


class UnawaitedTaskError(RunError):
    """The run ended while an io call was not awaited or a branch was unfinished."""

    code = "unawaited_task"


class SuspensionSwallowedError(RunError):
    """Job code kept catching the interrupt that suspends a run; let BaseException pass."""

    code = "suspension_swallowed"


class InvokedRunFailedError(RunError):
    """An invoked run did not succeed.

    Attributes:
        run_id: The id of the run that was invoked.
        status: Its final status.
        error: What it ended with, or ``None``.
        results: The `RunNotification` of every run of a batch, in order; empty for a single run.
    """

    code = "invoked_run_failed"

    def __init__(
        self,
        message: str | None = None,
        *,
        run_id: str = "",
        status: str = "",
        error: object | None = None,
        results: Sequence[object] = (),
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.status = status
        self.error = error
        self.results = tuple(results)


class NotFoundError(RunError):
    """There is nothing with that id in this environment."""

    code = "not_found"


class AlreadyDeliveredError(RunError):
    """The event was delivered before it could be cancelled."""

    code = "already_delivered"


class CannotContinueError(RunError):
    """Only a run that has ended without success can go on."""

    code = "cannot_continue"


class WriteRefusedError(RunError):
    """The server refuses to store what the run does; it would refuse it again, so nothing is tried again."""

    code = "write_refused"


class RunQuarantinedError(RunError):
    """Executions of the run ended with the death of their process, so often in a row that it is not executed again."""

    code = "run_quarantined"


class RunTimedOutError(RunError):
    """The run got nowhere, or has had the time that PERDURE_MAX_RUN_DURATION allows a run."""

    code = "run_timed_out"


class UseIoError(RunError):
    """Inside a job this call would be repeated on every replay; use its io form."""

    code = "use_io"


class NotInRunError(RunError):
    """There is no current run: call this from code that a job runs."""

    code = "not_in_run"


class JsonError(PerdureError):
    """The text is not JSON that perdure accepts.

    ``code`` is one of ``invalid_json``, ``invalid_encoding``, ``json_too_deep``,
    ``json_too_large``, ``number_out_of_range``, ``duplicate_key``; it is set on each instance.
    """

    code = "invalid_json"

    def __init__(self, message: str | None = None, *, code: str = "invalid_json") -> None:
        super().__init__(message)
        self.reason = code


class DuplicateJobError(PerdureError):
    """Two jobs have the same id."""

    code = "duplicate_job"


class NotConnectedError(PerdureError):
    """There is no node to talk to: start the client, set api_url and api_key, or run perdure dev."""

    code = "not_connected"


class SyncInAsyncError(PerdureError):
    """A call that blocks its thread was made in one that runs an event loop; await the async call instead."""

    code = "sync_in_async"


class ForkedProcessError(PerdureError):
    """This process was forked after the client had started; start it in the child: in gunicorn's post_worker_init.

    A fork has the memory of its parent, but none of its threads: the node is not there.
    """

    code = "forked_process"


class UnmetExpectationError(PerdureError, AssertionError):
    """What a test expected of its runs is not so."""

    code = "unmet_expectation"


class CrashSafetyError(UnmetExpectationError):
    """A crash changes what comes of the runs of a test."""

    code = "crash_safety"


class NotSettledError(PerdureError):
    """The runs of a test did not come to rest in time."""

    code = "not_settled"


class ExecutionError(PerdureError):
    """An execution asked for something it may no longer do."""

    code = "execution_error"


class StaleExecutionError(ExecutionError):
    """A newer execution of this run has begun; what this one writes is refused."""

    code = "stale_execution"


class RunNotActiveError(ExecutionError):
    """The run has ended or was cancelled."""

    code = "run_not_active"


class IdempotencyConflictError(ExecutionError):
    """The same idempotency key was used before for another operation or name."""

    code = "idempotency_conflict"


class AlreadyCompletedError(ExecutionError):
    """The task has another result already, which stays."""

    code = "already_completed"


class StorageError(PerdureError):
    """The database could not do what was asked."""

    code = "storage_error"


class DatabaseLockedError(StorageError):
    """Another process owns this database file."""

    code = "database_locked"

    def __init__(self, message: str | None = None, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StorageUnavailableError(StorageError):
    """The database cannot take writes right now; nothing was stored, try again."""

    code = "storage_unavailable"
    retryable = True


class StorageFullError(StorageUnavailableError):
    """The disk is full; nothing was stored. Writing goes on by itself once there is room."""

    code = "storage_full"


class StorageReadOnlyError(StorageError):
    """The database file cannot be written."""

    code = "storage_read_only"


class StorageCorruptError(StorageError):
    """The file is not a database, or it is damaged; restore it from a backup."""

    code = "storage_corrupt"


class UnsupportedFileSystemError(StorageError):
    """SQLite cannot keep its promises on a network file system; put the file on a local disk."""

    code = "unsupported_file_system"


class MigrationError(StorageError):
    """The database's schema cannot be brought to this version of perdure."""

    code = "migration_failed"
