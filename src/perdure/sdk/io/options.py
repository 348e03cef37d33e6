"""What a call may say of its task beside key and function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.errors import InvalidArgumentError
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from perdure.protocol.retries import RetryOptions
    from perdure.sdk.io import IO
    from perdure.sdk.io.body import RunningTask


class TaskOptions:
    """Everything that a call may say of its task beside key and function."""

    __slots__ = ("as_type", "delay_until", "details", "display_key", "name", "noop", "on_error", "operation", "params",
                 "parse_output", "retry", "timeout", "wrap")  # fmt: skip

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
        on_error: Callable[[Exception, RunningTask, IO], Any] | None = None,
        details: JsonText | None = None,
        wrap: Callable[[Any], Any] | None = None,
    ) -> None:
        self.name = name
        self.operation = operation
        self.as_type = as_type
        self.retry = retry
        self.timeout = timeout
        self.params = params
        self.display_key = display_key
        self.delay_until = delay_until
        self.noop = noop
        self.parse_output = parse_output
        self.on_error = on_error
        self.details = details
        self.wrap = wrap


PLAIN = TaskOptions()
"""The options of a call that says nothing."""


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


def sequence_details(properties: Sequence[Mapping[str, str]] | None) -> list[dict[str, str]] | None:
    """Check the ``properties`` of a call: a list of ``{"label", "text", "url"}``."""
    if properties is None:
        return None
    for one in properties:
        if not isinstance(one.get("label"), str) or not isinstance(one.get("text"), str):
            raise InvalidArgumentError('Each of properties= needs "label" and "text", both text.')
    return [dict(one) for one in properties]
