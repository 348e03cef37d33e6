"""The log of a server, on standard error."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from perdure.config.logs import LogSettings

_encode = msgspec.json.Encoder().encode
_ESCAPES = str.maketrans({"\r": "\\r", "\n": "\\n", "\x1b": "\\x1b"})


class TextFormatter(logging.Formatter):
    """Writes a line for each record; line ends in what it says are escaped, those of a stack are not."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage().translate(_ESCAPES)}"
        stack = _stack(record)
        return line if stack is None else f"{line}\n{stack}"


class JsonFormatter(logging.Formatter):
    """Writes an object of JSON for each record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        written: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _whole(record.getMessage()),
        }
        members: dict[str, Any] = getattr(record, "members", {})
        written.update({name: value for name, value in members.items() if name not in written})
        stack = _stack(record)
        if stack is not None:
            written["stack"] = _whole(stack)
        return _encode(written).decode()


def set_up_logging(settings: LogSettings, *, stream: TextIO | None = None) -> logging.Handler:
    """Let everything that is logged in this process be written.

    Args:
        settings: How.
        stream: Where; ``None``: on standard error.

    Returns:
        What writes it, among the handlers of the root logger.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    # What libraries say below that is of use to those who write them.
    root.setLevel(logging.ERROR if settings.level == "error" else logging.WARNING)
    logging.getLogger("perdure").setLevel(settings.level.upper())
    return handler


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stack(record: logging.LogRecord) -> str | None:
    if record.exc_info is None or record.exc_info[1] is None:
        return None
    return "".join(traceback.format_exception(record.exc_info[1])).rstrip()


def _whole(text: str) -> str:
    """Replace half surrogate pairs, which JSON cannot have."""
    return text.encode(errors="replace").decode()
