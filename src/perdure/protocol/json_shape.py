"""How deep a JSON text is nested, and how many values it has, found out before a recursive parser sees it."""

from __future__ import annotations

import re
from itertools import accumulate

from perdure.errors import JsonError

_PREFIX = 4096

_BRACKET = re.compile(r"[\[\]{}]")
_EMPTY = re.compile(r"\[\s*\]|\{\s*\}")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def check_shape(source: str, max_depth: int, max_nodes: int) -> None:
    """Refuse what is too deep or too large.

    Raises:
        JsonError: ``json_too_deep`` or ``json_too_large``.
    """
    openings = source.count("[") + source.count("{")
    if openings <= max_depth and openings + source.count(",") < max_nodes:
        return
    # Hostile text is deep from its start: refuse that without reading the rest.
    _check_depth(_outside_strings(source[:_PREFIX]), max_depth)
    outside = _outside_strings(source)
    _check_depth(outside, max_depth)
    filled = outside.count("[") + outside.count("{") - len(_EMPTY.findall(outside))
    # Each comma, and each array or object that is not empty, introduces one more value.
    if 1 + outside.count(",") + filled > max_nodes:
        raise JsonError(f"The JSON has more than {max_nodes} values.", code="json_too_large")


def is_deeper(source: str, max_depth: int) -> bool:
    """Whether more arrays and objects than that enclose one another."""
    return _depth_exceeds(_outside_strings(source), max_depth)


def _outside_strings(source: str) -> str:
    """Keep the part of a JSON text that is not inside strings; a quote stands for each string."""
    return '"'.join(source.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def _check_depth(outside: str, max_depth: int) -> None:
    if _depth_exceeds(outside, max_depth):
        raise JsonError(f"The JSON is nested more than {max_depth} deep.", code="json_too_deep")


def _depth_exceeds(outside: str, max_depth: int) -> bool:
    return any(depth > max_depth for depth in accumulate(map(_STEPS.__getitem__, _BRACKET.findall(outside))))
