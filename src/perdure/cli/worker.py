"""``perdure worker``: a process that dials a server and executes an app's jobs for it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from perdure.cli.options import FORM, Form

if TYPE_CHECKING:
    from perdure.sdk.client import Client


def run_worker(
    target: Annotated[str, Parameter(help="FILE or MODULE, and maybe the client in it: app.py, shop.jobs:client.")],
    /,
    *,
    form: Form = FORM,
) -> int:
    """Execute an app's jobs for the server at PERDURE_API_URL, until SIGTERM or Ctrl-C.

    Raises:
        TargetError: There is no such file or module, or no client in it.
        NotConnectedError: The server is not named, or does not take the key.
    """
    from perdure.adapters.worker import work
    from perdure.cli.output import Output
    from perdure.cli.target import find_client, load_module, parse_target
    from perdure.config.env_files import with_env_files
    from perdure.config.logs import load_log_settings
    from perdure.server.logs import set_up_logging

    os.environ.update(with_env_files(os.environ, Path.cwd()))
    found = parse_target(target, folder=Path.cwd())
    client: Client = find_client(load_module(found), found)
    if not logging.getLogger().handlers:
        # An app that has set up its own log has it.
        set_up_logging(load_log_settings())
    out = Output(as_json=form.json)

    def is_ready(worker_id: str, url: str, jobs: int) -> None:
        out.record({"worker": worker_id, "pid": os.getpid(), "app": client.id, "server": url, "jobs": jobs})

    asyncio.run(work(client, stop_on=(signal.SIGTERM, signal.SIGINT), is_ready=is_ready))
    return 0
