"""The Redis that a queue and its worker use."""

from __future__ import annotations

import argparse
import os

# A worker is started by its own command, which passes on nothing but the environment.
REDIS_VARIABLE = "BENCH_REDIS"


def take_redis_url() -> str:
    """Read ``--redis`` from the command line, and leave it to the worker in the environment.

    Returns:
        The URL.
    """
    parser = argparse.ArgumentParser(description="Measure a queue on Redis.")
    parser.add_argument("--redis", required=True, metavar="URL", help="a Redis that fsyncs: see bench/README.md")
    url: str = parser.parse_args().redis
    os.environ[REDIS_VARIABLE] = url
    return url
