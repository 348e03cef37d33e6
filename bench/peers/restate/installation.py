"""Restate's two processes, on an empty data folder, and a client for them."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.measures import measure_cpu, measure_folder_bytes
from bench.peers.environments import PROJECT, find_restate_server
from bench.peers.restate.endpoint import NOTES_VARIABLE
from bench.processes import kill, running, start, wait_for_free_port, wait_for_port
from bench.settings import DATA, fresh_folder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Mapping

INGRESS_PORT, ADMIN_PORT, ENDPOINT_PORT = 8080, 9070, 9080
ENDPOINTS = ("granian", "hypercorn")
# granian's HTTP/2 is HTTP/2 alone, so only the server can call the endpoint.
APP = "bench.peers.restate.endpoint:app"

LOOPBACK_ONLY = {
    "RESTATE_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "RESTATE_BIND_IP": "127.0.0.1",
    "RESTATE_ADVERTISED_HOST": "127.0.0.1",
    "RESTATE_LISTEN_MODE": "tcp",
}


@dataclass(kw_only=True)
class Installation:
    """A running server and endpoint.

    Attributes:
        session: An HTTP client without a limit on connections.
        folder: The server's data.
        notes: Where the endpoint's handlers note how far they have come.
        server: The server's process.
        endpoint: The endpoint's process; W7 puts another in its place.
    """

    session: aiohttp.ClientSession
    folder: Path
    notes: Path
    server: subprocess.Popen[bytes]
    endpoint: subprocess.Popen[bytes]

    async def call(self, handler: str, request: Mapping[str, Any], *, send: bool = False) -> Any:
        """Call a handler, and wait for its answer unless ``send``."""
        url = f"http://127.0.0.1:{INGRESS_PORT}/bench/{handler}{'/send' if send else ''}"
        async with self.session.post(url, json=request) as response:
            response.raise_for_status()
            return json.loads(await response.text())

    async def warm_up(self) -> None:
        """Do once what W1 does and what W2 does: the first time either costs more."""
        await self.call("run_in_order", {"steps": 1000, "key": "warm"})
        await asyncio.gather(*(self.call("run_in_order", {"steps": 10, "key": f"warm-{n}"}) for n in range(1000)))

    async def await_invocation(self, invocation: str) -> None:
        """Wait until an invocation that was sent has ended."""
        url = f"http://127.0.0.1:{INGRESS_PORT}/restate/invocation/{invocation}/attach"
        async with self.session.get(url) as response:
            await response.read()

    async def resolve(self, awakeable: str) -> None:
        """Signal an awakeable."""
        url = f"http://127.0.0.1:{INGRESS_PORT}/restate/awakeables/{awakeable}/resolve"
        async with self.session.post(url, json="x") as response:
            await response.read()

    def measure_cpu(self) -> float:
        """Measure the processor time of both processes, in seconds."""
        return measure_cpu(self.server.pid) + measure_cpu(self.endpoint.pid)

    def measure_bytes(self) -> int:
        """Measure the server's data; Restate pre-allocates, so this is rough."""
        return measure_folder_bytes(self.folder)


def start_endpoint(kind: str, *, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the endpoint and wait until it listens.

    Args:
        kind: One of ``ENDPOINTS``.
        environment: Variables to set.

    Returns:
        Its process.
    """
    wait_for_free_port(ENDPOINT_PORT)
    program = Path(sys.executable).parent / kind
    if kind == "granian":
        where = ["--host", "127.0.0.1", "--port", str(ENDPOINT_PORT)]
        flags = ["--interface", "asgi", "--http", "2", "--workers", "1", "--no-log", *where]
    else:
        flags = ["--bind", f"127.0.0.1:{ENDPOINT_PORT}", "--log-level", "error"]
    process = start([program, *flags, APP], environment={"PYTHONPATH": str(PROJECT), **(environment or {})})
    wait_for_port(ENDPOINT_PORT, process)
    return process


@asynccontextmanager
async def installed(
    kind: str, *, server: Mapping[str, str] | None = None, endpoint: Mapping[str, str] | None = None
) -> AsyncIterator[Installation]:
    """Keep an empty Restate and its endpoint running for the length of a block.

    Args:
        kind: One of ``ENDPOINTS``.
        server: More variables for the server.
        endpoint: More variables for the endpoint.

    Yields:
        The installation, warm: 1,000 steps in order and 1,000 runs at once are behind it.

    Raises:
        RuntimeError: The server is not installed, or does not start.
    """
    binary = find_restate_server()
    if binary is None:
        raise RuntimeError("restate-server is not installed: python -m bench.peers.setup restate")
    variables = {**LOOPBACK_ONLY, **(server or {})}
    timeout = aiohttp.ClientTimeout(total=600)
    with fresh_folder(DATA) as folder:
        command = [binary, "--no-logo", "--base-dir", folder / "data"]
        with running(command, port=ADMIN_PORT, environment=variables, output=folder / "server.log") as process:
            wait_for_port(INGRESS_PORT, process)
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                notes = folder / "notes"
                installation = Installation(
                    session=session,
                    folder=folder / "data",
                    notes=notes,
                    server=process,
                    endpoint=start_endpoint(kind, environment={NOTES_VARIABLE: str(notes), **(endpoint or {})}),
                )
                try:
                    await register(session)
                    await asyncio.sleep(2)
                    await installation.warm_up()
                    yield installation
                finally:
                    # Asked politely, granian waits for the server to hang up.
                    kill(installation.endpoint)


async def register(session: aiohttp.ClientSession) -> None:
    """Tell the server where the endpoint is; it refuses for a moment after it has begun to listen."""
    url, body = f"http://127.0.0.1:{ADMIN_PORT}/deployments", {"uri": f"http://127.0.0.1:{ENDPOINT_PORT}"}
    for _ in range(100):
        async with session.post(url, json=body) as response:
            if response.ok:
                return
        await asyncio.sleep(0.1)
    raise RuntimeError("the server did not take the endpoint in 10 seconds")
