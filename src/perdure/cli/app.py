"""The commands, by name; each is imported when it is called."""

from __future__ import annotations

import sys

from cyclopts import App


def make_app() -> App:
    """Make the application that reads a command line; a command gives the exit status."""
    app = App(
        name="perdure",
        help="Durable background jobs: develop them, and look after their runs.",
        version_flags=[],
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        # On a pipe: no frames, nothing cut.
        help_formatter="default" if sys.stdout.isatty() else "plain",
        help_epilogue="Exit status: 0 done, 1 failed, 2 used wrongly, 3 not found, 4 not connected.",
    )
    app.command(
        "perdure.cli.version:show_version",
        name="version",
        help="Show the version of perdure, and of the Python that it runs on.",
    )
    return app
