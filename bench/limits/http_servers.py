"""ASGI servers of one process under ``wrk``, which shares the machine with them."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from pathlib import Path

from bench.limits.rates import emit
from bench.processes import running
from bench.settings import DATA, fresh_folder

PORT = 18080
URL = f"http://127.0.0.1:{PORT}/"
BIN = Path(sys.executable).parent
APP = "bench.limits.http_app:app"

REQUEST = b'{"id":"task_01HZX3J6","name":"step","output":"' + b"x" * 900 + b'"}'
POST_SCRIPT = f"""
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{REQUEST.decode()}'
"""

UVICORN = [BIN / "uvicorn", APP, "--port", str(PORT), "--no-access-log", "--log-level", "error"]
GRANIAN = [BIN / "granian", APP, "--interface", "asgi", "--host", "127.0.0.1", "--port", str(PORT), "--no-log"]
SERVERS: dict[str, list[str | Path]] = {
    "uvicorn_httptools_uvloop": [*UVICORN, "--http", "httptools", "--loop", "uvloop"],
    "uvicorn_httptools_asyncio": [*UVICORN, "--http", "httptools", "--loop", "asyncio"],
    "uvicorn_h11_asyncio": [*UVICORN, "--http", "h11", "--loop", "asyncio"],
    "granian_uvloop": [*GRANIAN, "--loop", "uvloop"],
    "granian_asyncio": [*GRANIAN, "--loop", "asyncio"],
    "hypercorn_uvloop": [BIN / "hypercorn", APP, "--bind", f"127.0.0.1:{PORT}", "--worker-class", "uvloop"],
}


def drive(connections: int, *, script: Path | None = None) -> float:
    """Drive the server with wrk, three times three seconds.

    Args:
        connections: How many at once.
        script: A script of wrk's; GET without a body if ``None``.

    Returns:
        The median of requests a second.
    """
    flags = ["-t1", f"-c{connections}", "-d3s", *(["-s", str(script)] if script is not None else [])]
    rates: list[float] = []
    for _ in range(3):
        said = subprocess.run(["wrk", *flags, URL], capture_output=True, text=True, check=True).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if found is None:
            raise RuntimeError(f"wrk said {said!r}")
        rates.append(float(found[1]))
    return statistics.median(rates)


def main() -> None:
    """Measure each server."""
    with fresh_folder(DATA) as folder:
        script = folder / "post.lua"
        script.write_text(POST_SCRIPT)
        for name, command in SERVERS.items():
            with running(command, port=PORT):
                drive(4)
                figures = {f"get_{connections}_per_s": drive(connections) for connections in (1, 16, 64)}
                emit(f"http_server_{name}", **figures, post_16_per_s=drive(16, script=script))


if __name__ == "__main__":
    main()
