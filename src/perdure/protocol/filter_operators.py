"""The content matchers of event filters: ``$gt``, ``$startsWith`` and so on (v2 protocol, section 12.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from perdure.errors import InvalidFilterError
from perdure.protocol.value_paths import type_name

MISSING: Final = object()
"""Stands for the value of a key that an object does not have."""

Condition: TypeAlias = Callable[[object], bool]
"""A compiled part of a filter: says whether a value, or ``MISSING``, satisfies it."""


def compile_operator(name: str, operand: object, path: str) -> Condition:
    """Compile one operator.

    Args:
        name: One of ``OPERATORS``.
        operand: What the filter gives for it.
        path: Where it stands, for error messages.

    Raises:
        InvalidFilterError: The operand is of the wrong kind.
    """
    return OPERATORS[name](operand, path)


def equals_one_of(values: list[object], path: str) -> Condition:
    """Compile a list of plain values of one kind: strictly equal to one of them, without coercion.

    Raises:
        InvalidFilterError: The values are not all text, all numbers or all booleans.
    """
    if all(isinstance(value, bool) for value in values):
        booleans = frozenset(values)
        return lambda value: isinstance(value, bool) and value in booleans
    if all(isinstance(value, str) for value in values):
        texts = frozenset(values)
        return lambda value: isinstance(value, str) and value in texts
    numbers = frozenset(_number(value, path, "text, numbers and booleans do not mix in one list") for value in values)
    return lambda value: _is_number(value) and value in numbers


def is_plain(value: object) -> bool:
    """Say whether a value is text, a number or a boolean."""
    return isinstance(value, (str, int, float))


def _ends_with(operand: object, path: str) -> Condition:
    suffix = _text(operand, path)
    return lambda value: isinstance(value, str) and value.endswith(suffix)


def _starts_with(operand: object, path: str) -> Condition:
    prefix = _text(operand, path)
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _ignore_case_equals(operand: object, path: str) -> Condition:
    folded = _text(operand, path).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _anything_but(operand: object, path: str) -> Condition:
    if not isinstance(operand, (list, tuple)):
        unwanted = _equals(operand, path)
    else:
        values = list(cast("list[object]", operand))
        if not all(is_plain(value) for value in values):
            raise InvalidFilterError(f"{path}: expected text, numbers or booleans.")
        unwanted = equals_one_of(values, path)
    return lambda value: not unwanted(value)


def _exists(operand: object, path: str) -> Condition:
    expected = _boolean(operand, path)
    return lambda value: (value is not MISSING) is expected


def _is_null(operand: object, path: str) -> Condition:
    expected = _boolean(operand, path)
    return lambda value: (value is None) is expected


def _greater(operand: object, path: str) -> Condition:
    bound = _number(operand, path)
    return lambda value: _is_number(value) and cast("float", value) > bound


def _less(operand: object, path: str) -> Condition:
    bound = _number(operand, path)
    return lambda value: _is_number(value) and cast("float", value) < bound


def _greater_or_equal(operand: object, path: str) -> Condition:
    bound = _number(operand, path)
    return lambda value: _is_number(value) and cast("float", value) >= bound


def _less_or_equal(operand: object, path: str) -> Condition:
    bound = _number(operand, path)
    return lambda value: _is_number(value) and cast("float", value) <= bound


def _between(operand: object, path: str) -> Condition:
    bounds = cast("list[object]", operand)
    if not isinstance(operand, (list, tuple)) or len(bounds) != 2:
        raise InvalidFilterError(f"{path}: expected a list of two numbers, the lowest and the highest.")
    low, high = _number(bounds[0], f"{path}[0]"), _number(bounds[1], f"{path}[1]")
    return lambda value: _is_number(value) and low <= cast("float", value) <= high


def _includes(operand: object, path: str) -> Condition:
    wanted = _equals(operand, path)
    return lambda value: isinstance(value, list) and any(map(wanted, cast("list[object]", value)))


def _not(operand: object, path: str) -> Condition:
    unwanted = _equals(operand, path)

    def holds(value: object) -> bool:
        if isinstance(value, list):
            return not any(map(unwanted, cast("list[object]", value)))
        return is_plain(value) and not unwanted(value)

    return holds


OPERATORS: Final[dict[str, Callable[[object, str], Condition]]] = {
    "$endsWith": _ends_with,
    "$startsWith": _starts_with,
    "$anythingBut": _anything_but,
    "$exists": _exists,
    "$gt": _greater,
    "$lt": _less,
    "$gte": _greater_or_equal,
    "$lte": _less_or_equal,
    "$between": _between,
    "$includes": _includes,
    "$ignoreCaseEquals": _ignore_case_equals,
    "$isNull": _is_null,
    "$not": _not,
}

TEXT_OPERATORS: Final = frozenset({"$endsWith", "$startsWith", "$ignoreCaseEquals"})
"""Those that the filters of headers and query parameters may use."""


def _equals(operand: object, path: str) -> Condition:
    if not is_plain(operand):
        raise InvalidFilterError(f"{path}: expected text, a number or a boolean, not {type_name(operand)}.")
    return equals_one_of([operand], path)


def _text(operand: object, path: str) -> str:
    if not isinstance(operand, str):
        raise InvalidFilterError(f"{path}: expected text, not {type_name(operand)}.")
    return operand


def _boolean(operand: object, path: str) -> bool:
    if not isinstance(operand, bool):
        raise InvalidFilterError(f"{path}: expected true or false, not {type_name(operand)}.")
    return operand


def _number(operand: object, path: str, expectation: str = "expected a number") -> float:
    if not _is_number(operand) or (isinstance(operand, float) and not math.isfinite(operand)):
        raise InvalidFilterError(f"{path}: {expectation}.")
    return cast("float", operand)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
