"""Where a JSON value does not fit a type: every place, named down to the key, as zod does.

msgspec says of the first place alone what is wrong; of a member that is missing it names the object, of what stands
under a key of a map no key at all. So once it has refused a value, the value is walked along its type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, cast, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from perdure.errors import Issue

if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[Any, Any], object]
    """Makes a value one of a type; raises `msgspec.ValidationError` where it does not fit."""

MOST_ISSUES: Final = 20
"""How many places are named."""

MOST_VISITS: Final = 10_000
"""How many parts of a value are looked into for them: whoever sends millions is not to hold up everybody else."""

_LONGEST_KEY: Final = 200
_LONGEST_MESSAGE: Final = 300
_PLACE = re.compile(r"(?P<message>.*) - at `(?:key` in `)?\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<place>\d+|\.\.\.)\]")
_MEMBER = re.compile(r"Object (?:missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)


def issue_of(error: msgspec.ValidationError) -> Issue:
    """Read what msgspec says is wrong, and where; a member that is missing or unknown is a place, too."""
    text = str(error)
    found = _PLACE.fullmatch(text)
    path: list[str | int] = []
    if found is not None:
        text = found["message"]
        steps = [step["name"] or step["place"] for step in _STEP.finditer(found["path"])]
        path = [int(step) if step.isdecimal() else step for step in steps]
    member = _MEMBER.fullmatch(text)
    return Issue(path if member is None else [*path, member["name"][:_LONGEST_KEY]], text[:_LONGEST_MESSAGE])


def find_issues(value: object, kind: Any, *, convert: Convert) -> list[Issue]:
    """List where a value does not fit a type: at most the first 20 places, of those that are soon found.

    Args:
        value: What came of JSON text.
        kind: The type.
        convert: Says what is wrong with a part of it.
    """
    walk = _Walk(convert)
    walk.visit(value, kind, ())
    return walk.issues


class _Walk:
    """A walk through a value along its type."""

    def __init__(self, convert: Convert) -> None:
        self.issues: list[Issue] = []
        self._convert = convert
        self._visits = 0

    def visit(self, value: Any, kind: Any, path: tuple[str | int, ...]) -> None:
        if self._is_done() or _is_anything(kind):
            return
        self._visits += 1
        # What fits as a whole need not be walked through; what holds users' JSON never does.
        if self._find(value, kind) is not None:
            self._look_into(value, _fitting(value, kind), path)

    def _is_done(self) -> bool:
        return len(self.issues) >= MOST_ISSUES or self._visits >= MOST_VISITS

    def _find(self, value: object, kind: Any) -> Issue | None:
        try:
            self._convert(value, kind)
        except msgspec.ValidationError as error:
            return issue_of(error)
        return None

    def _look_into(self, value: Any, kind: Any, path: tuple[str | int, ...]) -> None:
        origin, arguments = get_origin(kind), get_args(kind)
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            if _is_object(kind) and _has_tag(members, kind):
                self._visit_struct(members, kind, path)
                return
            if origin in (dict, Mapping) and len(arguments) == 2 and arguments[0] is str:
                for name, member in members.items():
                    if self._is_done():
                        return
                    self.visit(member, arguments[1], (*path, name[:_LONGEST_KEY]))
                return
        if isinstance(value, list) and (
            origin in (list, Sequence) or (origin is tuple and len(arguments) == 2 and arguments[1] is ...)
        ):
            for place, item in enumerate(cast("Sequence[Any]", value)):
                if self._is_done():
                    return
                self.visit(item, arguments[0], (*path, place))
            return
        issue = self._find(cast("object", value), kind)
        if issue is not None:
            self._add((*path, *issue.path), issue.message)

    def _visit_struct(self, members: dict[str, Any], kind: type[Struct], path: tuple[str | int, ...]) -> None:
        fields = msgspec.structs.fields(kind)
        for field in fields:
            name = field.encode_name
            if name in members:
                self.visit(members[name], field.type, (*path, name))
            elif field.required:
                self._add((*path, name), f"Object missing required field `{name}`")
        config = kind.__struct_config__
        if config.forbid_unknown_fields:
            known = {field.encode_name for field in fields} | {config.tag_field}
            for name in members:
                if name not in known:
                    shown = name[:_LONGEST_KEY]
                    self._add((*path, shown), f"Object contains unknown field `{shown}`")

    def _add(self, path: tuple[str | int, ...], message: str) -> None:
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(Issue(path, message))


def _is_anything(kind: Any) -> bool:
    kinds = get_args(kind) if _is_union(kind) else (kind,)
    return any(one in (Raw, Any, object) for one in kinds)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct) and not kind.__struct_config__.array_like


def _has_tag(members: dict[str, Any], kind: type[Struct]) -> bool:
    config = kind.__struct_config__
    return config.tag is None or members.get(config.tag_field or "") == config.tag


def _fitting(value: object, kind: Any) -> Any:
    """Choose from a union what an object or an array is to fit; the union itself, if it cannot be said."""
    if not _is_union(kind):
        return kind
    members = get_args(kind)
    if isinstance(value, dict):
        fitting = [one for one in members if _is_object(one) or get_origin(one) is dict]
        if len(fitting) > 1:
            fitting = [one for one in fitting if _is_object(one) and _has_tag(cast("dict[str, Any]", value), one)]
    elif isinstance(value, list):
        fitting = [one for one in members if get_origin(one) in (list, tuple)]
    else:
        fitting = []
    return fitting[0] if len(fitting) == 1 else kind
