"""Event filters: which events start a run, or end a wait (v2 protocol, section 12.1).

A filter is compiled once, into closures; matching then costs one step for each condition and value.
The defects of v2 are mended: every operator of an object must hold, and what v2 silently ignored is refused
where the filter is declared, except from a v2 endpoint (``lenient``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from perdure.errors import InvalidFilterError
from perdure.protocol.filter_operators import (
    MISSING,
    OPERATORS,
    Condition,
    compile_operator,
    equals_one_of,
    is_plain,
)
from perdure.protocol.value_paths import child_path, type_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_NO_MEMBERS: Final[dict[str, object]] = {}

MAX_FILTER_DEPTH: Final = 16
MAX_FILTER_CONDITIONS: Final = 500


class CompiledFilter:
    """A filter ready to be asked; made by ``compile_event_filter``.

    Attributes:
        warnings: What a lenient compilation let pass, as sentences; empty for a strict one.
    """

    __slots__ = ("_condition", "warnings")

    def __init__(self, condition: Condition, warnings: Sequence[str]) -> None:
        self._condition = condition
        self.warnings = tuple(warnings)

    def matches(self, value: object) -> bool:
        """Say whether a JSON value satisfies the filter."""
        return self._condition(value)


def compile_event_filter(filter: object, *, lenient: bool = False, path: str = "filter") -> CompiledFilter:
    """Check an event filter and prepare it for matching.

    Args:
        filter: An object whose keys lead to lists of matchers or to nested filters; all must match.
        lenient: Keep what v2 makes of filters that are refused otherwise: among operators plain values are
            ignored, an unknown operator beside known ones holds. Each such place becomes a warning.
        path: What the filter is called in messages.

    Raises:
        InvalidFilterError: It has an unknown operator, an operand of the wrong kind, a list that mixes
            plain values with others, more than 16 levels or more than 500 conditions; the message
            starts with the path of the place.
    """
    compiler = FilterCompiler(lenient=lenient)
    condition = compiler.compile_object(filter, path)
    return CompiledFilter(condition, compiler.warnings)


def merge_filters(*filters: Mapping[str, Any]) -> dict[str, Any]:
    """Merge filters into one: objects member by member, anything else replaced by the later filter."""
    merged: dict[str, Any] = {}
    for filter in filters:
        for key, later in filter.items():
            earlier = merged.get(key)
            if isinstance(earlier, dict) and isinstance(later, dict):
                merged[key] = merge_filters(cast("dict[str, Any]", earlier), cast("dict[str, Any]", later))
            else:
                merged[key] = later
    return merged


class FilterCompiler:
    """Compiles the parts of one filter, which share its limits and its warnings."""

    def __init__(self, *, lenient: bool) -> None:
        self.lenient = lenient
        self.warnings: list[str] = []
        self._conditions = 0

    def compile_object(
        self, filter: object, path: str, depth: int = 1, operators: Collection[str] = OPERATORS.keys()
    ) -> Condition:
        """Compile a filter: every key must match. Null matches only an empty filter.

        Args:
            filter: An object of matchers and nested filters.
            path: Where it stands, for messages.
            depth: How many levels of the whole filter lead here, itself included.
            operators: Those that may be used.
        """
        if not isinstance(filter, dict):
            raise InvalidFilterError(f"{path}: expected an object, not {type_name(filter)}.")
        if depth > MAX_FILTER_DEPTH:
            raise InvalidFilterError(f"{path}: nested more than {MAX_FILTER_DEPTH} deep.")
        conditions: list[tuple[str, Condition]] = []
        for key, member in cast("dict[object, object]", filter).items():
            if not isinstance(key, str):
                raise InvalidFilterError(f"{path}: the keys of a filter are text, not {type_name(key)}.")
            conditions.append((key, self._compile_member(member, child_path(path, key), depth, operators)))

        def holds(value: object) -> bool:
            if value is None or value is MISSING:
                return not conditions
            found = cast("dict[str, object]", value) if isinstance(value, dict) else _NO_MEMBERS
            for key, condition in conditions:  # noqa: SIM110 — a generator would double the cost
                if not condition(found.get(key, MISSING)):
                    return False
            return True

        return holds

    def _compile_member(self, member: object, path: str, depth: int, operators: Collection[str]) -> Condition:
        self._count(path)
        if isinstance(member, (list, tuple)):
            return self._compile_list(list(cast("Sequence[object]", member)), path, operators)
        if not isinstance(member, dict):
            raise InvalidFilterError(f"{path}: expected a list of matchers or an object, not {type_name(member)}.")
        nested = self.compile_object(cast("object", member), path, depth + 1, operators)

        def holds(value: object) -> bool:
            if isinstance(value, list):
                return any(map(nested, cast("list[object]", value)))
            return nested(value)

        return holds

    def _compile_list(self, items: list[object], path: str, operators: Collection[str]) -> Condition:
        """Compile a list of matchers: one of the plain values, or all of the operators. An empty one always holds."""
        if not items:
            return _always
        if all(is_plain(item) for item in items):
            return equals_one_of(items, path)
        conditions: list[Condition] = []
        for index, item in enumerate(items):
            if isinstance(item, dict):
                conditions += self._compile_operators(cast("dict[object, object]", item), f"{path}[{index}]", operators)
            else:
                self.complain(
                    f"{path}[{index}]", "a value among operators, or among values of other kinds,", "is ignored"
                )
        return _all(conditions)

    def _compile_operators(
        self, matcher: dict[object, object], path: str, operators: Collection[str]
    ) -> list[Condition]:
        if not matcher:
            self.complain(path, "an object without an operator", "always holds")
        conditions: list[Condition] = []
        is_none = not any(name in operators for name in matcher)
        for name, operand in matcher.items():
            self._count(path)
            place = child_path(path, name)
            if name in operators:
                conditions.append(compile_operator(cast("str", name), operand, place))
            elif is_none:
                # v2 refuses it, too, where it is declared.
                raise InvalidFilterError(f"{place}: an unknown operator is not allowed.")
            else:
                self.complain(place, "an unknown operator", "always holds")
        return conditions

    def complain(self, path: str, what: str, meaning: str) -> None:
        """Refuse a place of the filter, or warn of it where v2's meaning is kept.

        Raises:
            InvalidFilterError: The compiler is strict.
        """
        if not self.lenient:
            raise InvalidFilterError(f"{path}: {what} is not allowed.")
        self.warnings.append(f"{path}: {what} {meaning}.")

    def _count(self, path: str) -> None:
        self._conditions += 1
        if self._conditions > MAX_FILTER_CONDITIONS:
            raise InvalidFilterError(f"{path}: the filter has more than {MAX_FILTER_CONDITIONS} conditions.")


def _all(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    return lambda value: all(condition(value) for condition in conditions)


def _always(_value: object) -> bool:
    return True
