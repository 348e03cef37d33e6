"""Triggers: what starts a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

from msgspec import Struct

from perdure.errors import InvalidArgumentError
from perdure.protocol.endpoint import EventTriggerSpec, InvokeTriggerSpec, TriggerSpec
from perdure.protocol.execution import JsonText
from perdure.protocol.json_text import dump
from perdure.protocol.value_paths import type_name
from perdure.sdk.names import check_name

if TYPE_CHECKING:
    from perdure.sdk.http_endpoint import Verify

T = TypeVar("T")

DEFAULT_SOURCE: Final = "trigger.dev"
"""The source of events that name none, and the one that event triggers listen to (v2 protocol, section 9)."""


class Trigger(Struct, Generic[T], frozen=True, kw_only=True):
    """What starts a job, and what payload it brings.

    Attributes:
        schema: The type of the payload; ``None``: what the job's function says.
    """

    schema: type[T] | None = None

    def spec(self) -> TriggerSpec:
        """Give the trigger as the platform registers it."""
        return InvokeTriggerSpec()

    def verifier(self) -> Verify | None:
        """Give what every payload must pass before the job's function is called, if there is something."""
        return None


class InvokeTrigger(Trigger[T], frozen=True, kw_only=True):
    """Starts a job when it is invoked, and only then."""


class EventTrigger(Trigger[T], frozen=True, kw_only=True):
    """Starts a job when an event matches.

    Attributes:
        names: The events it listens to.
        source: The source that an event must have.
        filter: JSON of what the payload must match, or ``None``.
        context_filter: JSON of what the context must match, or ``None``.
        examples: Example payloads for the test page.
    """

    names: tuple[str, ...]
    source: str = DEFAULT_SOURCE
    filter: JsonText | None = None
    context_filter: JsonText | None = None
    examples: JsonText | None = None

    def spec(self) -> TriggerSpec:
        """Give the trigger as the platform registers it."""
        return EventTriggerSpec(
            names=self.names, source=self.source, filter=self.filter, context_filter=self.context_filter
        )


@overload
def event_trigger(
    name: str | Sequence[str],
    *,
    schema: type[T],
    filter: Mapping[str, Any] | None = None,
    context_filter: Mapping[str, Any] | None = None,
    source: str = DEFAULT_SOURCE,
    examples: Sequence[Mapping[str, Any]] = (),
) -> EventTrigger[T]: ...


@overload
def event_trigger(
    name: str | Sequence[str],
    *,
    schema: Any = None,
    filter: Mapping[str, Any] | None = None,
    context_filter: Mapping[str, Any] | None = None,
    source: str = DEFAULT_SOURCE,
    examples: Sequence[Mapping[str, Any]] = (),
) -> EventTrigger[Any]: ...


def event_trigger(
    name: str | Sequence[str],
    *,
    schema: Any = None,
    filter: Mapping[str, Any] | None = None,
    context_filter: Mapping[str, Any] | None = None,
    source: str = DEFAULT_SOURCE,
    examples: Sequence[Mapping[str, Any]] = (),
) -> EventTrigger[Any]:
    """Start a job whenever an event of that name is sent.

    Args:
        name: The name, or several of which one must be the event's; compared exactly.
        schema: The type of the payload: a pydantic model, a dataclass, a ``msgspec.Struct``, a ``TypedDict``, …
            A payload that does not fit ends its run with ``INVALID_PAYLOAD``. Default: the annotation of the
            payload in the job's function.
        filter: What the payload must match, such as ``{"email": [{"$endsWith": "@example.com"}]}``: the JSON as
            it was sent, never the names of Python fields. All keys and all operators must hold.
        context_filter: What the event's context must match.
        source: The source that the event must have.
        examples: Payloads for the test page: dicts with ``id``, ``name``, ``payload`` and maybe ``icon``.

    Raises:
        InvalidArgumentError: A name is empty, longer than 512 characters or has control characters; there is no
            name; an example lacks something.
        InvalidFilterError: A filter has an unknown operator or an operand of the wrong kind.

    See also: v2 protocol, sections 3.5 and 12.1.
    """
    return EventTrigger(
        schema=schema,
        names=_names(name),
        source=check_name(source, what="source"),
        filter=_filter(filter, "filter"),
        context_filter=_filter(context_filter, "context_filter"),
        examples=example_payloads(examples),
    )


@overload
def invoke_trigger(*, schema: type[T]) -> InvokeTrigger[T]: ...


@overload
def invoke_trigger(*, schema: Any = None) -> InvokeTrigger[Any]: ...


def invoke_trigger(*, schema: Any = None) -> InvokeTrigger[Any]:
    """Start a job only when it is invoked (or tested).

    Args:
        schema: The type of the payload; default: the annotation of the payload in the job's function.

    See also: v2 protocol, section 8.4.
    """
    return InvokeTrigger(schema=schema)


def _names(name: object) -> tuple[str, ...]:
    if isinstance(name, (list, tuple)):
        names = cast("Sequence[object]", name)
        if not names:
            raise InvalidArgumentError("event_trigger needs the name of an event, or several.")
        return tuple(dict.fromkeys(check_name(one, what="The name of an event") for one in names))
    return (check_name(name, what="The name of an event"),)


def _filter(filter: Mapping[str, Any] | None, path: str) -> JsonText | None:
    if filter is None:
        return None
    # Loaded where it is first needed: most triggers have no filter.
    from perdure.protocol.event_filter import compile_event_filter

    compile_event_filter(filter, path=path)
    return JsonText(dump(filter, root=path))


def example_payloads(examples: Sequence[Mapping[str, Any]]) -> JsonText | None:
    """Write example payloads as JSON; ``None`` if there are none.

    Raises:
        InvalidArgumentError: They are no list, or one of them lacks something.
    """
    if not isinstance(examples, (list, tuple)):
        raise InvalidArgumentError(f"examples= is a list of dicts, not {type_name(examples)}.")
    for index, example in enumerate(cast("Sequence[object]", examples)):
        if not isinstance(example, Mapping):
            raise InvalidArgumentError(f"examples[{index}] is a dict, not {type_name(example)}.")
        members = cast("Mapping[str, object]", example)
        check_name(members.get("id"), what=f"examples[{index}].id")
        check_name(members.get("name"), what=f"examples[{index}].name")
        if "payload" not in members:
            raise InvalidArgumentError(f"examples[{index}] has no payload.")
    return JsonText(dump(list(examples), root="examples")) if examples else None
