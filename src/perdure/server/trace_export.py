"""Sending spans to a collector, by OTLP over HTTP; the variables ``OTEL_…`` say where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from perdure.server.span_ids import wanted_ids

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


class RunIds(RandomIdGenerator):
    """Gives spans of runs and tasks the ids that follow from theirs, others random ones."""

    takes_run_ids = True

    def generate_span_id(self) -> int:
        """Make the id of a span."""
        wanted = wanted_ids()
        return super().generate_span_id() if wanted is None else wanted[1]

    def generate_trace_id(self) -> int:
        """Make the id of a trace."""
        wanted = wanted_ids()
        return super().generate_trace_id() if wanted is None else wanted[0]


def make_provider(processor: SpanProcessor | None = None) -> TracerProvider:
    """Make a tracer provider.

    Args:
        processor: What takes the spans; ``None``: what sends them to the collector.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": "perdure"}), id_generator=RunIds(), shutdown_on_exit=False
    )
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    return provider


def begin_export() -> TracerProvider:
    """Send the spans of this process to the collector until the provider is shut down."""
    provider = make_provider()
    trace.set_tracer_provider(provider)
    return provider
