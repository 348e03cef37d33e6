"""Work that the engine does itself: what such tasks are called, and how long it may take, in seconds."""

from __future__ import annotations

from typing import Final

FETCH: Final = "background_fetch"
FETCH_RESPONSE: Final = "background_fetch_response"
POLL: Final = "background_poll"
POLL_ATTEMPT: Final = "poll_attempt"

SHORTEST_TIMEOUT: Final = 1.0
LONGEST_FETCH: Final = 300.0
LONGEST_POLL_REQUEST: Final = 5.0
SHORTEST_INTERVAL: Final = 1.0
LONGEST_INTERVAL: Final = 3600.0
LONGEST_POLL: Final = 30 * 24 * 3600.0
DEFAULT_FETCH_TIMEOUT: Final = 120
DEFAULT_POLL_TIMEOUT: Final = 600
DEFAULT_INTERVAL: Final = 10
DEFAULT_POLL_REQUEST: Final = 5
