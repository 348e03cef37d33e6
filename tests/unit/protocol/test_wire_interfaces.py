"""The interfaces of the wire are whole: every action and every message has its place in one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol, get_args, get_type_hints

import msgspec
import pytest

from perdure.protocol import messages, wire_endpoint, wire_platform
from perdure.protocol.messages.headers import Action

# What passes beside a route's or an action's own messages, and where.
BESIDE = {
    "ErrorAnswer": "the body of every error",
    "EndpointErrorAnswer": "the body of every error of an endpoint",
    "IntakeErrorAnswer": "the body of an error of the intake",
    "RateLimitProblem": "the body of a 429",
    "ForwardedEvent": "what a wait for an event is called back with",
    "RequestPayload": "the payload of an HTTP endpoint's event",
    "ScheduledPayload": "the payload of a schedule's event",
    "RegisterWebhookPayload": "the payload of a webhook's registration event",
    "MissingConnectionPayload": "the payload of a notification event",
    "MissingConnectionResolvedPayload": "the payload of a notification event",
    "TunnelRequest": "a frame of a tunnel's socket",
    "TunnelResponse": "a frame of a tunnel's socket",
    "NotifiedStatus": "what is read of a notification, to know whether it is sent",
}


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(messages.__path__, f"{messages.__name__}."):
        yield importlib.import_module(found.name)


STRUCTS: dict[str, Any] = {
    name: kind
    for module in modules()
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
}
NAMES = {**vars(msgspec), **{name: value for module in modules() for name, value in vars(module).items()}}


def methods(module: ModuleType) -> Iterator[Any]:
    for kind in vars(module).values():
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and Protocol in kind.__mro__:
            yield from (value for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_")


def structs_in(hint: Any) -> Iterator[Any]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for inner in get_args(hint):
        yield from structs_in(inner)


def reachable() -> set[str]:
    waiting = [
        struct
        for module in (wire_platform, wire_endpoint)
        for method in methods(module)
        for hint in get_type_hints(method, localns=NAMES).values()
        for struct in structs_in(hint)
    ]
    waiting += [STRUCTS[name] for name in BESIDE]
    seen: set[str] = set()
    while waiting:
        struct = waiting.pop()
        if struct.__name__ in seen:
            continue
        seen.update(base.__name__ for base in struct.__mro__ if base.__name__ in STRUCTS)
        hints = get_type_hints(struct, localns=NAMES)
        waiting += [inner for hint in hints.values() for inner in structs_in(hint)]
    return seen


def test_every_action_is_a_method() -> None:
    assert {method.__name__ for method in methods(wire_endpoint)} == {action.value.lower() for action in Action}


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_every_message_has_its_place(name: str) -> None:
    assert name in reachable()


@pytest.mark.parametrize("module", [wire_platform, wire_endpoint])
def test_an_interface_has_ten_methods_at_most(module: ModuleType) -> None:
    sizes = [
        sum(1 for value in vars(kind).values() if inspect.iscoroutinefunction(value))
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    ]
    assert sizes
    assert max(sizes) <= 10
