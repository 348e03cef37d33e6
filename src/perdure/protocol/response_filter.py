"""Response filters: which answer ends a poll (v2 protocol, sections 7.3 and 12.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from perdure.errors import InvalidFilterError
from perdure.protocol.event_filter import FilterCompiler
from perdure.protocol.request_filter import NOT_JSON, compile_texts, read_parts
from perdure.protocol.value_paths import type_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.protocol.filter_operators import Condition


class CompiledResponseFilter:
    """A response filter ready to be asked; made by ``compile_response_filter``.

    Attributes:
        warnings: What a lenient compilation let pass, as sentences; empty for a strict one.
    """

    __slots__ = ("_body", "_headers", "_statuses", "warnings")

    def __init__(
        self,
        *,
        statuses: frozenset[int] | None,
        headers: Condition | None,
        body: Condition | None,
        warnings: Sequence[str],
    ) -> None:
        self._statuses = statuses
        self._headers = headers
        self._body = body
        self.warnings = tuple(warnings)

    def matches(self, *, status: int, headers: Mapping[str, str], body: object = NOT_JSON) -> bool:
        """Say whether a response satisfies every part of the filter.

        Args:
            status: The HTTP status.
            headers: Names in any case; they are compared in lower case.
            body: The parsed JSON body. ``NOT_JSON`` satisfies only a filter without ``body``.
        """
        return (
            (self._statuses is None or status in self._statuses)
            and (self._headers is None or self._headers({name.lower(): value for name, value in headers.items()}))
            and (self._body is None or (body is not NOT_JSON and self._body(body)))
        )


def compile_response_filter(filter: object, *, lenient: bool = False, path: str = "filter") -> CompiledResponseFilter:
    """Check a response filter and prepare it for matching.

    Args:
        filter: An object with any of ``status`` (a list of numbers; an empty one matches every status),
            ``headers`` and ``body``.
        lenient: As for event filters; unknown parts are ignored with a warning.
        path: What the filter is called in messages.

    Raises:
        InvalidFilterError: As for event filters; also an unknown part, or a status that is no number.
    """
    compiler = FilterCompiler(lenient=lenient)
    parts = read_parts(filter, path, ("status", "headers", "body"), compiler)
    status, headers, body = (parts.get(name) for name in ("status", "headers", "body"))
    return CompiledResponseFilter(
        statuses=None if status is None else _read_statuses(status, f"{path}.status"),
        headers=None if headers is None else compile_texts(headers, f"{path}.headers", compiler, lower=True),
        body=None if body is None else compiler.compile_object(body, f"{path}.body", depth=2),
        warnings=compiler.warnings,
    )


def _read_statuses(statuses: object, path: str) -> frozenset[int] | None:
    if not isinstance(statuses, (list, tuple)):
        raise InvalidFilterError(f"{path}: expected a list of numbers, not {type_name(statuses)}.")
    numbers = cast("Sequence[object]", statuses)
    for index, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise InvalidFilterError(f"{path}[{index}]: expected a number, not {type_name(number)}.")
    return frozenset(cast("Sequence[int]", numbers)) if numbers else None
