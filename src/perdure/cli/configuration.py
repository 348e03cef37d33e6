"""``perdure config show``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.cli.options import FORM, Flag, Form

if TYPE_CHECKING:
    from collections.abc import Mapping


def show_config(*, origin: Flag = False, form: Form = FORM) -> int:
    """Show the settings of this folder, as the environment and the .env files have them.

    Args:
        origin: Show where each value comes from, too.
    """
    from perdure.cli.connect import surroundings
    from perdure.cli.output import Output, note
    from perdure.config.settings import load_settings
    from perdure.config.variables import effective

    environ = surroundings()
    load_settings(environ)
    values = effective(environ)
    origins = origins_of(values)
    output = Output(as_json=form.json)
    if output.as_json:
        found = {name: {"value": value, "origin": origins[name]} if origin else value for name, value in values.items()}
        output.value(found)
        return 0
    rows = [(name, value, origins[name]) if origin else (name, value) for name, value in values.items()]
    output.table(("setting", "value", "origin") if origin else ("setting", "value"), rows, empty="")
    for name in unknown_variables(environ):
        note(f"{name} is set, and is no setting of perdure.{_nearest(name)}")
    return 0


def origins_of(values: Mapping[str, str | None]) -> dict[str, str]:
    """Give where each value comes from: ``environment``, a ``.env`` file, or ``default``."""
    from perdure.config.env_files import list_env_files, read_env_file

    origins = dict.fromkeys(values, "default")
    for file in list_env_files(Path.cwd()):
        for name in read_env_file(Path.cwd() / file):
            if name in origins:
                origins[name] = file
    origins.update({name: "environment" for name in origins if name in os.environ})
    # What is set to nothing is not set.
    return {
        name: where if values[name] is not None or where == "default" else "default" for name, where in origins.items()
    }


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Give the variables that look like settings and are none."""
    from perdure.config.variables import NAMES

    return sorted(name for name in environ if name.startswith("PERDURE_") and name not in NAMES)


def _nearest(name: str) -> str:
    from perdure.cli.unknown import nearest
    from perdure.config.variables import NAMES

    return nearest(name, NAMES)
