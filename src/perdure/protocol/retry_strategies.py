"""When a fetch is tried again, by the status and body of its answer (v2 protocol, section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.event_filter import CompiledFilter, compile_event_filter
from perdure.protocol.request_filter import NOT_JSON
from perdure.protocol.reset_times import ResetFormat, parse_reset_time
from perdure.protocol.retries import RetryOptions, retry_delay
from perdure.protocol.status_patterns import check_status_pattern, match_status_pattern
from perdure.protocol.value_paths import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STRATEGY_LIMIT: Final = 50
"""How many patterns one fetch may have."""

ATTEMPT_LIMIT: Final = 100
"""Attempts of one fetch after which a reset header is no reason for another."""

LONGEST_RESET: Final = timedelta(days=30)
"""How far away the time in a reset header may lie; what lies further is taken for a mistake."""

_SOONEST_RESET = timedelta(seconds=1)
_BACKOFF_NAMES = ("limit", "factor", "min_timeout", "max_timeout", "randomize")
_HEADER_NAMES = {
    "limit_header": "limitHeader",
    "remaining_header": "remainingHeader",
    "reset_header": "resetHeader",
    "reset_format": "resetFormat",
}


class Strategy(Struct, frozen=True):
    """What to do about an answer that is a failure.

    Attributes:
        pattern: The statuses it is for.
        body_filter: What the JSON body must satisfy, too.
        backoff: Delays that grow; or ``None``.
        reset_header: The header that says when to try again, in lower case; used if there is no ``backoff``.
        reset_format: How the header is written.
    """

    pattern: str
    body_filter: CompiledFilter | None
    backoff: RetryOptions | None = None
    reset_header: str = ""
    reset_format: ResetFormat = ResetFormat.UNIX_TIMESTAMP

    def matches(self, status: int, body: object) -> bool:
        """Say whether it is for this answer; a filter is never satisfied by a body that is not JSON."""
        return match_status_pattern(self.pattern, status) and (
            self.body_filter is None or (body is not NOT_JSON and self.body_filter.matches(body))
        )

    def next_attempt(
        self, attempts: int, headers: Mapping[str, str], *, now: datetime, random: Callable[[], float]
    ) -> datetime | None:
        """Say when to try again, or ``None``: not at all.

        Args:
            attempts: How many attempts there have been.
            headers: Those of the answer, names in lower case.
            now: The engine clock's time.
            random: Gives a number in [0, 1).
        """
        if self.backoff is not None:
            delay = retry_delay(self.backoff, attempts, random)
            return None if delay is None else now + delay
        reset = parse_reset_time(headers.get(self.reset_header), format=self.reset_format, now=now)
        if reset is None or reset > now + LONGEST_RESET or attempts >= ATTEMPT_LIMIT:
            return None
        # A limit that has ended already, by clocks that differ, must not be met at full speed.
        return max(reset, now + _SOONEST_RESET) if reset <= now else reset


def choose_strategy(strategies: Sequence[Strategy], status: int, body: object) -> Strategy | None:
    """Find the first strategy that is for an answer; ``NOT_JSON`` stands for a body that is not JSON."""
    return next((strategy for strategy in strategies if strategy.matches(status, body)), None)


def read_strategies(retry: object, *, lenient: bool = True) -> tuple[Strategy, ...]:
    """Read strategies in v2's form: pattern to an object with camel-case names and milliseconds.

    Args:
        retry: The object; ``None`` is none.
        lenient: Let unknown operators of body filters pass, as v2 does.

    Raises:
        InvalidArgumentError: Something in it cannot be understood.
    """
    if retry is None:
        return ()
    return tuple(
        _read_strategy(pattern, _object(options, f"retry[{pattern!r}]"), lenient=lenient)
        for pattern, options in _object(retry, "retry").items()
    )


def strategies_to_wire(retry: Mapping[Any, Any]) -> dict[str, Any]:
    """Check strategies given in Python, and give them in v2's form, in their order.

    Args:
        retry: Pattern (text, or a status as a number) to a dict with ``strategy`` and snake-case names, in seconds.

    Raises:
        InvalidArgumentError: A pattern can never match, or an option is unknown or not acceptable.
        InvalidFilterError: A body filter is not acceptable.
    """
    if not isinstance(retry, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgumentError(f"retry= is a dict of status patterns, not {type_name(retry)}.")
    if len(retry) > STRATEGY_LIMIT:
        raise InvalidArgumentError(f"retry= has {len(retry)} patterns; at most {STRATEGY_LIMIT} are tried.")
    wire: dict[str, Any] = {}
    for given, options in retry.items():
        pattern = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
        if not isinstance(pattern, str):
            raise InvalidArgumentError(f"retry: {given!r:.60} is no status pattern; write 429, '5xx' or '500-599'.")
        check_status_pattern(pattern)
        wire[pattern] = _to_wire(f"retry[{pattern!r}]", options)
    read_strategies(wire, lenient=False)
    return wire


def _to_wire(path: str, given: object) -> dict[str, Any]:
    options = dict(_object(given, path))
    kind, body_filter = options.pop("strategy", None), options.pop("body_filter", None)
    wire: dict[str, Any] = {"strategy": kind}
    if kind == "backoff":
        _refuse_unknown(options, _BACKOFF_NAMES, path)
        wire |= RetryOptions.from_mapping(options).to_wire()
    elif kind == "headers":
        _refuse_unknown(options, tuple(_HEADER_NAMES), path)
        wire |= {_HEADER_NAMES[name]: value for name, value in options.items() if value is not None}
    else:
        raise InvalidArgumentError(f'{path}: strategy is "backoff" or "headers", not {kind!r:.60}.')
    if body_filter is not None:
        wire["bodyFilter"] = body_filter
    return wire


def _refuse_unknown(options: Mapping[str, Any], known: Sequence[str], path: str) -> None:
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise InvalidArgumentError(f"{path} has no {unknown!r}; it has {', '.join(known)} and body_filter.")


def _read_strategy(pattern: str, options: Mapping[str, Any], *, lenient: bool) -> Strategy:
    path = f"retry[{pattern!r}]"
    filter = options.get("bodyFilter")
    body_filter = None if filter is None else compile_event_filter(filter, lenient=lenient, path=f"{path}.body_filter")
    kind = options.get("strategy")
    if kind == "backoff":
        return Strategy(pattern, body_filter, RetryOptions.from_wire(options))
    if kind != "headers":
        raise InvalidArgumentError(f'{path}: strategy is "backoff" or "headers", not {kind!r:.60}.')
    header = options.get("resetHeader")
    others = (options.get("limitHeader", ""), options.get("remainingHeader", ""))
    if not isinstance(header, str) or not header or not all(isinstance(other, str) for other in others):
        raise InvalidArgumentError(f"{path}: reset_header is the name of a header, and so are the other two.")
    written = options.get("resetFormat", ResetFormat.UNIX_TIMESTAMP)
    try:
        return Strategy(pattern, body_filter, None, header.lower(), ResetFormat(written))
    except ValueError:
        formats = ", ".join(ResetFormat)
        raise InvalidArgumentError(f"{path}: reset_format is one of {formats}, not {written!r:.60}.") from None


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{path} is a dict, not {type_name(value)}.")
    return cast("Mapping[str, Any]", value)
