"""``perdure endpoints``: apps that are behind URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from perdure.cli.connect import Connection
    from perdure.protocol.administration import EndpointAnswer

_COLUMNS = ("endpoint", "url", "jobs", "since")


def add_endpoint(id: str, url: str | None = None, /, *, common: Common = COMMON) -> int:
    """Register an app with a server, or say where it is now; it is asked for its jobs.

    Args:
        id: The id of the app's client; or its URL alone: then it is asked for the id.
        url: Where the app answers, such as https://shop.example/api/trigger.
    """
    from perdure.cli.connect import ask

    async def work(connection: Connection) -> int:
        _check_server(connection)
        named = (None, id) if url is None else (id, url)
        return await _show(connection, await connection.desk.add_endpoint(*named), common)

    return ask(common, work)


def list_endpoints(*, common: Common = COMMON) -> int:
    """List the apps that are registered, by id."""
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        found = await connection.desk.list_endpoints()
        output = Output(as_json=common.json)
        if output.as_json:
            output.value(found)
            return 0
        rows = [(one.id, one.url, _jobs(one), one.created_at) for one in found]
        output.table(_COLUMNS, rows, empty="No app is registered. `perdure endpoints add URL` registers one.")
        return 0

    return ask(common, work)


def index_endpoint(id: str, /, *, common: Common = COMMON) -> int:
    """Ask an app anew which jobs it has, as after a deploy.

    Args:
        id: The id of the app's client.
    """
    from perdure.cli.connect import ask

    async def work(connection: Connection) -> int:
        _check_server(connection)
        return await _show(connection, await connection.desk.index_endpoint(id), common)

    return ask(common, work)


def remove_endpoint(id: str, /, *, common: Common = COMMON) -> int:
    """Forget an app: its jobs start no more, and their runs wait until it is registered again.

    Args:
        id: The id of the app's client.
    """
    from perdure.cli.connect import ask
    from perdure.cli.output import Output

    async def work(connection: Connection) -> int:
        await connection.desk.remove_endpoint(id)
        Output(as_json=common.json).record({"removed": id})
        return 0

    return ask(common, work)


def _check_server(connection: Connection) -> None:
    from perdure.errors import NotConnectedError

    if connection.url is None:
        raise NotConnectedError("Apps are asked by a server, and none runs on this database: start `perdure serve`.")


async def _show(connection: Connection, endpoint: EndpointAnswer, common: Common) -> int:
    from perdure.cli.output import Output

    output = Output(as_json=common.json)
    if output.as_json:
        output.value(endpoint)
        return 0
    node = await connection.desk.get_node()
    hook = f"{node.url}{endpoint.hook}"
    said = {"warnings": " ".join(endpoint.warnings)} if endpoint.warnings else {}
    output.record({"endpoint": endpoint.id, "url": endpoint.url, "jobs": _jobs(endpoint), "deploy hook": hook, **said})
    return 0


def _jobs(endpoint: EndpointAnswer) -> str:
    return ", ".join(endpoint.job_ids) if endpoint.is_there else "not there yet"
