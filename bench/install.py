"""How long it takes from ``pip install`` to the first finished run: ``python -m bench.install``.

The wheel of this checkout is installed into a new environment, from whatever index pip is set up to use; then an app is
begun, as people do: ``perdure init``, ``perdure dev``, ``perdure run``. The example job waits for 5 s.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measures import now
from bench.result import Result, take_median
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    from bench.result import Figures

ROOT = Path(__file__).resolve().parents[1]


def measure(folder: Path, *, cached: bool) -> Figures:
    """Install and run once.

    Args:
        folder: An empty folder.
        cached: Whether pip may use what it has downloaded before.

    Returns:
        ``install_s``; ``first_run_s``, from there to the end of the first run; and ``total_s``, both together.
    """
    _call([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    (wheel,) = folder.glob("*.whl")
    _call([sys.executable, "-m", "venv", folder / "venv"], folder)
    programs = folder / "venv" / "bin"
    app = folder / "app"
    app.mkdir()

    began = now()
    flags = [] if cached else ["--no-cache-dir"]
    _call([programs / "python", "-m", "pip", "install", "--disable-pip-version-check", *flags, wheel], folder)
    installed = now()
    _call([programs / "perdure", "init"], app)
    _run_the_first(programs / "perdure", app)
    ended = now()
    return {"install_s": installed - began, "first_run_s": ended - installed, "total_s": ended - began}


def main() -> None:
    """Measure, and print the medians as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.install", description="From pip install to the first run.")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--cached", action="store_true", help="let pip use what it has downloaded before")
    parser.add_argument("--folder", type=Path, default=DATA, help="where environments are made")
    given = parser.parse_args()
    runs: list[Figures] = []
    for _ in range(given.repetitions):
        with fresh_folder(given.folder) as folder:
            runs.append(measure(folder, cached=given.cached))
    settings = {"cached": given.cached, "repetitions": given.repetitions, "python": platform.python_version()}
    Result(system="perdure", workload="install", figures=take_median(runs), runs=runs, settings=settings).emit()


def _run_the_first(perdure: Path, app: Path) -> None:
    """Start the node of a new app, and follow the first run of its job to its end.

    Raises:
        RuntimeError: The node has ended before it was ready, or the run has failed.
    """
    command = [perdure, "dev", "jobs.py", "--port", "0"]
    with subprocess.Popen(command, cwd=app, env=_environ(), stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        try:
            if not any(line.startswith("Ready in ") for line in node.stdout):
                raise RuntimeError(f"perdure dev ended with {node.wait()} before it was ready.")
            _call([perdure, "run", "hello", "name=Ada", "--follow"], app)
        finally:
            node.terminate()
            node.stdout.read()


def _call(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=_environ(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr}")


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}


if __name__ == "__main__":
    main()
