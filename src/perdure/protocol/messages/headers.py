"""The names of actions, headers and versions (v2 protocol, sections 1, 3.1 and 3.2)."""

from __future__ import annotations

from enum import StrEnum

LAZY_CACHED_TASKS_VERSION = "2023-09-29"
"""Sent with every action and every answer to one; from it on cached tasks are loaded in pages and yields work."""
SERIALIZED_OUTPUT_VERSION = "2023-11-01"
"""Sent when a task is completed; from it on its output travels as a string that holds JSON."""
SERVER_USER_AGENT = "triggerdotdev-server/2.0.0"

API_KEY_HEADER = "x-trigger-api-key"
ACTION_HEADER = "x-trigger-action"
ACTION_VERSION_HEADER = "x-trigger-version"
ENDPOINT_ID_HEADER = "x-trigger-endpoint-id"
RUN_METADATA_HEADER = "x-trigger-run-metadata"
VERSION_HEADER = "trigger-version"
SDK_VERSION_HEADER = "trigger-sdk-version"
IDEMPOTENCY_KEY_HEADER = "idempotency-key"
CACHED_TASKS_CURSOR_HEADER = "x-cached-tasks-cursor"

NATIVE_HEADER = "perdure-version"
"""Sent by perdure, and by nobody else: what follows may hold the members of messages that are native."""

HELD_HEADER = "perdure-held"
"""Native. The worker that has a suspended run in memory: in an answer who says so, in a request who is to go on."""

RUN_HEADER = "perdure-run"
"""Native. The run that a worker is to execute; in a call, the run that makes it, with `EPOCH_HEADER`."""

NOT_HELD = 410
"""Native. The status of the answer to EXECUTE_JOB that a suspended run is no longer in memory: it has to replay."""

RESULT_HEADER = "perdure-result"
"""Native. Sent with an answer to EXECUTE_JOB that is none of the protocol's."""

EPOCH_HEADER = "perdure-epoch"
"""Native. The number of the execution that writes, or calls."""

RUN_SIGNATURE_HEADER = "x-trigger-signature-256"
RATE_LIMIT_HEADER = "x-ratelimit-limit"
RATE_REMAINING_HEADER = "x-ratelimit-remaining"
RATE_RESET_HEADER = "x-ratelimit-reset"
"""Unix time in milliseconds; without it a v2 client treats a 429 as an ordinary failure."""


class Action(StrEnum):
    """What the engine asks of an endpoint: the values of ``x-trigger-action``."""

    PING = "PING"
    VALIDATE = "VALIDATE"
    INDEX_ENDPOINT = "INDEX_ENDPOINT"
    EXECUTE_JOB = "EXECUTE_JOB"
    PREPROCESS_RUN = "PREPROCESS_RUN"
    INITIALIZE_TRIGGER = "INITIALIZE_TRIGGER"
    DELIVER_HTTP_SOURCE_REQUEST = "DELIVER_HTTP_SOURCE_REQUEST"
    DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE = "DELIVER_HTTP_ENDPOINT_REQUEST_FOR_RESPONSE"
    DELIVER_WEBHOOK_REQUEST = "DELIVER_WEBHOOK_REQUEST"
    PROBE_EXECUTION_TIMEOUT = "PROBE_EXECUTION_TIMEOUT"
    RUN_NOTIFICATION = "RUN_NOTIFICATION"


def supports_lazy_cached_tasks(version: str) -> bool:
    """Tell whether a peer of this version loads cached tasks in pages and understands yields (section 1)."""
    return version not in {"unversioned", "unknown"} and version >= LAZY_CACHED_TASKS_VERSION
