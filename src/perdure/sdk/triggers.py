"""What starts a job."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import EventTriggerSpec, InvokeTriggerSpec, TriggerSpec
from perdure.protocol.event_filter import compile_event_filter
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump

_NAME_LIMIT = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a job; made by `event_trigger` or `invoke_trigger`.

    Attributes:
        schema: The type of the payloads, or ``None``.
        examples: Payloads to try the job with: a list of ``{"id", "name", "payload"}``.
        spec: The trigger as it is registered.
    """

    spec: TriggerSpec
    schema: Any = None
    examples: tuple[Mapping[str, Any], ...] = ()


def event_trigger(
    name: str | Sequence[str],
    *,
    schema: Any = None,
    filter: Mapping[str, Any] | None = None,
    context_filter: Mapping[str, Any] | None = None,
    source: str = "trigger.dev",
    examples: Sequence[Mapping[str, Any]] = (),
) -> Trigger:
    """Start a job for every event that matches.

    Args:
        name: The event's name, or several of which any will do; each 1–512 characters without control characters.
        schema: The type of the payloads; default: the annotation of the job's first parameter. A payload that does
            not fit ends the run as INVALID_PAYLOAD.
        filter: Must match the payload, as JSON (v2 protocol, section 12.1; every operator in an object must hold).
        context_filter: Must match the event's context.
        source: Must equal the event's source.
        examples: Payloads to try the job with.

    Raises:
        InvalidArgumentError: A name is outside its limits, or a filter has an unknown operator or a wrong operand.
    """
    names = (name,) if isinstance(name, str) else tuple(name)
    if not names:
        raise InvalidArgumentError("event_trigger needs the name of at least one event.")
    for one in names:
        _check_name(one, "An event's name")
    _check_name(source, "source")
    return Trigger(
        EventTriggerSpec(names, source, _filter_text(filter, "filter"), _filter_text(context_filter, "context_filter")),
        schema,
        tuple(examples),
    )


def invoke_trigger(*, schema: Any = None, examples: Sequence[Mapping[str, Any]] = ()) -> Trigger:
    """Start a job only when it is invoked. Arguments as for `event_trigger`."""
    return Trigger(InvokeTriggerSpec(), schema, tuple(examples))


def _filter_text(filter: Mapping[str, Any] | None, what: str) -> JsonText | None:
    if filter is None:
        return None
    compile_event_filter(filter, path=what)
    return JsonText(dump(dict(filter), root=what))


def _check_name(value: object, what: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= _NAME_LIMIT or _CONTROL.search(value):
        raise InvalidArgumentError(
            f"{what} is a text of 1 to {_NAME_LIMIT} characters without control characters; got {value!r:.80}."
        )
