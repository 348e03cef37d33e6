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
# What ends lines, and what terminals take for commands: some do with those of one byte beyond ASCII, too.
_BEYOND_ASCII = (*range(0x7F, 0xA0), 0x2028, 0x2029)
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _BEYOND_ASCII}
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in range(0x20)},
    **{code: _JSON_ESCAPES[code] if code > 0xFF else f"\\x{code:02x}" for code in _BEYOND_ASCII},
    ord("\r"): "\\r",
    ord("\n"): "\\n",
    ord("\t"): "\t",
}


class TextFormatter(logging.Formatter):
    """Writes a line for each record; control characters in what it says are escaped, lines of a stack are not."""

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
        return _encode(written).decode().translate(_JSON_ESCAPES)


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
