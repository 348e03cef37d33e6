"""Connections: credentials that the server keeps for integrations, each encrypted for its integration and account."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from perdure.engine.lists import check_take, read_cursor
from perdure.engine.names import check_text
from perdure.engine.requeues import Unconnected
from perdure.errors import InvalidArgumentError, NotFoundError, ValueTooLargeError
from perdure.protocol.connections import ConnectionInfo, ConnectionPage, Credential
from perdure.protocol.execution import Abandoned
from perdure.protocol.limits import ID_LIMIT
from perdure.storage import connections

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from perdure.engine.clock import Clock
    from perdure.engine.hints import Hints
    from perdure.engine.missing_connections import MissingConnections
    from perdure.engine.secret_box import SecretBox
    from perdure.protocol.connections import NewConnection
    from perdure.protocol.ids import IdGenerator
    from perdure.storage.connections import ConnectionRow
    from perdure.storage.interface import Session, Storage
    from perdure.storage.run_queue import ClaimedRun

CREDENTIAL_LIMIT: Final = 64 * 1024
"""Bytes of JSON that a credential may have with all that belongs to it."""

_PREFIX: Final = "conn_"
_BATCH: Final = 500

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Credential).decode


class Connections:
    """Keeps connections, and lets runs go on that wait for one.

    Args:
        storage: The database.
        clock: The time.
        ids: Makes ids.
        secrets: Encrypts credentials.
        hints: Told of runs that go on.

    Attributes:
        missing: Tells apps what runs wait for; whoever connects the parts of a node sets it.
    """

    missing: MissingConnections

    def __init__(self, storage: Storage, clock: Clock, ids: IdGenerator, secrets: SecretBox, hints: Hints) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._secrets = secrets
        self._hints = hints

    async def put(self, environment_no: int, new: NewConnection) -> ConnectionInfo:
        """Store a connection in place of the one that its integration and account had; runs that wait for it go on.

        Raises:
            InvalidArgumentError: A name of it is none, or it has no token.
            ValueTooLargeError: It is larger than a credential may be.
        """
        check_text(new.integration, "The integration of a connection", limit=ID_LIMIT)
        if new.account_id is not None:
            check_text(new.account_id, "The account of a connection", limit=ID_LIMIT)
        if not new.access_token:
            raise InvalidArgumentError("A connection has an access token; this one is empty.")
        credential = Credential(new.access_token, new.type, new.scopes, new.additional_fields, new.metadata)
        text = _encode(credential).decode()
        if len(text.encode()) > CREDENTIAL_LIMIT:
            raise ValueTooLargeError(f"A credential has {CREDENTIAL_LIMIT:,} bytes of JSON at most; this one has more.")
        sealed = self._secrets.seal(text, of=whose_credential(environment_no, new.integration, new.account_id))
        now = self._clock.now()
        store = partial(_put, environment_no, id=self._ids.new(_PREFIX), new=new, sealed=sealed, now=now)
        row, queued = await self.missing.tell_resolved(
            environment_no, store, integration=new.integration, account_id=new.account_id
        )
        self._tell(queued)
        await self._let_go_on(
            connections.queue_some_connected, environment_no, queued,
            integration=new.integration, account_id=new.account_id,
        )  # fmt: skip
        return _info(row)

    async def page(self, environment_no: int, *, cursor: str | None = None, take: int = 20) -> ConnectionPage:
        """List a page of connections, oldest first; none of them with its credential.

        Raises:
            InvalidArgumentError: ``take`` is out of range, or the cursor is none.
        """
        check_take(take, "connections")
        first = read_cursor(cursor, newest=0)
        rows = await self._storage.read(connections.list_page, environment_no, first=first, limit=take + 1)
        shown = tuple(_info(row) for row in rows[:take])
        return ConnectionPage(shown, str(rows[take].number) if len(rows) > take else None)

    async def get(self, environment_no: int, connection_id: str) -> tuple[ConnectionInfo, Credential]:
        """Look a connection up, with its credential.

        Raises:
            NotFoundError: There is none of that id in the environment, or its credential cannot be read.
        """
        row = await self._storage.read(connections.find, environment_no, id=connection_id)
        if row is None:
            raise NotFoundError(f"There is no connection {connection_id!r:.80} in this environment.")
        return _info(row), self._open(environment_no, row)

    async def find(self, environment_no: int, integration: str, account_id: str | None = None) -> Credential:
        """Give the credential that runs of an account, or without one, have for an integration.

        Raises:
            NotFoundError: There is none, or it cannot be read.
        """
        rows = await self._storage.read(
            connections.list_of_account, environment_no, account_id=account_id, integrations=[integration]
        )
        if not rows:
            raise NotFoundError(f"There is no connection to {integration!r:.80} in this environment.")
        return self._open(environment_no, rows[0])

    async def delete(self, environment_no: int, connection_id: str) -> None:
        """Forget a connection.

        Raises:
            NotFoundError: There is none of that id in the environment.
        """
        if not await self._storage.write(connections.delete, environment_no, id=connection_id):
            raise NotFoundError(f"There is no connection {connection_id!r:.80} in this environment.")

    async def of_run(self, run: ClaimedRun, wanted: dict[str, str]) -> dict[str, Credential] | Unconnected | Abandoned:
        """Give the credentials that an execution is to have, by the job's own keys; or why there is to be none.

        Args:
            run: The run: with an account those of the account, without one those of the environment.
            wanted: The ids of integrations, by the job's own keys.
        """
        account_id = None if run.account is None else run.account.id
        rows = await self._storage.read(
            connections.list_of_account,
            run.environment_no,
            account_id=account_id,
            integrations=sorted(set(wanted.values())),
        )
        found = {row.integration: row for row in rows}
        missing = tuple(sorted(set(wanted.values()) - set(found)))
        if missing:
            await self.missing.tell_missing(run.environment_no, missing, account=run.account)
            return Unconnected(run.environment_no, account_id, missing)
        try:
            return {key: self._open(run.environment_no, found[one]) for key, one in wanted.items()}
        except NotFoundError as error:
            # Whoever gives the server its old key again, or stores the connection anew, lets it go on.
            return Abandoned(error.message, no_code=True)

    async def recheck(self, environment_no: int) -> None:
        """Let every run look again that waits for connections: its code may want others now."""
        await self._let_go_on(connections.queue_some_unconnected, environment_no, None)

    async def _let_go_on(
        self,
        queue_some: Callable[..., Awaitable[list[tuple[int, str]]]],
        environment_no: int,
        queued: list[tuple[int, str]] | None,
        **chosen: str | None,
    ) -> None:
        """Put runs back in line, some in each transaction; ``queued`` are those of the transaction before, if any."""
        while queued is None or len(queued) == _BATCH:
            after = 0 if queued is None else max(number for number, _ in queued)
            queued = await self._storage.write(
                queue_some, environment_no, after=after, limit=_BATCH, now=self._clock.now(), **chosen
            )
            self._tell(queued)

    def _tell(self, queued: list[tuple[int, str]]) -> None:
        for _, run_id in queued:
            self._hints.run_has_changed(run_id)
        if queued:
            self._hints.run_is_in_line()

    def _open(self, environment_no: int, row: ConnectionRow) -> Credential:
        try:
            text = self._secrets.unseal(
                row.sealed, of=whose_credential(environment_no, row.integration, row.account_id)
            )
        except ValueError as error:
            raise NotFoundError(
                f"The connection {row.id} to {row.integration!r} cannot be decrypted: PERDURE_SECRET_KEY, or the key "
                "file, has changed. Bring it back, or store the connection anew."
            ) from error
        return _decode(text)


async def _put(
    environment_no: int, tx: Session, *, id: str, new: NewConnection, sealed: bytes, now: datetime
) -> tuple[ConnectionRow, list[tuple[int, str]]]:
    row = await connections.put(
        tx, environment_no, id=id, integration=new.integration, account_id=new.account_id, type=new.type,
        sealed=sealed, now=now,
    )  # fmt: skip
    queued = await connections.queue_some_connected(
        tx, environment_no, integration=new.integration, account_id=new.account_id, after=0, limit=_BATCH, now=now
    )
    return row, queued


def whose_credential(environment_no: int, integration: str, account_id: str | None) -> str:
    """Say what a credential is encrypted for."""
    return f"connection {environment_no} {len(integration)}:{integration} {account_id or ''}"


def _info(row: ConnectionRow) -> ConnectionInfo:
    return ConnectionInfo(row.id, row.integration, row.account_id, row.type, row.created_at, row.updated_at)
