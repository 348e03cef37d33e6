"""Writes the files: all of them or none, and nothing that is there already is lost."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from perdure.errors import PerdureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Change(Struct, frozen=True):
    """What becomes of a file.

    Attributes:
        path: The file, as seen from the folder.
        what: ``created``, ``extended``, or ``kept`` as it is.
        text: What it holds then.
        is_secret: Whether only its owner may read it.
    """

    path: str
    what: str
    text: str
    is_secret: bool = False


def created(path: str, text: str) -> Change:
    """Plan a file that is not there yet."""
    return Change(path, "created", text)


def extended(folder: Path, path: str, lines: Sequence[str], *, is_secret: bool = False) -> Change:
    """Plan a file that has these lines at its end; without any, it is kept as it is.

    Raises:
        PerdureError: It is there and cannot be read as text.
    """
    file = folder / path
    try:
        # Ends of lines as they are: what others wrote stays as it is.
        before = file.read_bytes().decode("utf-8") if file.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise PerdureError(f"{path} cannot be read as text: {error}. Nothing was written.") from error
    if before is not None and not lines:
        return Change(path, "kept", before)
    end = "\r\n" if before is not None and "\r\n" in before else "\n"
    start = "" if before is None else before if not before or before.endswith("\n") else f"{before}{end}"
    return Change(
        path, "created" if before is None else "extended", start + "".join(f"{line}{end}" for line in lines), is_secret
    )


def write(folder: Path, changes: Sequence[Change]) -> None:
    """Write what was planned.

    Raises:
        PerdureError: A file that was to be created is there, and nothing was written; or the folder takes no files.
    """
    there = [change.path for change in changes if change.what == "created" and _is_there(folder / change.path)]
    if there:
        raise PerdureError(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written. Name "
            "another file for the jobs with --file, or move what is there."
        )
    drafts: Mapping[str, Path] = {}
    try:
        drafts = {change.path: _draft(folder, change) for change in changes if change.what != "kept"}
        for path, draft in drafts.items():
            draft.replace(_file(folder, path))
    except OSError as error:
        raise PerdureError(f"{folder} takes no files: {error.strerror}.") from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _is_there(file: Path) -> bool:
    # A link that leads nowhere is there, too.
    return file.exists() or file.is_symlink()


def _draft(folder: Path, change: Change) -> Path:
    target = _file(folder, change.path)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600 if change.is_secret else 0o666
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(change.text.encode("utf-8"))
    return draft


def _file(folder: Path, path: str) -> Path:
    # A link stays one; what it leads to is changed.
    return (folder / path).resolve()
