"""The watch: which files of an app have changed."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.config.env_files import ENV_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_FOLDERS = 2000
"""How many folders are watched at most; those nearest to the top come first."""

_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages"})
_STEP_MS = 25
_DEBOUNCE_MS = 400
"""Files that are saved together are one change: they are waited for until none comes for a step, or so long in all."""

_TIMEOUT_MS = 500
"""How long nothing need be heard of before the folders are looked at, once after each beginning."""

State = tuple[int, int] | None
"""When a file was changed, in nanoseconds, and its size; ``None``: it is not there."""


class Watch:
    """Looks at the Python files below an app's folder, and at the environment files of another.

    What the system tells of is known at once. What is saved before the system has begun to tell is found by a look at
    all files that follows.

    Args:
        app: The app's folder; hidden folders, virtual environments and caches in it are passed over.
        environment: Where the environment files are.
        on_change: Called, in a thread of the watch, with the files that have changed.
    """

    def __init__(self, app: Path, environment: Path, on_change: Callable[[list[Path]], None]) -> None:
        self._app = app
        self._environment = environment
        self._on_change = on_change
        self._seen: dict[Path, State] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perdure-watch", daemon=True)

    def start(self) -> None:
        """Begin to look: what is saved from now on is told of."""
        self._seen = self._look(list_folders(self._app))
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        # It takes a while to load, in which the first process of the node starts.
        from watchfiles import watch

        while not self._stop.is_set():
            folders = list_folders(self._app)
            is_looked_at = False
            for changes in watch(
                *{*folders, self._environment},
                recursive=False,
                watch_filter=None,
                step=_STEP_MS,
                debounce=_DEBOUNCE_MS,
                rust_timeout=_TIMEOUT_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                paths = {Path(path) for _, path in changes}
                if not is_looked_at:
                    is_looked_at = True
                    paths |= self._look(folders).keys() | self._seen.keys()
                self._compare(paths)
                # What is saved in a folder that has just come is not heard of before that is watched, too.
                if any(path not in folders and _is_code(path) and path.is_dir() for path in paths):
                    break

    def _compare(self, paths: Iterable[Path]) -> None:
        """Tell of those files that are not as they were."""
        changed: list[Path] = []
        for path in sorted(paths):
            if not self._matters(path):
                continue
            state = _state(path)
            if state != self._seen.get(path):
                self._seen[path] = state
                changed.append(path)
        if changed:
            self._on_change(changed)

    def _look(self, folders: Iterable[Path]) -> dict[Path, State]:
        paths = [path for folder in folders for path in _list_files(folder)]
        paths += [self._environment / name for name in ENV_FILES]
        return {path: state for path in paths if (state := _state(path)) is not None}

    def _matters(self, path: Path) -> bool:
        if path.parent == self._environment and path.name in ENV_FILES:
            return True
        return path.suffix == ".py" and path.is_relative_to(self._app)


def list_folders(app: Path) -> set[Path]:
    """List the folders below an app's folder, itself included, whose files may be its code."""
    found: set[Path] = set()
    for folder in _walk(app):
        found.add(folder)
        if len(found) == MAX_FOLDERS:
            break
    return found


def _walk(app: Path) -> Iterator[Path]:
    level = [app]
    while level:
        yield from level
        level = [child for folder in level for child in _list_children(folder)]


def _list_children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if _is_code(folder / name)]


def _is_code(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in _PASSED_OVER:
        return False
    return not (folder / "pyvenv.cfg").exists()


def _list_files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return []


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
