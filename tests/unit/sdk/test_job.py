from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from perdure.errors import (
    InvalidArgumentError,
    NotConnectedError,
    PayloadValidationError,
    UnserializableOutputError,
    UnsupportedTypeError,
)
from perdure.protocol.endpoint import EventTriggerSpec, InvokeTriggerSpec, JobSpec
from perdure.protocol.execution import JsonText
from perdure.sdk.job import Job
from perdure.sdk.job_declaration import job
from perdure.sdk.triggers import event_trigger, invoke_trigger

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Order:
    id: str
    due: date


@dataclass
class Receipt:
    order: Order


def declare(**options: Any) -> Any:
    return job(**({"id": "order", "version": "1.0.0", "trigger": invoke_trigger()} | options))


@declare(id="Handle Order", name="Handles an order", trigger=event_trigger("order.placed"), log_level="warning")
async def handle(payload: Order, io: Any, ctx: Any) -> Receipt:
    return Receipt(payload)


def test_a_job_says_what_was_declared_of_it() -> None:
    assert handle.spec() == JobSpec(
        id="handle-order",
        name="Handles an order",
        version="1.0.0",
        trigger=EventTriggerSpec(names=("order.placed",)),
        enabled=True,
    )
    assert handle.log_level == "warn"


def test_a_name_defaults_to_the_id_and_a_job_may_be_disabled() -> None:
    @declare(id="Some Job", enabled=False)
    async def some(payload: Any) -> None: ...

    assert some.spec() == JobSpec("some-job", "Some Job", "1.0.0", InvokeTriggerSpec(), enabled=False)


@pytest.mark.parametrize(
    ("id", "slug"), [("Basic Job", "basic-job"), ("a \t b", "a-b"), ("ÄB_c.d~e-1!", "b_c.d~e-1"), ("x", "x")]
)
def test_an_id_becomes_a_slug(id: str, slug: str) -> None:
    async def run(payload: Any) -> None: ...

    assert declare(id=id)(run).id == slug


