"""Sources: what sends requests for an app, once it has been registered with a vendor."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import Struct

from perdure.protocol.execution import JsonText

if TYPE_CHECKING:
    from perdure.storage.interface import Session

Wanted = dict[str, list[str]]


class SourceKind(StrEnum):
    """What kind of source it is."""

    SOURCE = "SOURCE"
    """It has a URL of its own; its app makes events of requests, which the platform stores."""
    WEBHOOK = "WEBHOOK"
    """Its requests come to the HTTP endpoint of the same key; its app sends the events itself."""


class NewSource(Struct, frozen=True):
    """A source as an app wants it; ``registration`` is the key under which it was registered with a dynamic trigger.

    ``hosted`` is its integration, if the platform keeps the credentials of that.
    """

    id: str
    kind: SourceKind
    key: str
    params: JsonText
    desired: Wanted
    account_no: int | None = None
    dynamic_id: str | None = None
    registration: str | None = None
    registration_metadata: JsonText | None = None
    hosted: str | None = None


class SourceRow(Struct, frozen=True):
    """A source; ``secret`` is encrypted, ``endpoint_id`` names the app that has it."""

    number: int
    environment_no: int
    endpoint_id: str
    id: str
    kind: SourceKind
    key: str
    params: JsonText
    desired: Wanted
    registered: Wanted
    data: JsonText | None
    metadata: JsonText | None
    secret: bytes | None
    is_active: bool
    account_id: str | None
    dynamic_id: str | None
    registration: str | None
    registration_metadata: JsonText | None
    hosted: str | None


async def put(tx: Session, environment_no: int, *, endpoint_id: str, source: NewSource) -> SourceRow:
    """Create a source, or change what is wanted of it."""
    endpoint = await tx.one("find_endpoint_number", environment_no, endpoint_id)
    row = await tx.one(
        "put_source", environment_no, cast("tuple[int]", endpoint)[0], source.id, source.kind, source.key,
        source.params, _write(source.desired), source.account_no, source.dynamic_id, source.registration,
        source.registration_metadata, source.hosted,
    )  # fmt: skip
    found = await find_by_number(tx, cast("tuple[int]", row)[0])
    assert found is not None
    return found


async def find_by_number(tx: Session, source_no: int) -> SourceRow | None:
    """Look a source up."""
    row = await tx.one("find_source_by_number", source_no)
    return None if row is None else _read(row)


async def find(tx: Session, environment_no: int, *, kind: SourceKind, key: str) -> SourceRow | None:
    """Look a source up by its key."""
    row = await tx.one("find_source", environment_no, kind, key)
    return None if row is None else await find_by_number(tx, cast("tuple[int]", row)[0])


async def find_by_id(tx: Session, source_id: str) -> SourceRow | None:
    """Look a source up by its id."""
    row = await tx.one("find_source_by_id", source_id)
    return None if row is None else await find_by_number(tx, cast("tuple[int]", row)[0])


async def keep_registered(tx: Session, source_no: int, *, registered: Wanted) -> None:
    """Note what is registered with the vendor."""
    await tx.run("keep_registered", _write(registered), source_no)


async def activate(
    tx: Session, source_no: int, *, registered: Wanted, data: JsonText | None, secret: bytes | None
) -> None:
    """Note that a source is registered with the vendor; what is ``None`` stays as it is."""
    await tx.run("activate_source", _write(registered), data, secret, source_no)


async def keep_webhook(tx: Session, source_no: int, *, is_active: bool, registered: Wanted | None) -> None:
    """Note that a webhook is registered with the vendor, or no longer."""
    await tx.run("keep_webhook", is_active, None if registered is None else _write(registered), source_no)


async def keep_metadata(tx: Session, source_no: int, *, metadata: JsonText) -> None:
    """Remember what the app answered to the last request."""
    await tx.run("keep_source_metadata", metadata, source_no)


def _write(wanted: Wanted) -> str:
    return msgspec.json.encode(wanted).decode()


def _read(row: Any) -> SourceRow:
    (number, environment_no, endpoint_id, source_id, kind, key, params, desired, registered, data, metadata, secret,
     active, account, dynamic_id, registration, registration_metadata, hosted) = row  # fmt: skip
    return SourceRow(
        number, environment_no, endpoint_id, source_id, SourceKind(kind), key, params,
        msgspec.json.decode(desired, type=Wanted), msgspec.json.decode(registered, type=Wanted), data, metadata,
        secret, active == 1, account, dynamic_id, registration, registration_metadata, hosted,
    )  # fmt: skip
