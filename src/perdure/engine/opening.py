"""Opening a node on a database: its environment, its place among the nodes, and what others have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.engine.directory import AWAITED_LIMIT
from perdure.engine.node import Node
from perdure.engine.recovery import recover_from_others
from perdure.engine.secret_box import SecretBox
from perdure.engine.tenancy import DEFAULT_SLUG, MOST, default_tenant, open_tenant
from perdure.protocol.ids import IdGenerator
from perdure.protocol.management import NodeAnswer
from perdure.storage import environments, event_waits, nodes, notifications, request_deliveries
from perdure.transport.outbound import Outbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.config.settings import Settings
    from perdure.engine.clock import Clock
    from perdure.engine.requesters import Requester
    from perdure.engine.tracing import Tracing
    from perdure.storage.interface import Storage


def make_outbound(settings: Settings, *, allow_loopback: bool) -> Outbound:
    """Make what sends requests, but only where the settings let them go."""
    return Outbound(
        allow_loopback=allow_loopback,
        allowed=settings.egress_allow,
        ports=settings.egress_ports,
        connections=settings.max_connections,
        connections_per_host=settings.max_connections_per_host,
    )


async def open_node(
    storage: Storage,
    *,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    settings: Settings,
    shares_database: bool = False,
    serves_all: bool = False,
    secret_key: Callable[[], bytes] | None = None,
    origin: Callable[[], str] = lambda: "http://localhost",
    api_key: str | None = None,
    requester: Requester | None = None,
    about: NodeAnswer | None = None,
    tracing: Tracing | None = None,
) -> Node:
    """Set a node up on an open database; `Node.begin` sets it to work.

    Args:
        storage: The database.
        clock: The time.
        random_bytes: Gives that many random bytes, for ids.
        settings: How it runs.
        shares_database: Whether other nodes may be at work on the same database. If not, every execution that
            another node holds is lost, and is begun again at once.
        serves_all: Whether it serves every environment of the database, and not only that of the settings.
        secret_key: Gives the database's key (32 bytes) when it is first needed; ``None``: a random one.
        origin: Gives the URL under which this node's routes are reached, without a slash at its end.
        api_key: The private key that the settings give to its own environment, and what notifications are signed
            with; ``None``: none, and a key derived from that of the database.
        requester: Sends requests on behalf of tasks, and notifications to URLs; ``None``: one that sends them where
            the settings allow it. The node closes it.
        about: Who answers; ``None``: a node that nobody asks.
        tracing: Is told of runs, executions, tasks and requests; ``None``: nobody is.
    """
    ids = IdGenerator(random_bytes, clock.now_ms)
    now = clock.now()
    row = await storage.read(environments.find_environment, project=DEFAULT_SLUG, slug=settings.environment)
    if row is None:
        row = await storage.write(open_tenant, default_tenant(settings.environment, ids), now=now)
    node_no = await storage.write(nodes.insert_node, ids.new("node_"), lease_until=now + settings.lease_ttl, now=now)
    if not shares_database:
        await storage.write(recover_from_others, own_node_no=node_no, now=now)
        await storage.write(notifications.hasten_lost, now=now)
        await storage.write(request_deliveries.hasten_lost, now=now)
    if about is None:
        about = NodeAnswer("", 0, settings.database_url, settings.environment, "", now)
    node = Node(
        storage,
        clock,
        ids,
        settings,
        node_no=node_no,
        own_no=row.number,
        shares_database=shares_database,
        serves_all=serves_all,
        secrets=SecretBox(secret_key if secret_key is not None else lambda: random_bytes(32), random_bytes),
        random_bytes=random_bytes,
        origin=origin,
        make_requester=lambda allow_loopback: (
            make_outbound(settings, allow_loopback=allow_loopback) if requester is None else requester
        ),
        about=about,
        tracing=tracing,
    )
    node.own = await node.environments.open(row)
    if api_key is not None:
        node.keys.give(row.number, "PERDURE_API_KEY", api_key)
    if serves_all:
        for other in await storage.read(environments.list_environments, project=DEFAULT_SLUG, limit=MOST):
            await node.environments.open(other)
    for environment, name in await storage.read(event_waits.list_names, limit=AWAITED_LIMIT + 1):
        node.directory.event_is_awaited(environment, name)
    node.directory.any_may_be_awaited |= shares_database
    return node
