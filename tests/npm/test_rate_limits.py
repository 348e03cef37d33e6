"""A run that asks too often yields, and goes on when it may ask again."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.npm.api import KEY, Api
from tests.npm.conftest import NODE, running

OF_THE_APP = "tr_dev_app0app0app0app0app0"


def test_a_run_with_more_calls_than_its_key_has_ends_all_the_same(packages: Path, tmp_path: Path) -> None:
    serve = [Path(sys.executable).with_name("perdure"), "serve", "--port", "0", "--json"]
    keys = {"PERDURE_API_KEY": OF_THE_APP, "PERDURE_DEV_API_KEY": KEY}
    with running(serve, cwd=tmp_path, PERDURE_RATE_LIMIT="50/30", **keys) as said:
        server = Api.of(said)
        environ = {"TRIGGER_API_KEY": OF_THE_APP, "TRIGGER_API_URL": server.url}
        with running([NODE, "serve.cjs"], cwd=packages, **environ) as port:
            endpoint = {"id": "npm-app", "url": f"http://127.0.0.1:{port}/api/trigger"}
            assert server.ask("POST", "/api/v1/endpoints", endpoint).status == 200
            run_id = server.invoke("many")
            run = server.ended(run_id)
            assert (run["status"], run["output"]) == ("SUCCESS", 2 * sum(range(60)))
            # It had 30 calls at once and 50 a second, and needed 240.
            assert server.ask("GET", f"/api/runs/{run_id}").body["executions"] > 1
