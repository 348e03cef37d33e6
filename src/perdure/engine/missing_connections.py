"""Telling apps which connections runs wait for, and when they have come (v2 protocol, section 13.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct

from perdure.protocol.json_text import JsonText
from perdure.protocol.messages.auth import (
    MissingConnectionClient,
    MissingConnectionPayload,
    MissingConnectionResolvedPayload,
    ResolvedConnectionClient,
)
from perdure.protocol.messages.codec import encode_message
from perdure.protocol.messages.instant import Instant
from perdure.protocol.messages.tenancy import AccountReference
from perdure.protocol.platform import EventOptions, EventRequest
from perdure.storage import missing_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from msgspec import UnsetType

    from perdure.engine.clock import Clock
    from perdure.engine.events import Events
    from perdure.protocol.execution import AccountInfo
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.messages.auth import ConnectionType
    from perdure.storage.interface import Storage
    from perdure.storage.missing_connections import MissingRow

MISSING: Final = "dev.trigger.notifications.missingConnection"
"""The event that says that a run waits for a connection."""

RESOLVED: Final = "dev.trigger.notifications.missingConnectionResolved"
"""The event that says that it is there."""

_PREFIX: Final = "missing_"
_BATCH: Final = 100


class MissingConnections:
    """Sends those events, each once for a connection that is missing.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        events: Sends events.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
    """

    def __init__(
        self, storage: Storage, clock: Clock, ids: IdGenerator, events: Events, origin: Callable[[], str]
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._events = events
        self._origin = origin

    async def tell_missing(
        self, environment_no: int, integrations: Sequence[str], *, account: AccountInfo | None
    ) -> None:
        """Tell apps that connections are missing, unless they have been told; returns when that is durable."""
        account_id = None if account is None else account.id
        told = await self._storage.read(
            missing_connections.list_told, environment_no, account_id=account_id, integrations=integrations
        )
        untold = [(one, self._ids.new(_PREFIX)) for one in integrations if one not in told]
        if not untold:
            return
        rows = await self._storage.write(
            missing_connections.note, environment_no, account_id=account_id, missing=untold, now=self._clock.now()
        )
        for row in rows:
            payload = MissingConnectionPayload(
                id=row.id,
                type=_type(row),
                client=MissingConnectionClient(**_client(row)),
                authorization_url=self._url(row),
                account=_account(row, None if account is None else account.metadata),
            )
            # Sent twice under one id it is one event, so that nothing is lost if this process ends in between.
            await self._send(environment_no, MISSING, row.id, payload)
            await self._storage.write(missing_connections.keep_told, row.id)

    async def tell_resolved(self, environment_no: int) -> None:
        """Tell apps of the connections that were missing and are there now, as far as they have not been told."""
        while rows := await self._storage.read(missing_connections.list_resolved, environment_no, limit=_BATCH):
            for row in rows:
                payload = MissingConnectionResolvedPayload(
                    id=row.id,
                    type=_type(row),
                    client=ResolvedConnectionClient(
                        **_client(row), integration_identifier=row.integration, integration_auth_method="oauth2"
                    ),
                    expires_at=None,
                    account=_account(row, None),
                )
                await self._send(environment_no, RESOLVED, f"{row.id}-resolved", payload)
                await self._storage.write(missing_connections.forget_resolved, row.id)

    async def _send(self, environment_no: int, name: str, event_id: str, payload: Struct) -> None:
        text = JsonText(encode_message(payload).decode())
        # Without an account: a job that tells its operator of it is no job of the account.
        await self._events.send(environment_no, [EventRequest(name, text, event_id)], EventOptions())

    def _url(self, row: MissingRow) -> str:
        """Give the route that takes the connection: there is no page where somebody could allow it."""
        if row.account_id is None:
            return f"{self._origin()}/api/connections"
        account, integration = quote(row.account_id, safe=""), quote(row.integration, safe="")
        return f"{self._origin()}/api/v1/accounts/{account}/connections/{integration}"


def _type(row: MissingRow) -> ConnectionType:
    return "DEVELOPER" if row.account_id is None else "EXTERNAL"


def _client(row: MissingRow) -> dict[str, Any]:
    at = Instant.of(row.created_at)
    return {"id": row.integration, "title": row.integration, "scopes": [], "created_at": at, "updated_at": at}


def _account(row: MissingRow, metadata: JsonText | None) -> AccountReference | UnsetType:
    if row.account_id is None:
        return UNSET
    return AccountReference(id=row.account_id, metadata=UNSET if metadata is None else Raw(metadata.encode()))
