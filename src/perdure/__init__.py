"""Durable background jobs for Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure import errors, webhooks
    from perdure.protocol.redacted import redact_string
    from perdure.sdk.client import Client
    from perdure.sdk.concurrency import ConcurrencyLimit
    from perdure.sdk.context import Context
    from perdure.sdk.current import current
    from perdure.sdk.dynamic_trigger import DynamicTrigger
    from perdure.sdk.error_forms import register_error
    from perdure.sdk.external_source import (
        ExternalSource,
        OptionChange,
        RegisteredSource,
        SourceChange,
        SourceEvents,
        SourceUpdate,
    )
    from perdure.sdk.handle import RunHandle
    from perdure.sdk.http_endpoint import HttpEndpoint, RespondWith
    from perdure.sdk.http_request import HttpRequest, HttpResponse, VerifyResult
    from perdure.sdk.io import IO
    from perdure.sdk.io.body import RunningTask
    from perdure.sdk.io.statuses import Status
    from perdure.sdk.job import Job
    from perdure.sdk.job_declaration import job
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
        TriggerRegistration,
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
    "DynamicTrigger",
    "ErrorInfo",
    "Event",
    "EventDetails",
    "EventRecord",
    "EventRun",
    "ExternalSource",
    "FetchResponse",
    "HttpEndpoint",
    "HttpRequest",
    "HttpResponse",
    "Job",
    "LogLine",
    "OptionChange",
    "ReceivedEvent",
    "RegisteredSource",
    "RespondWith",
    "Retry",
    "RetryAt",
    "Run",
    "RunHandle",
    "RunNotification",
    "RunPage",
    "RunStatus",
    "RunStatuses",
    "RunTask",
    "RunningTask",
    "ScheduleRegistration",
    "ScheduledPayload",
    "SkipRetrying",
    "SourceChange",
    "SourceEvents",
    "SourceUpdate",
    "Status",
    "SyncIO",
    "SyncRunHandle",
    "SyncStatus",
    "TriggerRegistration",
    "VerifyResult",
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
    "webhooks",
]

# Loaded when somebody asks: most programs need a part of the library, and the command line hardly any of it.
_HOMES = {
    "IO": "perdure.sdk.io",
    "CancelResult": "perdure.sdk.records",
    "Client": "perdure.sdk.client",
    "ConcurrencyLimit": "perdure.sdk.concurrency",
    "Context": "perdure.sdk.context",
    "DynamicSchedule": "perdure.sdk.schedules",
    "DynamicTrigger": "perdure.sdk.dynamic_trigger",
    "ErrorInfo": "perdure.sdk.records",
    "Event": "perdure.sdk.records",
    "EventDetails": "perdure.sdk.records",
    "EventRecord": "perdure.sdk.records",
    "EventRun": "perdure.sdk.records",
    "ExternalSource": "perdure.sdk.external_source",
    "FetchResponse": "perdure.sdk.records",
    "HttpEndpoint": "perdure.sdk.http_endpoint",
    "HttpRequest": "perdure.sdk.http_request",
    "HttpResponse": "perdure.sdk.http_request",
    "Job": "perdure.sdk.job",
    "LogLine": "perdure.sdk.records",
    "OptionChange": "perdure.sdk.external_source",
    "ReceivedEvent": "perdure.sdk.records",
    "RegisteredSource": "perdure.sdk.external_source",
    "RespondWith": "perdure.sdk.http_endpoint",
    "Retry": "perdure.sdk.retry",
    "RetryAt": "perdure.sdk.retry",
    "Run": "perdure.sdk.records",
    "RunHandle": "perdure.sdk.handle",
    "RunNotification": "perdure.sdk.records",
    "RunPage": "perdure.sdk.records",
    "RunStatus": "perdure.sdk.records",
    "RunStatuses": "perdure.sdk.records",
    "RunTask": "perdure.sdk.records",
    "RunningTask": "perdure.sdk.io.body",
    "ScheduleRegistration": "perdure.sdk.records",
    "ScheduledPayload": "perdure.sdk.records",
    "SkipRetrying": "perdure.sdk.retry",
    "SourceChange": "perdure.sdk.external_source",
    "SourceEvents": "perdure.sdk.external_source",
    "SourceUpdate": "perdure.sdk.external_source",
    "Status": "perdure.sdk.io.statuses",
    "SyncIO": "perdure.sdk.sync_io",
    "SyncRunHandle": "perdure.sdk.sync_io.handle",
    "SyncStatus": "perdure.sdk.sync_io.statuses",
    "TriggerRegistration": "perdure.sdk.records",
    "VerifyResult": "perdure.sdk.http_request",
    "cron_trigger": "perdure.sdk.schedules",
    "current": "perdure.sdk.current",
    "event_trigger": "perdure.sdk.triggers",
    "interval_trigger": "perdure.sdk.schedules",
    "invoke_trigger": "perdure.sdk.triggers",
    "job": "perdure.sdk.job_declaration",
    "logging_handler": "perdure.sdk.log_handler",
    "redact_string": "perdure.protocol.redacted",
    "register_error": "perdure.sdk.error_forms",
}


if not TYPE_CHECKING:
    # Type checkers would take any name for one of the package's.
    def __getattr__(name: str) -> object:
        if name in ("errors", "webhooks"):
            return importlib.import_module(f"perdure.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(importlib.import_module(_HOMES[name]), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
