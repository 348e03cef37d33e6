"""What a call may say of its task beside key and function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.task_waits import CallbackWait
from perdure.sdk.durations import seconds_of
from perdure.sdk.io.body import is_async
from perdure.sdk.names import check_id
from perdure.sdk.plain_codec import PLAIN as PLAIN_JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from perdure.protocol.retries import RetryOptions
    from perdure.protocol.state import StateCall
    from perdure.protocol.task_waits import TaskWait
    from perdure.sdk.codec import Codec
    from perdure.sdk.io import IO
    from perdure.sdk.io.body import RunningTask
    from perdure.sdk.scope import OpenTask
    from perdure.sdk.sync_io import SyncIO

    OnError = Callable[[Exception, RunningTask, IO], Awaitable[Any]] | Callable[[Exception, RunningTask, SyncIO], Any]
    """What is asked about a failure: async, or plain (then in a thread)."""


class TaskOptions:
    """Everything that a call may say of its task beside key and function.

    ``wait``: the platform completes the task; a function, if there is one, asks for it outside (`ask_outside`), and
    ``takes_url`` says that it is given the callback URL, not the task. ``call`` makes the state call that is the task's
    work in place of a function. ``codec`` counts in place of ``as_type``.
    ``compared``: what of the params tells two uses of a key apart; ``None``: all of them.
    """

    __slots__ = ("as_type", "call", "codec", "compared", "delay_until", "details", "display_key", "name", "noop",
                 "on_error", "operation", "params", "parse_output", "retry", "takes_url", "timeout", "wait",
                 "wrap")  # fmt: skip

    def __init__(
        self,
        *,
        name: str | None = None,
        operation: str = "run_task",
        as_type: Any = None,
        retry: RetryOptions | None = None,
        timeout: float | None = None,
        params: JsonText | None = None,
        display_key: str | None = None,
        delay_until: datetime | None = None,
        noop: bool = False,
        parse_output: Callable[[Any], Any] | None = None,
        on_error: OnError | None = None,
        details: JsonText | None = None,
        call: Callable[[OpenTask], StateCall] | None = None,
        wrap: Callable[[Any], Any] | None = None,
        wait: TaskWait | None = None,
        takes_url: bool = False,
        codec: Codec | None = None,
        compared: JsonText | None = None,
    ) -> None:
        self.name = name
        self.operation = operation
        self.as_type = as_type
        self.retry = retry
        self.timeout = timeout
        self.params = params
        self.compared = params if compared is None else compared
        self.display_key = display_key
        self.delay_until = delay_until
        self.noop = noop
        self.parse_output = parse_output
        self.on_error = on_error
        self.details = details
        self.call = call
        self.wrap = wrap
        self.wait = wait
        self.takes_url = takes_url
        # What comes from outside is not what the function returns.
        self.codec = PLAIN_JSON if codec is None and wait is not None and as_type is None else codec


PLAIN = TaskOptions()
"""The options of a call that says nothing."""


def callback_wait(callback: object, fn: object, *, noop: bool, delay_until: object) -> CallbackWait:
    """Read the ``callback`` of a call: how long it waits for the request that brings its result.

    Raises:
        InvalidArgumentError: It is no duration, or the call has no function to pass the URL on.
    """
    if noop or delay_until is not None or fn is None:
        raise InvalidArgumentError(
            "callback= needs a function that passes task.callback_url on, and goes with neither noop= nor delay_until=."
        )
    return CallbackWait(seconds_of(callback, what="callback"))


def check_texts(**given: object) -> None:
    """Refuse arguments that are neither text that can be stored nor left out.

    Raises:
        InvalidArgumentError: One is not.
    """
    for label, value in given.items():
        if value is not None:
            check_id(value, what=f"{label}=")


def params_text(params: Any) -> JsonText | None:
    """Encode a task's parameters.

    Raises:
        UnserializableOutputError: They have no JSON form.
    """
    return None if params is None else JsonText(dump(params, root="params"))


def details_text(**details: Any) -> JsonText | None:
    """Encode what is only shown of a task; members that are ``None`` are left out."""
    given = {label: value for label, value in details.items() if value is not None}
    return JsonText(dump(given, root="details")) if given else None


def check_functions(*, parse_output: object, on_error: object) -> None:
    """Refuse what is neither a function nor left out.

    Raises:
        InvalidArgumentError: One is not, or ``parse_output`` is ``async``: it is called each time the stored result is
            read, and nothing awaits it.
    """
    for label, value in (("parse_output", parse_output), ("on_error", on_error)):
        if value is not None and not callable(value):
            raise InvalidArgumentError(f"{label}= is a function; it was given {value!r:.60}.")
    if callable(parse_output) and is_async(parse_output):
        raise InvalidArgumentError("parse_output= is a plain function; it was given an async one.")


def style_details(style: object) -> dict[str, Any] | None:
    """Check the ``style`` of a call: ``{"style": "normal" | "minimal", "variant": …}``."""
    if style is None:
        return None
    shown = dict(cast("Mapping[str, Any]", style)) if isinstance(style, Mapping) else {}
    if shown.get("style", "normal") not in ("normal", "minimal") or not isinstance(shown.get("variant", ""), str):
        shown = {}
    if not shown or not shown.keys() <= {"style", "variant"}:
        raise InvalidArgumentError(
            f'style= is {{"style": "normal" or "minimal"}}, maybe with a "variant"; it was given {style!r:.60}.'
        )
    return shown


def redact_details(paths: object) -> dict[str, Any] | None:
    """Check the ``redact`` of a call: a list of dotted paths into the output."""
    if paths is None:
        return None
    listed = cast("Sequence[object]", paths) if isinstance(paths, list | tuple) else None
    if listed is None or not all(isinstance(one, str) for one in listed):
        raise InvalidArgumentError(f'redact= is a list of paths such as ["user.token"]; it was given {paths!r:.60}.')
    return {"paths": list(listed)}


def sequence_details(properties: object, *, what: str = "properties=") -> list[dict[str, str]] | None:
    """Check properties, those of a call or of its result: a list of ``{"label", "text", "url"}``."""
    if properties is None:
        return None
    if not isinstance(properties, list | tuple):
        raise InvalidArgumentError(f"{what} is a list of dicts; it was given {properties!r:.60}.")
    return [_property(one, what) for one in cast("Sequence[object]", properties)]


def _property(value: object, what: str) -> dict[str, str]:
    shown = dict(cast("Mapping[str, str]", value)) if isinstance(value, Mapping) else {}
    if not all(isinstance(text, str) for text in (shown.get("label"), shown.get("text"), shown.get("url", ""))):
        raise InvalidArgumentError(
            f'Each of {what} has "label" and "text" and maybe "url", all text; this one is {value!r:.60}.'
        )
    return shown
