"""What a client declares, as the engine and servers elsewhere are told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.protocol.endpoint import Index

if TYPE_CHECKING:
    from perdure.sdk.client import Client


def index_of(client: Client) -> Index:
    """List the client's jobs, dynamic schedules and triggers, and HTTP endpoints."""
    endpoints = tuple(endpoint.spec() for endpoint in client.http_endpoints.values())
    return Index(
        client.id,
        tuple(job.spec() for job in client.jobs.values()),
        tuple(client.dynamic_schedules),
        endpoints,
        dynamic_triggers=tuple(client.dynamic_triggers),
    )
