"""Failures of tasks: how an exception is stored, and the same one raised again on every replay.

An exception is stored as its class's name, its ``args`` and its members as far as they are JSON, and made again
without calling ``__init__``, since many classes want arguments there that are not stored. What was raised is
replaced by what was made, so the first execution and every replay take the same ``except`` branch and find the
same members.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any, Final, cast

from perdure.errors import TaskFailedError
from perdure.protocol.execution import ErrorInfo, JsonText
from perdure.protocol.json_text import dump, load
from perdure.protocol.value_paths import type_name
from perdure.sdk.error_forms import REGISTERED, name_of
from perdure.sdk.stacks import stack_text

_MESSAGE_LIMIT: Final = 16_384
_DATA_LIMIT: Final = 262_144
_MAX_DEPTH: Final = 16
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")

_FILE_NAMES: Final = frozenset({"filename", "filename2"})

# Classes may forbid it, as frozen dataclasses do.
_set: Final = BaseException.__setattr__


def describe(error: BaseException) -> ErrorInfo:
    """Make the record of an exception: name, message, stack, and what it can be made again from."""
    name, before = type(error).__name__, None
    if isinstance(error, TaskFailedError):
        name = error.name
        # The text is all that is left of a cause once the run is executed again.
        before = error.stack if error.__cause__ is None else None
    return ErrorInfo(
        name=_storable(name),
        message=_storable(_message_of(error)),
        stack=_storable(stack_text(error, before=before)),
        data=_encode(error),
    )


def rebuild(info: ErrorInfo) -> Exception:
    """Make the exception that every replay raises for a stored failure.

    Returns:
        One of the original class, if that class is found among the modules already loaded; else a
        `TaskFailedError` with the stored name, message and stack.
    """
    found = None if info.data is None else _decode(info.data)
    return found if found is not None else TaskFailedError(info.message, name=info.name, stack=info.stack)


def normalize(error: BaseException) -> tuple[ErrorInfo, Exception]:
    """Prepare a task's failure for storing, and for raising it as every replay will.

    Args:
        error: What the task's body raised.

    Returns:
        What to store, and what to raise in place of ``error``: equal to what ``rebuild`` makes of the
        former. A `TaskFailedError` has ``error`` as its cause; any other continues its traceback.
    """
    info = describe(error)
    raised = rebuild(info)
    if type(raised) is type(error):
        _set(raised, "__traceback__", error.__traceback__)
        _set(raised, "__cause__", error.__cause__)
    else:
        raised.__cause__ = error
    _set(raised, "__suppress_context__", True)
    return info, raised


def _encode(error: BaseException) -> JsonText | None:
    cls = type(error)
    if not isinstance(error, Exception):
        return None
    module, qualname = name_of(cls)
    registered = REGISTERED.get((module, qualname))
    try:
        if registered is not None and registered[0] is cls:
            value = dump({"module": module, "qualname": qualname, "value": registered[1](error)})
            return JsonText(value) if len(value) <= _DATA_LIMIT else None
        if _find(module, qualname) is not cls:
            return None
        budget = [_DATA_LIMIT]
        args = [argument for argument in error.args if _is_kept(argument, budget)]
        members = {name: member for name, member in _members_of(error).items() if _is_kept(member, budget)}
        return JsonText(dump({"module": module, "qualname": qualname, "args": args, "members": members}))
    except Exception:
        # Properties, encoders and odd values are user code; an error that cannot be kept is described only.
        return None


def _decode(data: JsonText) -> Exception | None:
    try:
        stored: dict[str, Any] = load(data)
        module, qualname = stored["module"], stored["qualname"]
        if "value" in stored:
            cls, _, decode = REGISTERED[module, qualname]
            made = decode(stored["value"])
        else:
            found = _find(module, qualname)
            if found is None:
                return None
            cls, made = found, _make(found, stored["args"], stored["members"])
        # One that cannot be printed would fail where it is logged.
        str(made)
    except Exception:
        # The classes are user code, and may have changed since.
        return None
    return made if type(made) is cls else None


def _make(cls: type[Exception], args: list[Any], members: dict[str, Any]) -> Exception:
    made = cls.__new__(cls, *args)
    _set(made, "args", tuple(args))
    if isinstance(made, OSError):
        for name in _FILE_NAMES & members.keys():
            _set(made, name, members.pop(name))
    vars(made).update(members)
    return made


def _members_of(error: Exception) -> dict[str, Any]:
    members = dict(vars(error))
    if isinstance(error, OSError):
        # They are neither among the arguments nor among the members, and belong to the message.
        members |= {name: getattr(error, name) for name in _FILE_NAMES if getattr(error, name) is not None}
    return members


def _find(module: str, qualname: str) -> type[Exception] | None:
    """Find a class among the modules already loaded; nothing is imported for it."""
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _is_kept(value: object, budget: list[int]) -> bool:
    """Say whether a value survives JSON, and take its length off the budget; a tuple survives as a list."""
    if not _is_json(value, _MAX_DEPTH):
        return False
    length = len(dump(value))
    if length > budget[0]:
        return False
    budget[0] -= length
    return True


def _is_json(value: object, depth_left: int) -> bool:
    if value is None or isinstance(value, (str, bool, int)):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if depth_left == 0:
        return False
    if isinstance(value, (list, tuple)):
        return all(_is_json(item, depth_left - 1) for item in cast("list[object]", value))
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        return all(isinstance(name, str) and _is_json(member, depth_left - 1) for name, member in members.items())
    return False


def _message_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as failure:
        return f"<str() of this {type_name(error)} failed: {type(failure).__name__}>"
    return text if len(text) <= _MESSAGE_LIMIT else f"{text[:_MESSAGE_LIMIT]}…"


def _storable(text: str) -> str:
    # Not every database takes NUL and lone surrogates.
    return _UNSTORABLE.sub("\ufffd", text)
