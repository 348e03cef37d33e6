"""NPM: W2 with an app of the unchanged npm package, and the same app beside a server that answers at once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import running
from bench.remote.platform import KEY, Platform, find_free_port, serving, with_app
from bench.remote.steps import measure_steps
from bench.workloads.repetition import repeat
from tools.node import NODE, install_packages

if TYPE_CHECKING:
    from bench.result import Figures, Result
    from bench.settings import Settings

AT_ONCE = 1000
"""How many runs the instant server has executed at once: as many as perdure."""

_STEPS = 10
_HERE = Path(__file__).parent


async def run_npm(settings: Settings) -> Result:
    """Measure ``steps_per_s`` with perdure and ``instant_steps_per_s`` with the instant server, one after the other.

    A step is two requests of the app's.

    Args:
        settings: How to run it.

    Returns:
        The medians, with ``ratio`` of the two, ``server_us_per_request`` of processor time, and ``app_us`` and
        ``instant_app_us`` for a step.
    """
    runs = settings.count(1000)
    node_path = install_packages()
    command: list[str | Path] = ["env", f"NODE_PATH={node_path}", NODE, _HERE / "npm_app.cjs"]

    async def measure(path: Path) -> Figures:
        instant = measure_instant(path.parent, command, runs=runs)
        with serving(path) as server, with_app(server, path.parent, command=command) as platform:
            figures = await measure_steps(platform, path, runs=runs, steps=_STEPS)
        return {
            "steps_per_s": figures["steps_per_s"],
            "server_us_per_request": figures["server_us"] / 2,
            "app_us": figures["app_us"],
            "ratio": figures["steps_per_s"] / instant["instant_steps_per_s"],
            **instant,
        }

    return await repeat("NPM", measure, settings)


def measure_instant(folder: Path, command: list[str | Path], *, runs: int) -> Figures:
    """Have the app execute the runs for the instant server.

    Args:
        folder: Where output goes.
        command: How the app is started.
        runs: How many runs.

    Returns:
        ``instant_steps_per_s`` and ``instant_app_us``.
    """
    port, app_port = find_free_port(), find_free_port()
    environment = {"TRIGGER_API_KEY": KEY, "TRIGGER_API_URL": f"http://127.0.0.1:{port}"}
    with ExitStack() as stack:
        server_command = [NODE, _HERE / "npm_instant.cjs", "--port", str(port)]
        server = stack.enter_context(running(server_command, port=port, output=folder / "instant"))
        app_command = [*command, "--port", str(app_port)]
        app = stack.enter_context(
            running(app_command, port=app_port, environment=environment, output=folder / "instant-app")
        )
        platform = Platform(port, server.pid)
        platform.app = app.pid
        asked = {"url": f"http://127.0.0.1:{app_port}/api/trigger", "key": KEY, "steps": _STEPS, "at_once": AT_ONCE}
        platform.ask("POST", "/runs", asked | {"runs": 1})
        before = platform.measure_cpu()[1]
        done = platform.ask("POST", "/runs", asked | {"runs": runs})
        if done["steps"] != runs * _STEPS:
            raise RuntimeError(f"{done['steps']} steps instead of {runs * _STEPS}")
        used = platform.measure_cpu()[1] - before
    return {"instant_steps_per_s": done["steps"] / done["seconds"], "instant_app_us": used / done["steps"] * 1e6}
