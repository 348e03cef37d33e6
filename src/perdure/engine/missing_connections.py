"""Telling apps which connections runs wait for, and when they have come (v2 protocol, section 13.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct

from perdure.protocol.events import EventRequest
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
from perdure.storage import missing_connections

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from msgspec import UnsetType

    from perdure.engine.clock import Clock
    from perdure.engine.events import Events
    from perdure.protocol.execution import AccountInfo
    from perdure.protocol.ids import IdGenerator
    from perdure.protocol.messages.auth import ConnectionType
    from perdure.storage.interface import Session, Storage
    from perdure.storage.missing_connections import MissingRow

R = TypeVar("R")

MISSING: Final = "dev.trigger.notifications.missingConnection"
"""The event that says that a run waits for a connection."""

RESOLVED: Final = "dev.trigger.notifications.missingConnectionResolved"
"""The event that says that it is there."""

_PREFIX: Final = "missing_"


class MissingConnections:
    """Sends those events, each in the unit of work that makes it true: so once, and in their order.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        events: Stores events.
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
        noted = await self._storage.read(
            missing_connections.list_noted, environment_no, account_id=account_id, integrations=integrations
        )
        new = [(one, self._ids.new(_PREFIX)) for one in integrations if one not in noted]
        if not new:
            return
        metadata, now = None if account is None else account.metadata, self._clock.now()

        async def note(tx: Session) -> tuple[None, list[EventRequest]]:
            rows = await missing_connections.note(tx, environment_no, account_id=account_id, missing=new, now=now)
            return None, [_event(MISSING, row.id, self._missing(row, metadata)) for row in rows]

        await self._events.store_with(environment_no, note)

    async def tell_resolved(
        self,
        environment_no: int,
        store: Callable[[Session], Awaitable[R]],
        *,
        integration: str,
        account_id: str | None,
    ) -> R:
        """Run a transition that stores a connection, and tell apps in the same unit of work if it was missing.

        Returns:
            What the transition gives, when all of it is durable.
        """

        async def resolve(tx: Session) -> tuple[R, list[EventRequest]]:
            result = await store(tx)
            row = await missing_connections.take(tx, environment_no, integration=integration, account_id=account_id)
            return result, [] if row is None else [_event(RESOLVED, f"{row.id}-resolved", _resolved(row))]

        return await self._events.store_with(environment_no, resolve)

    def _missing(self, row: MissingRow, metadata: JsonText | None) -> MissingConnectionPayload:
        return MissingConnectionPayload(
            id=row.id,
            type=_type(row),
            client=MissingConnectionClient(**_client(row)),
            authorization_url=self._url(row),
            account=_account(row, metadata),
        )

    def _url(self, row: MissingRow) -> str:
        """Give the route that takes the connection: there is no page where somebody could allow it."""
        if row.account_id is None:
            return f"{self._origin()}/api/connections"
        account, integration = quote(row.account_id, safe=""), quote(row.integration, safe="")
        return f"{self._origin()}/api/v1/accounts/{account}/connections/{integration}"


def _event(name: str, event_id: str, payload: Struct) -> EventRequest:
    # Without an account: a job that tells its operator of it is no job of the account.
    return EventRequest(name, JsonText(encode_message(payload).decode()), event_id)


def _resolved(row: MissingRow) -> MissingConnectionResolvedPayload:
    client = ResolvedConnectionClient(
        **_client(row), integration_identifier=row.integration, integration_auth_method="oauth2"
    )
    return MissingConnectionResolvedPayload(
        id=row.id, type=_type(row), client=client, expires_at=None, account=_account(row, None)
    )


def _type(row: MissingRow) -> ConnectionType:
    return "DEVELOPER" if row.account_id is None else "EXTERNAL"


def _client(row: MissingRow) -> dict[str, Any]:
    at = Instant.of(row.created_at)
    return {"id": row.integration, "title": row.integration, "scopes": [], "created_at": at, "updated_at": at}


def _account(row: MissingRow, metadata: JsonText | None) -> AccountReference | UnsetType:
    if row.account_id is None:
        return UNSET
    return AccountReference(id=row.account_id, metadata=UNSET if metadata is None else Raw(metadata.encode()))
