"""Turning values of user code into plain ones that a JSON encoder takes, and naming those that resist."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from pathlib import PurePath
from typing import TypeAlias, cast

import msgspec

from perdure.protocol.redacted import RedactedString
from perdure.protocol.value_paths import child_path, type_name

Convert: TypeAlias = Callable[[object], object]


def to_plain(value: object) -> object:
    """Turn a value that msgspec does not know into one that it does.

    Subclasses of the plain types become plain, paths and redacted strings text (the latter masked),
    other mappings, sequences and sets their plain counterparts.

    Raises:
        TypeError: There is no JSON form for this type.
    """
    match value:
        case bool() | list() | tuple() | dict() | set() | frozenset():
            # msgspec knows these: they come here only as keys, which they cannot be.
            raise TypeError("no key of an object")
        case str():
            return str.__str__(value)
        case int():
            return int.__pos__(value)
        case float():
            return float.__pos__(value)
        case PurePath() | RedactedString():
            return str(value)
        case Mapping():
            return dict(cast("Mapping[object, object]", value))
        case Sequence() | Set() | ValuesView():
            return list(cast("Sequence[object]", value))
        case _:
            raise TypeError(f"{type_name(value)} has no JSON form")


def describe_depth(path: str, max_depth: int) -> str:
    """Say that a value is nested too deep to be stored."""
    return f"{path}: nested more than {max_depth} deep, or inside itself."


def find_unserializable(value: object, path: str, convert: Convert, *, max_depth: int) -> str | None:
    """Describe the first part of a value that cannot become JSON.

    Args:
        value: What could not be encoded.
        path: What the value is called, such as ``result``.
        convert: Turns values that msgspec does not know into ones it does, or raises ``TypeError``.
        max_depth: How many arrays and objects may enclose one another.

    Returns:
        A sentence that starts with the path of the part, or ``None`` if each part by itself is fine.
    """
    try:
        return _find(value, path, convert, max_depth)
    except RecursionError:
        return describe_depth(path, max_depth)


def _find(value: object, path: str, convert: Convert, depth_left: int) -> str | None:
    if isinstance(value, float):
        finite = math.isfinite(value)
        return None if finite else f"{path}: {float.__repr__(value)} cannot be stored; JSON has no such number."
    members = _members(value)
    if members is None:
        return _describe_leaf(value, path, convert, depth_left)
    if depth_left == 0:
        raise RecursionError
    for name, member in members:
        if not _is_key(name, convert):
            return f"{path}: a key of type {type_name(name)} cannot be stored; the keys of an object are text."
        problem = _find(member, child_path(path, name), convert, depth_left - 1)
        if problem is not None:
            return problem
    return None


def _members(value: object) -> Iterator[tuple[object, object]] | None:
    """List what a container holds, or return ``None`` for anything else."""
    if isinstance(value, Mapping):
        return iter(cast("Mapping[object, object]", value).items())
    if isinstance(value, (list, tuple, Set)):
        return enumerate(cast("Sequence[object]", value))
    names = _field_names(value)
    return None if names is None else ((name, getattr(value, name)) for name in names if hasattr(value, name))


def _field_names(value: object) -> Sequence[str] | None:
    if isinstance(value, type):
        return None
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    attributes = getattr(type(value), "__attrs_attrs__", None)
    return None if attributes is None else [attribute.name for attribute in attributes]


def _describe_leaf(value: object, path: str, convert: Convert, depth_left: int) -> str | None:
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        try:
            converted = convert(value)
        except TypeError:
            return f"{path}: {type_name(value)} cannot be stored as JSON."
        if type(converted) is type(value):
            return f"{path}: {error}."
        return _find(converted, path, convert, depth_left)
    return None


def _is_key(name: object, convert: Convert) -> bool:
    if isinstance(name, str):
        return True
    try:
        msgspec.json.Encoder(enc_hook=convert).encode({name: None})
    except (TypeError, ValueError):
        return False
    return True
