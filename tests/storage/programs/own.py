"""Owns a database until its standard input ends; closes it properly if told "close"."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.storage.programs import say
from tests.storage.values import open_values, put

storage = open_values(Path(sys.argv[1]))
asyncio.run(storage.write(put, "mine"))
say("open")
if sys.stdin.read().strip() == "close":
    asyncio.run(storage.close())
os._exit(0)
