"""Looks at the settings, and at the files beside a database."""

from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING, Final

from perdure.cli.configuration import unknown_variables
from perdure.cli.doctor.checks import Check
from perdure.cli.unknown import nearest
from perdure.config.variables import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from perdure.config.settings import Settings

_LEAST_SPACE: Final = 200 * 1024 * 1024


def look_at_settings(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """Look for settings that may surprise."""
    unknown = unknown_variables(environ)
    for name in unknown:
        yield Check("settings", "warning", f"{name} is set, and is no setting of perdure.{nearest(name, NAMES)}")
    if settings.clock_offset:
        seconds = settings.clock_offset.total_seconds()
        yield Check("clock", "warning", f"PERDURE_CLOCK_OFFSET sets the node's clock {seconds:+g} s off the machine's.")
    if settings.environment == "prod" and not environ.get("PERDURE_SECRET_KEY"):
        yield Check(
            "secret key",
            "warning",
            "PERDURE_SECRET_KEY is not set: callback URLs and secrets depend on the key file beside the database, "
            "which belongs into its backup.",
        )
    if not unknown:
        yield Check("settings", "ok", f"The environment is {settings.environment}.")


def look_at_files(database: Path) -> Iterator[Check]:
    """Look at the folder of a database and the files in it."""
    folder = database.parent
    if database.is_dir():
        yield Check("database", "failed", f"{database} is a folder. Name a file in it.")
        return
    if not database.exists():
        yield Check("database", "ok", f"There is none yet; a node will make {database}.")
    else:
        yield Check("database", "ok", f"{database}, {database.stat().st_size / 1024 / 1024:,.1f} MB.")
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < _LEAST_SPACE:
        yield Check("disk", "warning", f"{free / 1024 / 1024:,.0f} MB are free at {existing}. Free some, or prune.")
    for suffix in (".key", ".node"):
        file = database.with_name(f"{database.name}{suffix}")
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Check("secrets", "warning", f"Others may read {file}. Let only its owner: chmod 600 {file}.")


def look_at_ignored(folder: Path) -> Iterator[Check]:
    """Look whether what is secret may be committed by mistake."""
    ignoring = folder / ".gitignore"
    if not (folder / ".git").exists():
        return
    listed = ignoring.read_bytes().decode(errors="replace") if ignoring.is_file() else ""
    there = {line.strip().strip("/") for line in listed.splitlines()}
    for name in (".env", ".perdure"):
        if (folder / name).exists() and name not in there:
            yield Check("git", "warning", f"{name} is there and .gitignore does not name it; it is not for others.")
