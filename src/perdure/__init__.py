"""Durable background jobs for Python."""

from __future__ import annotations

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
from perdure.sdk.sync_io import SyncIO
from perdure.sdk.sync_io.handle import SyncRunHandle
from perdure.sdk.sync_io.statuses import SyncStatus
from perdure.sdk.triggers import event_trigger, invoke_trigger

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
    "redact_string",
    "register_error",
]
