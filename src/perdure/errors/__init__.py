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
│   ├── JsonError                   also a ValueError
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
│   ├── JobDisabledError
│   ├── AlreadyDeliveredError
│   ├── CannotContinueError
│   ├── WriteRefusedError
│   ├── RunQuarantinedError
│   ├── RunTimedOutError
│   ├── UseIoError
│   └── NotInRunError
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

from perdure.errors.arguments import (
    CronNeverFiresError,
    InvalidArgumentError,
    InvalidCronError,
    InvalidFilterError,
    InvalidHeaderError,
    InvalidUrlError,
    UnsupportedTypeError,
)
from perdure.errors.base import PerdureError, RunError
from perdure.errors.clients import DuplicateJobError, ForkedProcessError, NotConnectedError, SyncInAsyncError
from perdure.errors.executions import (
    AlreadyCompletedError,
    ExecutionError,
    IdempotencyConflictError,
    RunNotActiveError,
    StaleExecutionError,
)
from perdure.errors.expectations import CrashSafetyError, NotSettledError, UnmetExpectationError
from perdure.errors.requests import (
    BlockedAddressError,
    FetchFailedError,
    FetchTimeoutError,
    PollTimeoutError,
    ResponseTooLargeError,
)
from perdure.errors.runs import (
    AlreadyDeliveredError,
    CannotContinueError,
    InvokedRunFailedError,
    JobDisabledError,
    NotFoundError,
    RunQuarantinedError,
    RunTimedOutError,
    WriteRefusedError,
)
from perdure.errors.storage import (
    DatabaseLockedError,
    MigrationError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    UnsupportedFileSystemError,
)
from perdure.errors.tasks import (
    AmbiguousCacheKeyError,
    CacheKeyMismatchError,
    DuplicateCacheKeyError,
    NotInRunError,
    SuspensionSwallowedError,
    TaskFailedError,
    TaskTimeoutError,
    UnawaitedTaskError,
    UseIoError,
    WaitTimeoutError,
)
from perdure.errors.values import (
    Issue,
    JsonError,
    PayloadValidationError,
    PayloadVerificationError,
    UnserializableOutputError,
    ValueTooLargeError,
)

__all__ = [
    "AlreadyCompletedError",
    "AlreadyDeliveredError",
    "AmbiguousCacheKeyError",
    "BlockedAddressError",
    "CacheKeyMismatchError",
    "CannotContinueError",
    "CrashSafetyError",
    "CronNeverFiresError",
    "DatabaseLockedError",
    "DuplicateCacheKeyError",
    "DuplicateJobError",
    "ExecutionError",
    "FetchFailedError",
    "FetchTimeoutError",
    "ForkedProcessError",
    "IdempotencyConflictError",
    "InvalidArgumentError",
    "InvalidCronError",
    "InvalidFilterError",
    "InvalidHeaderError",
    "InvalidUrlError",
    "InvokedRunFailedError",
    "Issue",
    "JobDisabledError",
    "JsonError",
    "MigrationError",
    "NotConnectedError",
    "NotFoundError",
    "NotInRunError",
    "NotSettledError",
    "PayloadValidationError",
    "PayloadVerificationError",
    "PerdureError",
    "PollTimeoutError",
    "ResponseTooLargeError",
    "RunError",
    "RunNotActiveError",
    "RunQuarantinedError",
    "RunTimedOutError",
    "StaleExecutionError",
    "StorageCorruptError",
    "StorageError",
    "StorageFullError",
    "StorageReadOnlyError",
    "StorageUnavailableError",
    "SuspensionSwallowedError",
    "SyncInAsyncError",
    "TaskFailedError",
    "TaskTimeoutError",
    "UnawaitedTaskError",
    "UnmetExpectationError",
    "UnserializableOutputError",
    "UnsupportedFileSystemError",
    "UnsupportedTypeError",
    "UseIoError",
    "ValueTooLargeError",
    "WaitTimeoutError",
    "WriteRefusedError",
]

# Whoever sees one, in a traceback or a pickle, is told where it is imported from.
for _name in __all__:
    globals()[_name].__module__ = __name__
