"""HTTP endpoints: URLs that take requests for apps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from perdure.protocol.execution import JsonText
from perdure.storage.json_lists import text_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.protocol.endpoint import HttpEndpointSpec
    from perdure.storage.interface import Session


class HttpEndpointRow(Struct, frozen=True, gc=False):
    """An HTTP endpoint that is enabled; ``endpoint_id`` names the app that has it."""

    number: int
    key: str
    source: str
    endpoint_id: str
    response_filter: JsonText | None
    skips_runs: bool
    delivery_id: str | None


async def put(tx: Session, environment_no: int, *, endpoint_no: int, spec: HttpEndpointSpec) -> None:
    """Create an HTTP endpoint, or change it."""
    await tx.run(
        "put_http_endpoint", environment_no, endpoint_no, spec.key, spec.source, spec.enabled, spec.response_filter,
        spec.skips_runs, spec.delivery_id,
    )  # fmt: skip


async def disable_undeclared(tx: Session, environment_no: int, *, endpoint_no: int, declared: Sequence[str]) -> None:
    """Let an app's HTTP endpoints rest that it no longer declares."""
    await tx.run("disable_undeclared_http_endpoints", environment_no, endpoint_no, text_list(declared))


async def find(tx: Session, environment_no: int, *, key: str) -> HttpEndpointRow | None:
    """Look up an HTTP endpoint that is enabled."""
    row = await tx.one("find_http_endpoint", environment_no, key)
    return None if row is None else _read(row)


async def list_enabled(tx: Session, environment_no: int, *, limit: int) -> list[HttpEndpointRow]:
    """List the HTTP endpoints that are enabled, by key."""
    return [_read(row) for row in await tx.all("list_http_endpoints", environment_no, limit)]


def _read(row: Any) -> HttpEndpointRow:
    number, key, source, endpoint_id, response_filter, skips_runs, delivery_id = row
    return HttpEndpointRow(number, key, source, endpoint_id, response_filter, skips_runs == 1, delivery_id)
