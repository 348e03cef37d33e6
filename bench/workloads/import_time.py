"""import: how long ``from perdure import Client`` takes in a fresh interpreter, and what it loads."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench.workloads.repetition import write_result

if TYPE_CHECKING:
    from bench.result import Result
    from bench.settings import Settings

TIMES = 9

PROBE = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
from perdure import Client
took = time.perf_counter() - start
print(json.dumps({"took": took, "modules": sorted(set(sys.modules) - before)}))
"""


async def run(settings: Settings) -> Result:
    """Measure ``import_ms`` and count the modules, compiled files being there already.

    Args:
        settings: How to run it.

    Returns:
        The medians; ``settings`` names the packages outside the standard library that were loaded.
    """
    await asyncio.to_thread(probe)
    probes = [await asyncio.to_thread(probe) for _ in range(settings.count(TIMES))]
    modules: list[str] = probes[0]["modules"]
    packages = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names
    runs = [
        {
            "import_ms": found["took"] * 1000,
            "modules": len(found["modules"]),
            "own_modules": sum(module.partition(".")[0] == "perdure" for module in found["modules"]),
        }
        for found in probes
    ]
    return write_result("import", runs, settings, packages=sorted(packages), python=sys.version.split()[0])


def probe() -> dict[str, Any]:
    """Import perdure in a fresh interpreter.

    Returns:
        ``took`` in seconds, and the names of the ``modules`` that were loaded.
    """
    # What is imported is compiled, as it is where perdure is installed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", PROBE], env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
