"""``perdure doctor``, from the command line to the exit status."""

from __future__ import annotations

import asyncio
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.cli.doctor.checks import Check


def examine(*, common: Common = COMMON) -> int:
    """Look for what may be wrong with this folder's set-up: settings, database, node, secrets.

    Exits with 1 if something does not work.
    """
    from perdure.cli.output import Output

    output = Output(as_json=common.json)
    checks = asyncio.run(_examine(common.database_url))
    if output.as_json:
        output.value(checks)
    elif output.for_people:
        for check in checks:
            output.line(f"{check.state:<7}  {check.name:<10}  {check.message}", first=(check.state,))
    else:
        output.table((), [(check.state, check.name, check.message) for check in checks], empty="")
    return 1 if any(check.state == "failed" for check in checks) else 0


async def _examine(database_url: str | None) -> list[Check]:
    return [check async for check in _look(database_url)]


async def _look(database_url: str | None) -> AsyncIterator[Check]:
    from perdure.cli.connect import is_there, surroundings
    from perdure.cli.doctor.checks import Check
    from perdure.cli.doctor.node import look_at_node
    from perdure.cli.doctor.surroundings import look_at_files, look_at_ignored, look_at_settings
    from perdure.config.settings import load_settings
    from perdure.errors import InvalidArgumentError
    from perdure.storage.opening import database_path

    yield Check("perdure", "ok", f"{version('perdure')} on Python {platform.python_version()}, {sys.platform}.")
    try:
        environ = surroundings(database_url)
        settings = load_settings(environ)
        database = database_path(settings.database_url)
    except InvalidArgumentError as error:
        yield Check("settings", "failed", error.message)
        return
    for check in look_at_settings(settings, environ):
        yield check
    for check in look_at_ignored(Path.cwd()):
        yield check
    url = None if database_url is not None else environ.get("PERDURE_API_URL") or environ.get("TRIGGER_API_URL")
    if url is None and database is None:
        yield Check("database", "warning", "It is in memory: nothing is kept when the process ends.")
        return
    if url is None and database is not None:
        for check in look_at_files(database.absolute()):
            yield check
    async for check in look_at_node(
        database_url, is_there=url is not None or (database is not None and is_there(database))
    ):
        yield check
