"""Limits that the SDK checks where a call is made, and the engine again where it is stored."""

from __future__ import annotations

from typing import Final

NAME_LIMIT: Final = 512
"""Characters that the name or the source of an event may have."""

ID_LIMIT: Final = 1000
"""Characters that an event's id, an account's id or an idempotency key may have."""

PAYLOAD_LIMIT: Final = 512 * 1024
"""Bytes of UTF-8 that a payload or a context may have as JSON."""

OUTPUT_LIMIT: Final = 3 * 1024 * 1024
"""How many bytes of JSON the result of a task or a run may have."""
