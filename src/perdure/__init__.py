"""Durable background jobs for Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from perdure import errors
from perdure.protocol.redacted import redact_string
from perdure.sdk.client import Client
from perdure.sdk.concurrency import ConcurrencyLimit
from perdure.sdk.context import Context
from perdure.sdk.current import current
from perdure.sdk.failures import register_error
from perdure.sdk.handle import RunHandle
from perdure.sdk.io import IO
from perdure.sdk.io.statuses import Status
from perdure.sdk.job import Job, job
from perdure.sdk.log_handler import logging_handler
from perdure.sdk.records import (
    CancelResult,
    ErrorInfo,
    Event,
    EventDetails,
    EventRecord,
    EventRun,
    FetchResponse,
    LogLine,
    ReceivedEvent,
    Run,
    RunNotification,
    RunPage,
    RunStatus,
    RunStatuses,
    RunTask,
    ScheduledPayload,
    ScheduleRegistration,
)
from perdure.sdk.retry import Retry, RetryAt, SkipRetrying
from perdure.sdk.schedules import DynamicSchedule, cron_trigger, interval_trigger
from perdure.sdk.triggers import event_trigger, invoke_trigger

if TYPE_CHECKING:
    from perdure.sdk.sync_io import SyncIO
    from perdure.sdk.sync_io.handle import SyncRunHandle
    from perdure.sdk.sync_io.statuses import SyncStatus

__all__ = [
    "IO",
    "CancelResult",
    "Client",
    "ConcurrencyLimit",
    "Context",
    "DynamicSchedule",
    "ErrorInfo",
    "Event",
    "EventDetails",
    "EventRecord",
    "EventRun",
    "FetchResponse",
    "Job",
    "LogLine",
    "ReceivedEvent",
    "Retry",
    "RetryAt",
    "Run",
    "RunHandle",
    "RunNotification",
    "RunPage",
    "RunStatus",
    "RunStatuses",
    "RunTask",
    "ScheduleRegistration",
    "ScheduledPayload",
    "SkipRetrying",
    "Status",
    "SyncIO",
    "SyncRunHandle",
    "SyncStatus",
    "cron_trigger",
    "current",
    "errors",
    "event_trigger",
    "interval_trigger",
    "invoke_trigger",
    "job",
    "logging_handler",
    "redact_string",
    "register_error",
]

# As large as the rest of the library, and not for everybody: loaded when somebody asks.
_LATER = {
    "SyncIO": "perdure.sdk.sync_io",
    "SyncRunHandle": "perdure.sdk.sync_io.handle",
    "SyncStatus": "perdure.sdk.sync_io.statuses",
}


if not TYPE_CHECKING:
    # Type checkers would take any name for one of the package's.
    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(importlib.import_module(_LATER[name]), name))
