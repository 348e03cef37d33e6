"""The app as a node's process has loaded it, or why it could not be."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from perdure.cli.dev.fingerprints import fingerprint
from perdure.cli.dev.frames import show_error
from perdure.cli.dev.messages import JobState
from perdure.cli.dev.triggers import describe_trigger
from perdure.cli.target import TargetError, find_client, load_module
from perdure.sdk.stacks import stack_text

if TYPE_CHECKING:
    from pathlib import Path

    from perdure.cli.dev.console import Console
    from perdure.cli.target import Target
    from perdure.sdk.client import Client
    from perdure.sdk.node import Node

_PATIENCE = 5.0
_NESTED_LOOP = "cannot be called from a running event loop"


class BrokenAppError(Exception):
    """An app's module does not import, or its client is no good.

    Attributes:
        lines: Why.
        stray: A node that the module has started by itself, and that owns the database.
    """

    def __init__(self, lines: list[str], stray: Node | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.stray = stray


def load_app(target: Target, console: Console) -> Client:
    """Import an app and find its client, on the running event loop, so that the module cannot take it.

    Raises:
        TargetError: There is no client that is meant.
        BrokenAppError: The module does not import, or starts its client by itself.
    """
    impatience = threading.Timer(_PATIENCE, _say_it_takes_long, (target, console, threading.get_ident()))
    impatience.daemon = True
    impatience.start()
    try:
        module = load_module(target)
    except TargetError:
        raise
    except BaseException as error:
        raise broken(error, target, console) from error
    finally:
        impatience.cancel()
    client = find_client(module, target)
    if client.node is not None:
        raise BrokenAppError([_starts_by_itself(target)], client.node)
    return client


def broken(error: BaseException, target: Target, console: Console) -> BrokenAppError:
    """Write down why an app could not be loaded, its own line first."""
    lines = show_error(console, type(error).__name__, _message(error), stack_text(error), target.folder)
    if isinstance(error, RuntimeError) and _NESTED_LOOP in str(error):
        lines += ["", _starts_by_itself(target)]
    elif isinstance(error, SystemExit):
        lines += ["", f'{target.text} exits while it is imported; put that under `if __name__ == "__main__":`.']
    return BrokenAppError(lines)


def describe_jobs(client: Client, folder: Path) -> dict[str, JobState]:
    """Say what is to be known of a client's jobs when its module is loaded again."""
    return {
        job.id: JobState(job.version, fingerprint(job, folder), describe_trigger(job.trigger.spec()))
        for job in client.jobs.values()
    }


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        # Where it stands is told beside it.
        return error.msg
    return str(error)


def _starts_by_itself(target: Target) -> str:
    return (
        f"{target.text} starts something while it is imported, and perdure dev does that by itself. Put it under "
        '`if __name__ == "__main__":`.'
    )


def _say_it_takes_long(target: Target, console: Console, thread: int) -> None:
    frame: Any = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
    lines = show_error(
        console, "Slow import", f"{target.text} is still being imported after {_PATIENCE:g} s.", stack, target.folder
    )
    console.write(*lines[:3])
