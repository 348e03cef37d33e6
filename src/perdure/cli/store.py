"""``perdure store``: read and set stored values."""

from __future__ import annotations

from perdure.cli.connect import Connection, ask
from perdure.cli.options import COMMON, Common


def get_value(name: str, /, *, job: str | None = None, run: str | None = None, common: Common = COMMON) -> int:
    """Show a stored value, as JSON.

    Args:
        name: The value's name.
        job: The job whose store is read, in place of that of the environment.
        run: The run whose store is read, in place of that of the environment.
    """
    key = _key(name, job, run)

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.cli.unknown import nearest
        from perdure.errors import NotFoundError

        value = await connection.desk.get_value(key)
        if value is None:
            page = await connection.desk.list_values(prefix=key[: -len(name)], take=50)
            known = [one.key[len(key) - len(name) :] for one in page.values]
            raise NotFoundError(f"No value is stored as {name!r:.80}.{nearest(name, known)}")
        Output(as_json=common.json).line(value)
        return 0

    return ask(common, work)


def set_value(member: str, /, *, job: str | None = None, run: str | None = None, common: Common = COMMON) -> int:
    """Store a value.

    Args:
        member: name=text, or name:=JSON for a number, true, null, a list or an object.
        job: The job in whose store it is set, in place of that of the environment.
        run: The run in whose store it is set, in place of that of the environment.
    """
    from perdure.cli.arguments import parse_members

    ((name, value),) = parse_members([member]).items()
    key = _key(name, job, run)

    async def work(connection: Connection) -> int:
        from perdure.cli.output import Output
        from perdure.protocol.json_text import JsonText, dump

        text = JsonText(dump(value, root="value"))
        await connection.desk.set_value(key, text)
        Output(as_json=common.json).line(text)
        return 0

    return ask(common, work)


def _key(name: str, job: str | None, run: str | None) -> str:
    from perdure.errors import InvalidArgumentError
    from perdure.protocol.store_keys import check_environment_name, check_name, job_key, run_key

    if job is not None and run is not None:
        raise InvalidArgumentError("A value is in the store of a job or of a run: give --job or --run, not both.")
    if job is not None:
        return job_key(job, check_name(name))
    return check_environment_name(name) if run is None else run_key(run, check_name(name))
