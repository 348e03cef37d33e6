"""What a node is asked and answers, as the JSON of its own API.

Each struct that the interfaces of `perdure.protocol` take and give, and each of `api_bodies`, is an object with the
same members. A member that holds JSON text is that JSON itself, an instant is ISO-8601 text in UTC, and ``None`` is
null. The timings of schedules are told apart by ``type``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin

from msgspec import NODEFAULT, Raw, Struct, defstruct, field
from msgspec.structs import FieldInfo, fields

from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.codec import decode_message, decode_request, encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.schedules import CronTiming, IntervalTiming, V2CronTiming

T = TypeVar("T")
Convert = Callable[[Any], Any]

_TAGS: Final[dict[type, str]] = {IntervalTiming: "interval", CronTiming: "cron", V2CronTiming: "v2-cron"}
_NULL: Final = Raw(b"null")


def encode(answer: Any) -> bytes:
    """Write a struct, or a list of them, as JSON."""
    if isinstance(answer, (list, tuple)):
        return encode_message([_as_wire(member) for member in cast("list[Any]", answer)])
    return encode_message(_as_wire(answer))


def decode(data: bytes, kind: type[T], *, is_strict: bool = False) -> T:
    """Read what `encode` wrote, or what somebody else did.

    Args:
        data: JSON text; if it comes from outside, it has passed `perdure.protocol.json_text.check`.
        kind: A struct, or ``list`` of one.
        is_strict: Whether a member that the struct has not is refused, and not left out.

    Raises:
        JsonError: It is no JSON.
        MessageShapeError: A member is missing or of the wrong type; if strict, also: a member is unknown, or a text
            has half of a surrogate pair.
    """
    convert = _reading(kind, is_strict)
    decode_it = decode_request if is_strict else decode_message
    message: Any = decode_it(data, _wire_type(cast("Any", kind), is_strict))
    return cast("T", message if convert is None else convert(message))


def wire_type(kind: Any, *, is_strict: bool = False) -> Any:
    """Give the type whose JSON that of this one is; what the API is documented with."""
    return _wire_type(kind, is_strict)


@lru_cache(maxsize=256)
def _wire_type(kind: Any, is_strict: bool) -> Any:
    if kind is JsonText or _is_optional_json(kind):
        return Raw
    if kind is datetime:
        return Instant
    if _is_struct(kind):
        return _wire_struct(kind, is_strict)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return Union[tuple(_wire_type(member, is_strict) for member in get_args(kind))]  # noqa: UP007
    if origin in (list, tuple):
        return GenericAlias(list, _wire_type(get_args(kind)[0], is_strict))
    return kind


def _wire_struct(kind: type[Struct], is_strict: bool) -> type[Struct]:
    members: list[Any] = []
    for member in fields(kind):
        given = (member.name, _wire_type(member.type, is_strict))
        members.append(given if member.required else (*given, _wire_default(member)))
    tag = _TAGS.get(kind)
    return defstruct(
        kind.__name__,
        members,
        module=kind.__module__,
        namespace={"__doc__": kind.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=is_strict,
        tag=tag,
        tag_field=None if tag is None else "type",
    )


def _wire_default(member: FieldInfo) -> Any:
    default = member.default_factory() if member.default is NODEFAULT else member.default
    convert = _writing(member.type)
    written = default if convert is None else convert(default)
    # A schema cannot show JSON text as a default; one that is made is not shown.
    return field(default_factory=lambda: written) if isinstance(written, Raw) else written


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _is_optional_json(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and set(get_args(kind)) == {JsonText, NoneType}


# Values of the one kind, made into those of the other; None stands for leaving them as they are.


def _as_wire(answer: Struct) -> Any:
    convert = _writing(type(answer))
    return answer if convert is None else convert(answer)


@lru_cache(maxsize=256)
def _writing(kind: Any) -> Convert | None:
    if kind is JsonText:
        return _write_json
    if _is_optional_json(kind):
        return lambda text: _NULL if text is None else _write_json(text)
    if kind is datetime:
        return Instant.of
    if _is_struct(kind):
        return _structs(kind, cast("type[Struct]", _wire_type(kind, False)), _writing)
    return _nested(kind, _writing)


def _reading(kind: Any, is_strict: bool) -> Convert | None:
    return _reading_strictly(kind) if is_strict else _reading_leniently(kind)


@lru_cache(maxsize=256)
def _reading_strictly(kind: Any) -> Convert | None:
    return _read_into(kind, _reading_strictly)


@lru_cache(maxsize=256)
def _reading_leniently(kind: Any) -> Convert | None:
    return _read_into(kind, _reading_leniently)


def _read_into(kind: Any, within: Callable[[Any], Convert | None]) -> Convert | None:
    if kind is JsonText:
        return _read_json
    if _is_optional_json(kind):
        return lambda raw: None if bytes(raw) == b"null" else _read_json(raw)
    if kind is datetime:
        return _read_instant
    if _is_struct(kind):
        return _structs(kind, kind, within)
    return _nested(kind, within)


def _structs(kind: type[Struct], target: type[Struct], within: Callable[[Any], Convert | None]) -> Convert:
    members = [(member.name, within(member.type) or _same) for member in fields(kind)]

    def convert(value: Any) -> Any:
        return target(**{name: change(getattr(value, name)) for name, change in members})

    return convert


def _nested(kind: Any, within: Callable[[Any], Convert | None]) -> Convert | None:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (list, tuple):
        as_sequence = cast("Callable[[Any], Any]", origin)
        change = within(inner[0])
        return as_sequence if change is None else _each(change, as_sequence)
    if origin in (Union, UnionType):
        by_name = {
            one.__name__: change
            for one in inner
            if isinstance(one, type) and one is not NoneType and (change := within(one)) is not None
        }
        if by_name:
            # A wire type has the name of the type that it stands for; an instant stands for a datetime.
            return lambda value: by_name.get(_name(value), _same)(value)
    return None


def _each(change: Convert, as_sequence: Convert) -> Convert:
    return lambda values: as_sequence([change(value) for value in values])


def _name(value: object) -> str:
    return "datetime" if isinstance(value, datetime) else type(value).__name__


def _same(value: Any) -> Any:
    return value


def _write_json(text: str) -> Raw:
    return Raw(text.encode())


def _read_instant(instant: Instant) -> datetime:
    return datetime.combine(instant, instant.timetz())


def _read_json(raw: Raw) -> JsonText:
    # A copy: the bytes that it was read from may be large, and the text may be kept.
    return JsonText(bytes(raw).decode())
