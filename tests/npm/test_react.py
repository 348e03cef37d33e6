"""The hooks of @trigger.dev/react, unchanged, follow a run with a public key, as pages in a browser do."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.npm.api import PATIENCE, PUBLIC_KEY, Api, request
from tests.npm.conftest import NODE

ORIGIN = "https://shop.example"


class Page:
    """A page that shows a run by every hook.

    Attributes:
        asked: The first request of each kind.
        given: What each hook has given, in order.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._descriptor = process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self._rest = b""
        self.asked: list[dict[str, Any]] = []
        self.given: dict[str, list[dict[str, Any]]] = {}

    def follow(self, expected: dict[str, dict[str, Any]]) -> None:
        """Read what the page shows until every hook gives what is expected of it."""
        deadline = time.monotonic() + PATIENCE
        while not all(self._gives(hook, value) for hook, value in expected.items()):
            assert self._selector.select(deadline - time.monotonic()), self.given
            read = os.read(self._descriptor, 65536)
            assert read, self.given
            *lines, self._rest = (self._rest + read).split(b"\n")
            for line in map(json.loads, lines):
                if "asks" in line:
                    self.asked.append(line)
                else:
                    self.given.setdefault(line["hook"], []).append(line["gives"])

    def _gives(self, hook: str, value: dict[str, Any]) -> bool:
        last = self.given.get(hook, [{}])[-1]
        return {**last, **value} == last


@contextmanager
def page(folder: Path, *arguments: str, **environ: str) -> Iterator[Page]:
    process = subprocess.Popen(
        [NODE, "hooks.cjs", *arguments], cwd=folder, env={**os.environ, **environ}, stdout=subprocess.PIPE
    )
    try:
        yield Page(process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def test_hooks_show_a_run_as_it_goes_on_and_a_browser_lets_them(
    companions: Path, platform: Api, adapted: dict[str, str]
) -> None:
    assert platform.register("express", adapted["express"]).status == 200
    event_id = platform.send("shown.asked", {"id": "s1"})
    (run_id,) = platform.runs_of("is-shown")
    platform.waiting(run_id)
    with page(companions, event_id, run_id, PUBLIC_KEY=PUBLIC_KEY, TRIGGER_API_URL=platform.url) as shown:
        waits = {"status": "WAITING_TO_CONTINUE"}
        loading = {**waits, "shown": {"key": "progress", "label": "Progress", "state": "loading", "data": {"step": 1}}}
        shown.follow({
            "useEventDetails": {"name": "shown.asked", "statuses": ["WAITING_TO_CONTINUE"]},
            "useEventRunDetails": waits,
            "useRunDetails": waits,
            "useRunStatuses": loading,
            "useEventRunStatuses": loading,
        })  # fmt: skip
        platform.send("shown.go", {"id": "s1"})
        over = {"status": "SUCCESS", "output": {"shown": "s1"}}
        done = {**over, "shown": {"key": "progress", "label": "Progress", "state": "success", "data": {"step": 2}}}
        shown.follow({
            "useEventDetails": {"statuses": ["SUCCESS"]},
            "useEventRunDetails": over,
            "useRunDetails": {**over, "tasks": 3},
            "useRunStatuses": done,
            "useEventRunStatuses": done,
        })  # fmt: skip
    for asked in shown.asked:
        from_a_browser(asked)
    assert len(shown.asked) == 4


def from_a_browser(asked: dict[str, Any]) -> None:
    """Send a request as a browser does for a page of another origin: it asks first whether it may."""
    names = ", ".join(sorted(name.lower() for name in asked["headers"]))
    status, allowed, _ = request(
        "OPTIONS", asked["asks"], Origin=ORIGIN, Access_Control_Request_Method=asked["method"],
        Access_Control_Request_Headers=names,
    )  # fmt: skip
    assert status in {200, 204}
    assert allowed["access-control-allow-origin"] in {"*", ORIGIN}
    assert asked["method"] in allowed["access-control-allow-methods"]
    assert names in allowed["access-control-allow-headers"].lower()
    status, allowed, _ = request(asked["method"], asked["asks"], None, Origin=ORIGIN, **asked["headers"])
    assert (status, allowed["access-control-allow-origin"] in {"*", ORIGIN}) == (200, True)
