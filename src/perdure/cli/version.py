"""``perdure version``."""

from __future__ import annotations

import platform
from importlib.metadata import version

from perdure.cli.options import FORM, Form


def show_version(*, form: Form = FORM) -> int:
    """Show the version of perdure, and of the Python that it runs on."""
    from perdure.cli.output import Output

    Output(as_json=form.json).record({"perdure": version("perdure"), "python": platform.python_version()})
    return 0
