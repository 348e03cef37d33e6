"""Reading JSON with Python's own reader, but refusing what is not the same everywhere: keys twice, too long numbers."""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import cache, partial
from typing import Any, Final

from perdure.errors import JsonError

MAX_NUMBER_LENGTH: Final = 100


def parse_guarded(source: str, max_depth: int, max_digits: int = MAX_NUMBER_LENGTH) -> Any:
    """Read JSON whose shape was checked.

    Raises:
        JsonError: It is none, a number is out of range, or an object has a key twice.
    """
    try:
        return _guarded(max_digits).decode(source)
    except json.JSONDecodeError as error:
        raise JsonError(f"Not JSON: {error.msg} at character {error.pos}.") from error
    except RecursionError as error:
        raise JsonError(f"The JSON is nested more than {max_depth} deep.", code="json_too_deep") from error


def _read_integer(digits: str, most: int) -> int:
    if len(digits) > most:
        raise JsonError(f"A number has more than {most} characters.", code="number_out_of_range")
    return int(digits)


def _read_float(digits: str, most: int) -> float:
    value = float(digits)
    if math.isinf(value) or len(digits) > most:
        shown = digits if len(digits) <= MAX_NUMBER_LENGTH else f"{digits[:20]}…"
        raise JsonError(f"The number {shown} is out of range.", code="number_out_of_range")
    return value


def _refuse_constant(name: str) -> float:
    raise JsonError(f"Not JSON: {name} is no JSON number.")


def _read_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        twice, _ = Counter(name for name, _ in members).most_common(1)[0]
        raise JsonError(f"An object has the key {twice[:100]!r} twice.", code="duplicate_key")
    return value


@cache
def _guarded(max_digits: int) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_read_object,
        parse_int=partial(_read_integer, most=max_digits),
        parse_float=partial(_read_float, most=max_digits),
        parse_constant=_refuse_constant,
    )
