"""Traces: one for each run, whose spans are its executions, tasks and requests, across restarts."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from perdure import IO, Client, invoke_trigger
from perdure.errors import InvalidArgumentError, InvokedRunFailedError, WaitTimeoutError
from perdure.server.trace_export import make_provider
from perdure.server.tracing import load_tracing
from tests.transport.server import response, serving

SPANS = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    # There is one for a process, and it stays.
    trace.set_tracer_provider(make_provider(SimpleSpanProcessor(SPANS)))


@pytest.fixture(autouse=True)
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    monkeypatch.setenv("PERDURE_TRACES", "1")
    SPANS.clear()
    return SPANS


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    found = {span.name: span for span in spans.get_finished_spans()}
    assert len(found) == len(spans.get_finished_spans())
    return found


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


async def test_a_run_is_one_trace_with_its_tasks_inside_each_other(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    client = Client(id="shop", database_url=f"sqlite:///{tmp_path}/perdure.db")

    @client.job(id="order", name="Order", version="1.0.0", trigger=invoke_trigger())
    async def order(payload: dict[str, str], io: IO) -> str:
        async def outer() -> str:
            return await io.run_task("inner", lambda: "done")

        done = await io.run_task("outer", outer)
        await io.logger.info("no span")
        await io.wait("nap", 0.05)
        return done

    async with client.start(force_replay=True):
        handle = await order.invoke({})
        assert await handle.result() == "done"
    executions = [span for span in spans.get_finished_spans() if span.name == "execute order"]
    assert [span.attributes["perdure.execution"] for span in executions if span.attributes] == [1, 2]
    found = {span.name: span for span in spans.get_finished_spans()}
    assert set(found) == {"execute order", "run order", "outer", "inner"}
    run = found["run order"]
    assert run.parent is None
    assert run.attributes is not None
    assert run.attributes["perdure.run.id"] == handle.id
    assert run.attributes["perdure.run.status"] == "SUCCESS"
    assert {span.context.trace_id for span in spans.get_finished_spans() if span.context} == {run.context.trace_id}  # type: ignore[union-attr]
    assert parent_of(found["outer"]) == parent_of(executions[0]) == parent_of(executions[1]) == id_of(run)
    assert parent_of(found["inner"]) == id_of(found["outer"])
    assert run.start_time is not None
    assert run.start_time <= min(span.start_time for span in executions if span.start_time)


async def test_what_failed_is_shown_as_failed(spans: InMemorySpanExporter) -> None:
    client = Client(id="shop", database_url="sqlite://")

    @client.job(id="order", name="Order", version="1.0.0", trigger=invoke_trigger())
    async def order(payload: dict[str, str], io: IO) -> None:
        def charge() -> None:
            raise ValueError("declined")

        await io.run_task("charge", charge)

    async with client.start():
        with pytest.raises(InvokedRunFailedError, match="declined"):
            await (await order.invoke({})).result()
    found = named(spans)
    assert found["charge"].status.description == "ValueError: declined"
    assert found["run order"].status.description == "FAILURE"


async def test_a_request_on_behalf_of_a_job_continues_the_trace(spans: InMemorySpanExporter) -> None:
    client = Client(id="shop", database_url="sqlite://")

    async with serving(response(b"{}")) as server:

        @client.job(id="order", name="Order", version="1.0.0", trigger=invoke_trigger())
        async def order(payload: dict[str, str], io: IO) -> None:
            await io.background_fetch("ask", f"{server.origin}/asked")

        async with client.start():
            await (await order.invoke({})).result()
        (received,) = server.requests
    request = next(span for span in spans.get_finished_spans() if span.kind is trace.SpanKind.CLIENT)
    assert request.context is not None
    version, trace_id, span_id, _ = received.headers["traceparent"].split("-")
    assert (version, int(trace_id, 16), int(span_id, 16)) == ("00", request.context.trace_id, request.context.span_id)
    assert "https" not in json.dumps(dict(request.attributes or {}))


async def test_no_span_is_inside_of_one_that_is_not_sent(spans: InMemorySpanExporter) -> None:
    client = Client(id="shop", database_url="sqlite://")

    @client.job(id="child", name="Child", version="1.0.0", trigger=invoke_trigger())
    async def child(payload: dict[str, str], io: IO) -> str:
        return await io.run_task("in child", lambda: "done")

    async with serving(response(b"{}")) as server:

        @client.job(id="order", name="Order", version="1.0.0", trigger=invoke_trigger())
        async def order(payload: dict[str, str], io: IO) -> None:
            async def outer(task: Any, io: IO) -> None:
                await io.background_fetch("ask", f"{server.origin}/asked")

            await io.run_task("outer", outer)
            await io.invoke_and_wait("run", child, {})
            with suppress(WaitTimeoutError):
                await io.wait_for_request("event", lambda url: None, timeout=0.01)

        async with client.start(force_replay=True):
            await (await order.invoke({})).result()
    sent = {id_of(span) for span in spans.get_finished_spans()}
    above = {span.name: parent_of(span) for span in spans.get_finished_spans()}
    assert {name: parent for name, parent in above.items() if parent is not None and parent not in sent} == {}
    (request,) = [span for span in spans.get_finished_spans() if span.kind is trace.SpanKind.CLIENT]
    found = {span.name: span for span in spans.get_finished_spans()}
    assert parent_of(request) == id_of(found["ask"])
    assert parent_of(found["ask"]) == id_of(found["outer"])
    assert found["run"].status.is_ok
    assert "WaitTimeoutError" in str(found["event"].status.description)


def test_without_the_variable_nothing_is_traced() -> None:
    assert load_tracing({}) is None
    assert load_tracing({"PERDURE_TRACES": "0"}) is None
    with pytest.raises(InvalidArgumentError, match="PERDURE_TRACES is 1 or 0"):
        load_tracing({"PERDURE_TRACES": "otlp"})
