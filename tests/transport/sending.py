"""Requests of tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from perdure.protocol.outbound import OutboundRequest, OutboundResponse
from perdure.transport.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def sending(*, allow_loopback: bool = True, **options: Any) -> AsyncIterator[Outbound]:
    """Give an `Outbound` that may go to loopback, as in development, and close it after."""
    outbound = Outbound(allow_loopback=allow_loopback, **options)
    try:
        yield outbound
    finally:
        await outbound.close()


async def fetch(url: str, *, method: str = "GET", timeout: float = 10, **parts: Any) -> OutboundResponse:
    """Send one request from an `Outbound` of its own, as in development."""
    async with sending() as outbound:
        return await outbound.request(OutboundRequest(method, url, timeout=timeout, **parts))
