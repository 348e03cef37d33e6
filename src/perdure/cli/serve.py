"""``perdure serve``: a server for apps that register with it, in any language."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from perdure.cli.options import COMMON, Common

if TYPE_CHECKING:
    from perdure.server.embedded_node import EmbeddedNode

DEFAULT_PORT = 3030


def run_server(
    *,
    host: Annotated[str, Parameter(help="The address it listens on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port it listens on; 0: any that is free.")] = DEFAULT_PORT,
    public_url: Annotated[str | None, Parameter(help="Under which URL apps and others reach it.")] = None,
    common: Common = COMMON,
) -> int:
    """Serve apps that register with it, in any language; until SIGTERM or Ctrl-C.

    Raises:
        InvalidArgumentError: No environment has a key, or an option is wrong.
        PortTakenError: The port cannot be listened on.
        DatabaseLockedError: Another process owns the database.
    """
    from perdure.cli.dev.port import listen
    from perdure.cli.output import Output
    from perdure.config.env_files import with_env_files
    from perdure.config.logs import load_log_settings
    from perdure.server.logs import set_up_logging
    from perdure.server.loop import run_on_loop
    from perdure.server.serve import serve

    # So it opens the database that the other commands of the folder open.
    os.environ.update(with_env_files(os.environ, Path.cwd()))
    if common.environment is not None:
        os.environ["PERDURE_ENVIRONMENT"] = common.environment
    set_up_logging(load_log_settings())
    out = Output(as_json=common.json)

    def is_ready(node: EmbeddedNode) -> None:
        about = node.engine.about
        slugs = [one.slug for one in node.engine.environments.all()]
        said = {"url": node.url, "database": about.database}
        out.record({**said, "environments": slugs if common.json else ", ".join(slugs)})

    with listen(port, host=host) as listening:
        run_on_loop(serve(listening, database_url=common.database_url, public_url=public_url, is_ready=is_ready))
    return 0
