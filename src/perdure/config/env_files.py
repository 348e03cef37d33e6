"""Files of environment variables, as a developer keeps them beside an app."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from perdure.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENV_FILES = (".env", ".env.development", ".env.local")
"""The files that are read, each of which goes before those that come earlier here."""


def list_env_files(folder: Path) -> list[str]:
    """Name the environment files of a folder that are there, the one that goes before the others last."""
    return [name for name in ENV_FILES if (folder / name).is_file()]


def read_env_files(folder: Path) -> dict[str, str]:
    """Read the environment files of a folder that are there, into one.

    A value may refer to others, ``${NAME}``: to a variable of the process, else to one of the same file.

    Args:
        folder: Where they are.

    Returns:
        The variables that they set.

    Raises:
        InvalidArgumentError: A file cannot be read, or has a line that sets nothing.
    """
    found: dict[str, str] = {}
    for name in list_env_files(folder):
        found |= read_env_file(folder / name)
    return found


def with_env_files(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Add the variables of a folder's environment files to those of a process, which go before them.

    Args:
        environ: The variables of the process; one that is set to nothing is set, too.
        folder: Where the files are.

    Raises:
        InvalidArgumentError: As for `read_env_files`.
    """
    return {**read_env_files(folder), **environ}


def read_env_file(path: Path) -> dict[str, str]:
    """Read one such file; one that is not there sets nothing.

    Raises:
        InvalidArgumentError: As for `read_env_files`.
    """
    if not path.is_file():
        return {}
    # Many a process reads no such file.
    from dotenv.main import DotEnv
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path} cannot be read as text in UTF-8: {error}") from error
    if "\0" in text:
        # No process can be given it.
        line = text[: text.index("\0")].count("\n") + 1
        raise InvalidArgumentError(f"{path}, line {line}: there is a NUL in it, which no variable can hold.")
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise InvalidArgumentError(
                f"{path}, line {binding.original.line}: {binding.original.string.strip()[:20]!r} … sets no variable; "
                "write NAME=value, and # before a remark."
            )
    values = DotEnv(None, stream=StringIO(text), override=False).dict()
    return {name: value for name, value in values.items() if value is not None}
