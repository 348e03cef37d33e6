"""Limits that the SDK checks where a call is made, and the engine again where it is stored."""

from __future__ import annotations

from typing import Final

NAME_LIMIT: Final = 512
"""Characters that the name or the source of an event may have."""

ID_LIMIT: Final = 1000
"""Characters that an event's id, an account's id or an idempotency key may have."""

SECRET_LIMIT: Final = 8192
"""Characters that the secret of a source may have."""

EVENT_BATCH: Final = 1000
"""How many events may be sent at once."""

LONGEST_DELAY: Final = 365 * 24 * 3600
"""How many seconds ``deliver_after`` may put an event off: a year. ``deliver_at`` may be later."""

PAYLOAD_LIMIT: Final = 512 * 1024
"""Bytes of UTF-8 that a payload or a context may have as JSON."""

BATCH_LIMIT: Final = 1000
"""How many runs one call may start and wait for."""

BATCH_PAYLOAD_LIMIT: Final = 4 * 1024 * 1024
"""Characters of JSON that the payloads and contexts of such a batch may have together."""

RESULTS_LIMIT: Final = 16 * 1024 * 1024
"""Characters of JSON that a task stores of the runs it has waited for."""

OUTPUT_LIMIT: Final = 3 * 1024 * 1024
"""How many bytes of JSON the result of a task or a run may have."""

KEY_LIMIT: Final = 512
"""Bytes of UTF-8 that the name of a stored value or the key of a status may have."""

VALUE_LIMIT: Final = 256 * 1024
"""Bytes of UTF-8 that a stored value may have as JSON (v2 protocol, section 4.5)."""

STATUS_DATA_LIMIT: Final = 64 * 1024
"""Bytes of UTF-8 that the data of a status may have as JSON."""

STATUS_LIMIT: Final = 1000
"""How many statuses a run may have."""

HISTORY_LIMIT: Final = 100
"""How many of its earlier states a status keeps."""

HISTORY_BYTES: Final = 64 * 1024
"""How many bytes of JSON those states may have; the last one is kept whatever it has."""

LATEST_MS: Final = 253_370_764_800_000
"""What is later, in Unix time in milliseconds, is taken for this, the beginning of the year 9999."""

CRON_LIMIT: Final = 500
"""How many characters a cron expression may have."""

CRON_STEPS: Final = 10_000
"""How many dates and months are looked at for the next tick of a cron."""

INTERVAL_LIMITS: Final = (20, 30 * 24 * 3600)
"""How many seconds an interval has at least and at most (v2 protocol, section 10.1)."""

TICK_YEARS: Final = 5
"""Within how many years a new schedule must have a tick."""

SCHEDULE_METADATA_LIMIT: Final = 64 * 1024
"""Bytes of UTF-8 that the metadata of a schedule may have as JSON."""

REQUEST_BODY_LIMIT: Final = 1024 * 1024
"""How many bytes the body of a request to an HTTP endpoint may have."""

REQUEST_LIMIT: Final = 2 * 1024 * 1024
"""How many characters of JSON such a request may be when it is stored."""
