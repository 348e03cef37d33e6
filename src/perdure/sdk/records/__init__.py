"""What calls outside and inside a run give back: frozen records with aware datetimes, and JSON as Python values.

``answers`` makes them of what the platform answers.
"""

from __future__ import annotations

from perdure.sdk.records.events import Event, EventDetails, EventRecord, EventRun, ReceivedEvent
from perdure.sdk.records.notifications import NotifiedEvent, NotifiedRun, NotifiedTask, RunNotification
from perdure.sdk.records.registrations import ScheduledPayload, ScheduleRegistration, TriggerRegistration
from perdure.sdk.records.responses import FetchResponse
from perdure.sdk.records.runs import CancelResult, ErrorInfo, LogLine, Run, RunPage, RunStatus, RunStatuses, RunTask

__all__ = [
    "CancelResult",
    "ErrorInfo",
    "Event",
    "EventDetails",
    "EventRecord",
    "EventRun",
    "FetchResponse",
    "LogLine",
    "NotifiedEvent",
    "NotifiedRun",
    "NotifiedTask",
    "ReceivedEvent",
    "Run",
    "RunNotification",
    "RunPage",
    "RunStatus",
    "RunStatuses",
    "RunTask",
    "ScheduleRegistration",
    "ScheduledPayload",
    "TriggerRegistration",
]
