"""Codecs: how a value of user code becomes JSON text, and an equal value again.

Whatever a task returns is encoded, stored, decoded and only then handed on, so the first execution and every
replay see equal values of equal type. This module chooses a codec by type; ``plain_codec`` says what codecs do,
``struct_codec`` and ``model_codec`` hold the others.
"""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from perdure.errors import UnsupportedTypeError
from perdure.sdk.annotations import MISSING, NamesInUse, return_annotation
from perdure.sdk.plain_codec import OUTPUT_LIMIT, PLAIN, Codec, spell
from perdure.sdk.struct_codec import fast_codec, struct_codec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OUTPUT_LIMIT", "PLAIN", "Codec", "codec_for", "return_codec", "return_type"]

_CACHED = 4096


def codec_for(annotation: Any) -> Codec:
    """Give the codec of a type.

    Args:
        annotation: A type or any other annotation: JSON types, date and time, ``Decimal``, ``UUID``, enums,
            ``Path``, ``bytes``, dataclasses, pydantic models, ``msgspec.Struct``, ``TypedDict``, named tuples,
            and unions, literals, collections and generics of them. ``Any`` and ``object`` are plain JSON.

    Raises:
        UnsupportedTypeError: Values cannot be decoded to that type.
    """
    if annotation is Any or annotation is MISSING:
        return PLAIN
    if type(annotation) is type:
        return _codec(annotation, "")
    try:
        return _codec(annotation, repr(annotation))
    except TypeError:
        # It has no hash, as `Annotated[int, []]` has none.
        return _codec(_ById(annotation), "")


def return_codec(function: Callable[..., Any] | None, as_type: Any = None) -> Codec:
    """Give the codec for what a function returns.

    Args:
        function: Async or plain; its return annotation counts. Without an annotation, or without a function,
            results come back as their JSON.
        as_type: If given, counts in place of the annotation, which is then not looked at.

    Raises:
        UnsupportedTypeError: The annotation cannot be resolved, or values cannot be decoded to it.
    """
    if as_type is not None:
        return codec_for(as_type)
    if function is None:
        return PLAIN
    plain = _written(function)
    if not isinstance(plain, FunctionType):
        return codec_for(return_annotation(function))
    raw = plain.__annotations__.get("return", MISSING)
    if raw is MISSING:
        return PLAIN
    return codec_for(raw) if type(raw) is type else _RETURNS.codec(plain, raw)


def _written(function: Callable[..., Any]) -> Any:
    """Find the function as it was written: in a partial, a method, or an object that can be called."""
    found: Any = function
    while isinstance(found, partial):
        found = found.func  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    if isinstance(found, MethodType):
        return found.__func__
    if isinstance(found, FunctionType) or inspect.isroutine(found) or isinstance(found, type):
        return found
    return type(cast("object", found)).__call__


def return_type(function: Callable[..., Any]) -> Any:
    """Give the type that a function's return annotation names, or ``None`` if it has no annotation.

    Raises:
        UnsupportedTypeError: The annotation cannot be resolved.
    """
    annotation = return_annotation(function)
    return None if annotation is MISSING else annotation


class _ById:
    """Makes an annotation that has no hash a key of its own."""

    __slots__ = ("annotation",)

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.annotation is self.annotation

    def __hash__(self) -> int:
        return id(self.annotation)


# Equal annotations may differ in what matters here (`date | str == str | date`, `Literal[1] == Literal[True]`),
# and their spelling tells them apart.
@lru_cache(maxsize=_CACHED)
def _codec(key: Any, _spelling: str) -> Codec:
    annotation = key.annotation if isinstance(key, _ById) else key
    codec = fast_codec(annotation, _general_codec)
    return codec if codec is not None else _general_codec(annotation)


def _general_codec(annotation: Any) -> Codec:
    reasons: list[str] = []
    is_struct = isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
    for make in (_struct_codec,) if is_struct else (_model_codec, _struct_codec):
        try:
            return make(annotation)
        except UnsupportedTypeError as error:
            reasons.append(error.message.rstrip("."))
    raise UnsupportedTypeError(
        f"JSON cannot be read as {spell(annotation)}: {'; '.join(reasons)}. Name a type that it can be read as (with "
        "as_type= for a result, schema= for a payload), or leave the annotation out to get plain JSON."
    )


def _struct_codec(annotation: Any) -> Codec:
    return struct_codec(annotation, codec_for)


def _model_codec(annotation: Any) -> Codec:
    # Costs a tenth of a second and is not always needed.
    from perdure.sdk.model_codec import ModelCodec

    return ModelCodec(annotation)


class _Returns:
    """Remembers the codec of each function's return annotation.

    A body is often a new function object in each execution, made from the same code; that is the key.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, Any], tuple[CodeType, NamesInUse, Codec]] = {}

    def codec(self, function: FunctionType, raw: Any) -> Codec:
        code = function.__code__
        key = (id(code), raw if isinstance(raw, str) else repr(raw))
        known = self._known.get(key)
        if known is not None and known[0] is code and known[1].still_hold(function, raw):
            return known[2]
        codec = codec_for(return_annotation(function))
        if len(self._known) >= _CACHED:
            self._known.clear()
        self._known[key] = (code, NamesInUse(function, raw), codec)
        return codec


_RETURNS: Final = _Returns()
