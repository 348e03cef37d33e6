"""The program ``perdure``: from its arguments to its exit status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C, as shells have it."""

READER_GONE: Final = 141
"""The exit status when nobody reads what is printed any more, as shells have it."""


_LAST_STREAM: Final = 2

_TAKE_FILES: Final = ("check", "dev", "init")
"""The commands whose arguments are files, which may have any name."""


def main() -> None:
    """Run the command of this process's arguments and exit with its status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; everything that goes wrong is said in a sentence on standard error.

    Args:
        arguments: The command line without the name of the program.

    Returns:
        The exit status: 0: done, 1: failed, 2: used wrongly, 3: not found, 4: not connected, 130: stopped by Ctrl-C,
        141: nobody reads the output.
    """
    try:
        open_missing_streams()
        tolerate_any_encoding()
        status = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The interpreter flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return status


def _dispatch(arguments: Sequence[str]) -> int:
    # Ctrl-C while this is imported is met above.
    from perdure.cli.failures import explain
    from perdure.errors import InvalidArgumentError, PerdureError

    if arguments[:1] == ["--version"]:
        # As most programs have it.
        arguments = ["version", *arguments[1:]]
    unreadable = next((one for one in arguments if not _is_utf_8(one)), None)
    if unreadable is not None and arguments[0] not in _TAKE_FILES:
        error = InvalidArgumentError(f"The argument {unreadable!r:.80} is not UTF-8.")
        return explain(error, as_json="--json" in arguments)
    try:
        from cyclopts import CycloptsError

        from perdure.cli.app import make_app
    except ImportError as error:
        return explain(error)
    try:
        status = make_app()(arguments)
    except BrokenPipeError:
        raise
    except (CycloptsError, PerdureError, OSError) as error:
        return explain(error, as_json="--json" in arguments)
    return status if isinstance(status, int) else 0


def _is_utf_8(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _interrupted() -> int:
    # A second Ctrl-C, or a reader that is gone, must not hide the status.
    try:
        sys.stdout.flush()
        print("Stopped by Ctrl-C.", file=sys.stderr)  # noqa: T201
    except (OSError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return INTERRUPTED


def open_missing_streams() -> None:
    """Put what reads and writes nothing in place of standard streams that are closed, as services start programs."""
    while True:
        # Whatever is opened next would have their numbers, and be read or written in their place.
        opened = os.open(os.devnull, os.O_RDWR)
        if opened > _LAST_STREAM:
            os.close(opened)
            break
        os.set_inheritable(opened, True)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def tolerate_any_encoding(*, errors: str = "backslashreplace") -> None:
    """Let characters that the encoding of the output has not be shown as what they are, or as ``errors`` says."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=errors)
