"""Codecs on msgspec's own decoders: types that it reads as exactly as pydantic does, and those that only it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import inspect as types

from perdure.errors import Issue, PayloadValidationError, UnsupportedTypeError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump, load
from perdure.protocol.misfits import find_issues, issue_of
from perdure.sdk.plain_codec import Codec, misfit, spell

_SLOW: Final = object()
_LEAVES: Final = frozenset(
    {bool, int, float, str, NoneType, list, dict, bytes, date, datetime, time, timedelta, UUID},
)

CodecFactory = Callable[[Any], Codec]


class FastCodec(Codec):
    """Decodes JSON types and a few others, such as ``dict[str, datetime]``, at msgspec's speed.

    What msgspec refuses, such as ``true`` for an ``int``, the general codec has the last word on.
    """

    __slots__ = ("_decode", "_general", "_make_general")

    def __init__(self, annotation: Any, form: Any, make_general: CodecFactory) -> None:
        super().__init__(annotation)
        self._decode = msgspec.json.Decoder(form).decode
        self._make_general = make_general
        self._general: Codec | None = None

    def decode(self, text: JsonText) -> Any:
        """Decode text that was stored."""
        try:
            return self._decode(text)
        except msgspec.MsgspecError:
            if self._general is None:
                self._general = self._make_general(self.annotation)
            return self._general.decode(text)


class StructCodec(Codec):
    """Decodes what pydantic does not know: ``msgspec.Struct``, ``TypedDict`` on Python 3.11, and what holds them."""

    __slots__ = ("_decode", "_hook")

    def __init__(self, annotation: Any, codec_for: CodecFactory) -> None:
        super().__init__(annotation)
        self._hook = _decode_by(codec_for)
        self._decode = msgspec.json.Decoder(annotation, dec_hook=self._hook).decode

    def decode(self, text: JsonText) -> Any:
        """Decode text that was stored."""
        try:
            return self._decode(text)
        except msgspec.ValidationError as error:
            raise misfit(self._issues(error, load(text)), self.annotation) from error
        except msgspec.DecodeError:
            return self._convert(load(text))
        except Exception as error:
            # What a struct does when it is made is user code.
            raise misfit([Issue((), f"{type(error).__name__}: {error}")], self.annotation) from error

    def _convert(self, value: object) -> Any:
        """Decode what msgspec cannot read from text: escapes of lone surrogates."""
        try:
            return self._convert_to(value, self.annotation)
        except msgspec.ValidationError as error:
            raise misfit(self._issues(error, value), self.annotation) from error

    def _convert_to(self, value: object, kind: Any) -> Any:
        return msgspec.convert(value, kind, dec_hook=self._hook, str_keys=True)

    def _issues(self, error: msgspec.ValidationError, value: object) -> list[Issue]:
        try:
            return find_issues(value, self.annotation, convert=self._convert_to) or [issue_of(error)]
        except Exception:
            # What a struct does when it is made is user code.
            return [issue_of(error)]

    def _check_kept(self, value: object, stored: object, text: JsonText, root: str) -> None:
        # A key that is no text is decoded to its own type again, and models may have an equality of their own.
        return


def fast_codec(annotation: Any, make_general: CodecFactory) -> Codec | None:
    """Give the fast codec of a type, or ``None`` if there is none."""
    form = _fast_form(annotation)
    if form is _SLOW:
        return None
    return Codec() if form is Any else FastCodec(annotation, form, make_general)


def struct_codec(annotation: Any, codec_for: CodecFactory) -> Codec:
    """Give the codec of a type that msgspec knows.

    Raises:
        UnsupportedTypeError: It does not know the type, or a part of it that no other codec knows either.
    """
    try:
        known = types.type_info(annotation)
        codec = StructCodec(annotation, codec_for)
    except (TypeError, NameError) as error:
        raise UnsupportedTypeError(str(error)) from error
    for custom in _custom_types(known):
        if custom in (annotation, type) or not _is_known(custom, codec_for):
            raise UnsupportedTypeError(f"{spell(custom)} is no type that JSON can be read as")
    return codec


def _fast_form(annotation: Any) -> Any:
    """Find what msgspec is to decode; ``_SLOW`` for what pydantic must."""
    if annotation is Any or annotation is object:
        return Any
    if annotation is None:
        return NoneType
    if isinstance(annotation, type) and annotation in _LEAVES:
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list and len(arguments) == 1:
        return _wrap(lambda item: cast("Any", list)[item], _fast_form(arguments[0]))
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return _wrap(lambda member: cast("Any", dict)[str, member], _fast_form(arguments[1]))
    if origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        other = arguments[0] if arguments[1] is NoneType else arguments[1]
        return _wrap(lambda member: Union[member, None], _fast_form(other))  # noqa: UP007
    return _SLOW


def _wrap(outer: Callable[[Any], Any], form: Any) -> Any:
    return _SLOW if form is _SLOW else outer(form)


def _custom_types(node: object) -> Iterator[type]:
    """List the types inside one that msgspec leaves to a hook."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, types.CustomType):
            yield found.cls
        elif isinstance(found, (tuple, list)):
            waiting.extend(found)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(found, msgspec.Struct) and id(found) not in seen:
            seen.add(id(found))
            waiting.extend(getattr(found, name) for name in found.__struct_fields__)


def _is_known(custom: type, codec_for: CodecFactory) -> bool:
    try:
        codec_for(custom)
    except UnsupportedTypeError:
        return False
    return True


def _decode_by(codec_for: CodecFactory) -> Callable[[type, Any], Any]:
    """Let the other codecs decode what msgspec does not know, such as pydantic models inside a struct."""

    def decode(kind: type, value: Any) -> Any:
        try:
            return codec_for(kind).decode(JsonText(dump(value)))
        except PayloadValidationError as error:
            # msgspec adds the place to a ValueError.
            raise ValueError(error.message) from error

    return decode
