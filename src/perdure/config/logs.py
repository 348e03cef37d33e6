"""How a server's log is written: as text, or as an object of JSON on each line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVELS = ("debug", "info", "warning", "error")


class LogSettings(Struct, frozen=True):
    """How a log is written, and from which level on."""

    format: Literal["text", "json"] = "text"
    level: str = "info"


def load_log_settings(environ: Mapping[str, str] | None = None) -> LogSettings:
    """Read them of ``PERDURE_LOG_FORMAT`` and ``PERDURE_LOG_LEVEL``.

    Raises:
        InvalidArgumentError: One is none.
    """
    source = os.environ if environ is None else environ
    format = (source.get("PERDURE_LOG_FORMAT") or "text").lower()
    level = (source.get("PERDURE_LOG_LEVEL") or "info").lower()
    if format not in ("text", "json"):
        raise InvalidArgumentError(f"PERDURE_LOG_FORMAT is text or json, not {format!r:.60}.")
    if level not in _LEVELS:
        raise InvalidArgumentError(f"PERDURE_LOG_LEVEL is one of {', '.join(_LEVELS)}, not {level!r:.60}.")
    return LogSettings("json" if format == "json" else "text", level)
