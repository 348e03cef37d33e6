"""What the unchanged npm package answers when its platform is probed."""

from __future__ import annotations

import json
import time

from tests.npm.api import KEY, Api, request


def test_a_probe_is_answered_when_its_time_is_over(api: Api) -> None:
    began = time.monotonic()
    status, _, body = request(
        "POST",
        f"{api.app_url}/api/trigger",
        b'{"timeout":300}',
        x_trigger_action="PROBE_EXECUTION_TIMEOUT",
        x_trigger_api_key=KEY,
        content_type="application/json",
    )
    assert (status, json.loads(body)) == (200, {"ok": True})
    assert time.monotonic() - began >= 0.3
