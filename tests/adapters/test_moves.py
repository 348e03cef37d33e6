"""An app that is registered at another URL while its runs wait: they go on there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.adapters.programs_at_work import Pair
from tests.npm.api import KEY


def register_anew(pair: Pair) -> None:
    """Say where the app is, as the how-to page does."""
    perdure = Path(sys.executable).with_name("perdure")
    environ = os.environ | {"PERDURE_API_KEY": KEY, "PERDURE_API_URL": pair.api.url}
    adding = [perdure, "endpoints", "add", "catalogue", pair.app_url]
    subprocess.run(adding, check=True, env=environ, cwd=pair.folder, capture_output=True)


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "there yet"])
def test_runs_of_an_app_that_has_moved_go_on_at_its_new_url(tmp_path: Path, *, is_gone: bool) -> None:
    with Pair(tmp_path) as pair:
        timed = pair.api.invoke("staying", {"how": "timer", "seconds": 1})
        asleep = pair.api.invoke("staying", {"how": "event"})
        for run_id in (timed, asleep):
            pair.api.waiting(run_id)
        at_work = pair.api.invoke("gated", {"gates": ["gate"]})
        pair.lines(1, "gate begins")
        pair.api.at_work(at_work)
        if is_gone:
            pair.kill(pair.app)
        # It is executed in vain, or at the old URL, as the body is.
        early = pair.api.invoke("plain-values", {"n": 1})
        pair.api.executed(early, 2)

        with pair.moved(is_gone=is_gone):
            register_anew(pair)
            (tmp_path / "gate").touch()
            assert pair.api.ended(at_work)["output"] == ["gate"]
        pair.api.send("staying.goes", {})
        late = pair.api.invoke("plain-values", {"n": 1})

        assert {pair.api.ended(run_id)["status"] for run_id in (timed, asleep, early, late)} == {"SUCCESS"}
        # What was at work at the old URL ends there, and is done again only if nobody is there any more.
        expected = ["before timer", "before event", "after timer", "after event", "gate ends"]
        assert Counter(pair.lines(1)) == Counter([*expected, *["gate begins"] * (2 if is_gone else 1)])
        (endpoint,) = pair.api.ask("GET", "/api/endpoints").body
        assert endpoint["url"] == pair.app_url
