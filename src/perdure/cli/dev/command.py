"""``perdure dev``, from the command line to the exit status."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from perdure.cli.dev.console import Console
from perdure.cli.dev.port import DEFAULT_PORT, listen
from perdure.cli.dev.supervisor import Supervisor
from perdure.cli.main import READER_GONE
from perdure.cli.target import parse_target


def run_dev(
    target: Annotated[str, Parameter(help="FILE or MODULE, and maybe the client in it: app.py, shop.jobs:client.")],
    /,
    *,
    port: Annotated[int, Parameter(help="Where the node listens; 0: at any port that is free.")] = DEFAULT_PORT,
) -> int:
    """Run an app's jobs until Ctrl-C, loading them anew whenever a file is saved.

    Returns:
        The exit status: 0 after Ctrl-C, SIGTERM or SIGHUP; 130 after a second Ctrl-C, 143 or 129 after another signal;
        what an error means, if there can be no node.

    Raises:
        TargetError: There is no such file or module.
        InvalidArgumentError: There is no such port.
        PortTakenError: The port cannot be listened on.
        BrokenPipeError: Nobody reads what it prints.
    """
    began = time.monotonic()
    folder = Path.cwd()
    found = parse_target(target, folder=folder)
    with listen(port) as listening:
        supervisor = Supervisor(
            found, listening=listening, folder=folder, environ=os.environ, console=Console(), began=began
        )
        status = supervisor.run()
    if status == READER_GONE:
        raise BrokenPipeError
    return status
