"""Request filters: which HTTP requests an endpoint reacts to (v2 protocol, section 12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from perdure.errors import InvalidFilterError
from perdure.protocol.event_filter import FilterCompiler
from perdure.protocol.filter_operators import TEXT_OPERATORS, Condition
from perdure.protocol.value_paths import child_path, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOT_JSON: Final = object()
"""Stands for the body of a request or response that is not JSON."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class CompiledRequestFilter:
    """A request filter ready to be asked; made by ``compile_request_filter``.

    Attributes:
        warnings: What a lenient compilation let pass, as sentences; empty for a strict one.
    """

    __slots__ = ("_body", "_headers", "_methods", "_query", "warnings")

    def __init__(
        self,
        *,
        methods: frozenset[str] | None,
        headers: Condition | None,
        query: Condition | None,
        body: Condition | None,
        warnings: Sequence[str],
    ) -> None:
        self._methods = methods
        self._headers = headers
        self._query = query
        self._body = body
        self.warnings = tuple(warnings)

    def matches(
        self, *, method: str, headers: Mapping[str, str], query: Iterable[tuple[str, str]], body: object = NOT_JSON
    ) -> bool:
        """Say whether a request satisfies every part of the filter.

        Args:
            method: In upper case.
            headers: Names in any case; they are compared in lower case.
            query: The decoded query parameters in order; of repeated ones the last counts.
            body: The parsed JSON body. ``NOT_JSON`` satisfies only a filter without ``body``.
        """
        return (
            (self._methods is None or method in self._methods)
            and (self._headers is None or self._headers({name.lower(): value for name, value in headers.items()}))
            and (self._query is None or self._query(dict(query)))
            and (self._body is None or (body is not NOT_JSON and self._body(body)))
        )


def compile_request_filter(filter: object, *, lenient: bool = False, path: str = "filter") -> CompiledRequestFilter:
    """Check a request filter and prepare it for matching.

    Args:
        filter: An object with any of ``method``, ``headers``, ``query`` and ``body``.
        lenient: Keep what v2 makes of it: as for event filters, unknown parts are ignored, and a header
            name with capitals never matches. A strict one takes header names in any case.
        path: What the filter is called in messages.

    Raises:
        InvalidFilterError: As for event filters; also an unknown part or method.
    """
    compiler = FilterCompiler(lenient=lenient)
    parts = read_parts(filter, path, ("method", "headers", "query", "body"), compiler)
    method, headers, query, body = (parts.get(name) for name in ("method", "headers", "query", "body"))
    _warn_of_capitals(headers, f"{path}.headers", compiler)
    return CompiledRequestFilter(
        methods=None if method is None else _read_methods(method, f"{path}.method"),
        headers=None if headers is None else compile_texts(headers, f"{path}.headers", compiler, lower=not lenient),
        query=None if query is None else compile_texts(query, f"{path}.query", compiler),
        body=None if body is None else compiler.compile_object(body, f"{path}.body", depth=2),
        warnings=compiler.warnings,
    )


def read_parts(filter: object, path: str, names: Sequence[str], compiler: FilterCompiler) -> dict[str, object]:
    """Split a filter into its named parts; a part that is ``None`` counts as absent.

    Raises:
        InvalidFilterError: It is no object, or has another part while the compiler is strict.
    """
    if not isinstance(filter, dict):
        raise InvalidFilterError(f"{path}: expected an object, not {type_name(filter)}.")
    parts: dict[str, object] = {}
    for name, part in cast("dict[object, object]", filter).items():
        if name not in names:
            compiler.complain(child_path(path, name), "an unknown part", "is ignored")
        elif part is not None:
            parts[cast("str", name)] = part
    return parts


def compile_texts(texts: object, path: str, compiler: FilterCompiler, *, lower: bool = False) -> Condition:
    """Compile a filter of headers or query parameters: each name leads to texts or text operators.

    Args:
        texts: Name to list of matchers.
        path: Where it stands, for messages.
        compiler: Holds the limits and warnings of the whole filter.
        lower: Whether the filter's names are taken in lower case.
    """
    if not isinstance(texts, dict):
        raise InvalidFilterError(f"{path}: expected an object, not {type_name(texts)}.")
    lists: dict[str, object] = {}
    for name, matchers in cast("dict[object, object]", texts).items():
        if not _may_match_text(matchers):
            raise InvalidFilterError(f"{child_path(path, name)}: expected a list of texts or text operators.")
        lists[str(name).lower() if lower else str(name)] = matchers
    return compiler.compile_object(lists, path, depth=2, operators=TEXT_OPERATORS)


def _may_match_text(matchers: object) -> bool:
    return isinstance(matchers, (list, tuple)) and not any(
        isinstance(matcher, (int, float)) for matcher in cast("Sequence[object]", matchers)
    )


def _warn_of_capitals(headers: object, path: str, compiler: FilterCompiler) -> None:
    if compiler.lenient and isinstance(headers, dict):
        names = [str(name) for name in cast("dict[object, object]", headers)]
        compiler.warnings += [
            f"{child_path(path, name)}: a header name with capitals never matches."
            for name in names
            if name != name.lower()
        ]


def _read_methods(methods: object, path: str) -> frozenset[str]:
    if not isinstance(methods, (list, tuple)):
        raise InvalidFilterError(f"{path}: expected a list of methods, not {type_name(methods)}.")
    names = cast("Sequence[object]", methods)
    for index, name in enumerate(names):
        if not isinstance(name, str) or name not in METHODS:
            raise InvalidFilterError(f"{path}[{index}]: expected one of {', '.join(sorted(METHODS))}.")
    return frozenset(cast("Sequence[str]", names))