@pytest.mark.parametrize("id", ["", "!!!", "äöü", "x" * 513, None, 5])
def test_an_id_of_which_no_slug_can_be_made_is_refused(id: Any) -> None:
    async def run(payload: Any) -> None: ...

    with pytest.raises(InvalidArgumentError, match="A job's id"):
        declare(id=id)(run)


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0-beta", "01.0.0", "1.0.0\n", "١.0.0", "", None, 1.0]
)
def test_a_version_that_is_not_semantic_is_refused(version: Any) -> None:
    async def run(payload: Any) -> None: ...

    with pytest.raises(InvalidArgumentError, match=r"^The version of job 'order' is a semantic version"):
        declare(version=version)(run)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trigger": "order.placed"}, "trigger= of job 'order' is a trigger, .* not str"),
        ({"trigger": event_trigger}, "trigger= of job 'order'"),
        ({"enabled": "no"}, "enabled= of job 'order' is True or False"),
        ({"log_level": "loud"}, "log_level= is one of debug, info, log, warn, error, not 'loud'"),
        ({"log_level": 3}, "log_level="),
        ({"name": ""}, "A job's name"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    async def run(payload: Any) -> None: ...

    with pytest.raises(InvalidArgumentError, match=message):
        declare(**options)(run)


class Handler:
    async def method(self, payload: Order, io: Any) -> str:
        return f"{payload} {io}"

    async def __call__(self, payload: Order) -> str:
        return f"{payload}"


async def takes_all(*everything: Any) -> str:
    return " ".join(everything)


async def takes_one(payload: str) -> str:
    return payload


async def takes_two(payload: str, io: Any) -> str:
    return f"{payload} {io}"


async def takes_two_or_three(payload: str, io: Any, ctx: Any = None) -> str:
    return f"{payload} {io} {ctx}"


async def takes_more_with_defaults(payload: str, io: Any, ctx: Any, more: int = 1, *, other: int = 2) -> str:
    return f"{payload} {io} {ctx} {more} {other}"


@pytest.mark.parametrize(
    ("run", "result"),
    [
        (takes_one, "p"),
        (takes_two, "p i"),
        (takes_two_or_three, "p i c"),
        (takes_more_with_defaults, "p i c 1 2"),
        (takes_all, "p i c"),
        (Handler().method, "p i"),
        (Handler(), "p"),
        (partial(takes_two_or_three, ctx="bound"), "p i bound"),
        (partial(takes_two, "first"), "first p"),
    ],
)
def test_a_function_is_called_with_as_much_as_it_takes(run: Callable[..., Any], result: str) -> None:
    made: Job[Any, str] = declare()(run)
    library: Any = "i"
    context: Any = "c"
    assert asyncio.run(made.call("p", library, context)) == result


async def takes_nothing() -> None: ...
async def takes_too_much(payload: Any, io: Any, ctx: Any, more: Any) -> None: ...
async def takes_keyword(payload: Any, *, io: Any) -> None: ...


@pytest.mark.parametrize("run", [takes_nothing, takes_too_much, takes_keyword])
def test_a_function_that_cannot_be_called_so_is_refused(run: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^{run.__name__} is to take \(payload\), \(payload, io\) or"):
        declare()(run)


def plain(payload: Order, io: Any) -> Receipt:
    return Receipt(payload)


class Plain:
    def __call__(self, payload: Order, io: Any) -> Receipt:
        return plain(payload, io)


@pytest.mark.parametrize("run", [plain, lambda payload, io: plain(payload, io), partial(plain), Plain()])
def test_a_plain_function_is_a_job_that_runs_in_a_thread(run: Callable[..., Any]) -> None:
    made = declare()(run)
    assert made.is_plain
    order = Order("o1", date(2024, 1, 1))
    assert made.call(order, SimpleNamespace(), SimpleNamespace()) == Receipt(order)


def test_an_async_function_is_a_job_that_runs_on_the_event_loop() -> None:
    assert not handle.is_plain
    assert not declare()(partial(handle.run)).is_plain


async def generating_async(payload: Any) -> AsyncIterator[int]:
    yield 1


def generating(payload: Any) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("run", [generating, generating_async])
def test_a_function_that_makes_a_generator_is_no_job(run: Callable[..., Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^generating.* makes a generator"):
        declare()(run)


@pytest.mark.parametrize(("run", "what"), [("run", "str"), (Order, "the class Order")])
def test_what_is_no_function_is_no_job(run: Any, what: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"not of {what}"):
        declare()(run)


def test_payload_and_output_are_read_and_written_by_their_annotations() -> None:
    payload = handle.parse_payload(JsonText('{"id": "o1", "due": "2024-01-01"}'))
    assert payload == Order("o1", date(2024, 1, 1))
    text = handle.encode_output(Receipt(payload))
    assert handle.output_codec.decode(text) == Receipt(payload)
    with pytest.raises(PayloadValidationError):
        handle.parse_payload(JsonText("{}"))
    with pytest.raises(UnserializableOutputError, match=r"^result"):
        handle.encode_output(payload)


def test_a_job_that_returns_nothing_has_no_output() -> None:
    @declare()
    async def quiet(payload: Any) -> None: ...

    @declare()
    async def silent(payload):  # type: ignore[no-untyped-def]
        ...

    assert quiet.encode_output(None) is None
    assert silent.encode_output(None) is None


def test_the_schema_of_the_trigger_counts_and_must_agree_with_the_annotation() -> None:
    @declare(trigger=event_trigger("a", schema=Order))
    async def agreed(payload: Order) -> None: ...

    assert agreed.parse_payload(JsonText('{"id": "o1", "due": "2024-01-01"}')) == Order("o1", date(2024, 1, 1))
    with pytest.raises(InvalidArgumentError, match="schema= is Order"):

        @declare(trigger=event_trigger("a", schema=Order))
        async def other(payload: Receipt) -> None: ...


@declare()
async def early(payload: Later) -> list[Later]:
    return [payload]


@dataclass
class Later:
    n: int


def test_a_type_that_is_defined_further_down_is_found_when_it_is_needed() -> None:
    assert early.spec().id == "order"
    assert early.parse_payload(JsonText('{"n": 1}')) == Later(1)


def test_an_annotation_that_is_never_resolved_is_refused_when_the_job_is_registered() -> None:
    @declare()
    async def unknown_payload(payload: Decimal) -> None: ...

    @declare()
    async def unknown_output(payload: Any) -> Decimal:
        raise AssertionError

    with pytest.raises(UnsupportedTypeError, match=r"unknown_payload is Decimal, .*or pass schema="):
        unknown_payload.spec()
    with pytest.raises(UnsupportedTypeError, match=r"unknown_output is Decimal, .*or leave the annotation out"):
        unknown_output.spec()


def test_the_log_level_is_the_jobs_own_else_that_of_its_client() -> None:
    async def run(payload: Any) -> None: ...

    client: Any = SimpleNamespace(log_level="error")
    for own, level in ((None, "error"), ("info", "info")):
        made: Job[Any, None] = declare(log_level=own)(run)
        assert made.log_level == own
        made.bind(client)
        assert made.log_level == level


def test_a_job_without_a_client_cannot_be_invoked() -> None:
    with pytest.raises(NotConnectedError, match="'handle-order' is attached to no client"):
        asyncio.run(handle.invoke())


def test_a_job_shows_its_id_and_version() -> None:
    assert repr(handle) == "Job('handle-order', version='1.0.0')"


def test_a_job_keeps_its_examples() -> None:
    made = declare(examples=[{"id": "one", "name": "One", "payload": {"n": 1}}])(takes_one)
    assert made.examples == JsonText('[{"id":"one","name":"One","payload":{"n":1}}]')
    assert declare()(takes_one).examples is None


@pytest.mark.parametrize("examples", [5, "one", [5], [{}], [{"id": "one", "name": "One"}], {"id": "one"}])
def test_an_example_has_an_id_a_name_and_a_payload(examples: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="examples"):
        declare(examples=examples)(takes_one)
