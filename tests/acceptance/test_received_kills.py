"""I17: a request that was answered 2xx is stored, and one that comes again is no second event, whoever dies when."""

from __future__ import annotations

import hmac
import http.client
import os
import random
import threading
import time
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from tests.acceptance.database import read_contents
from tests.acceptance.processes import started

ROUNDS = 20 if os.environ.get("PERDURE_PROVE") else 3
PER_ROUND = 40
LONGEST_LIFE = 0.3


def test_a_request_that_was_answered_starts_one_run_though_its_taker_is_killed(tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("PERDURE_SEED", "17"))
    answered: set[str] = set()
    cut = 0
    for crash in range(ROUNDS):
        with started("receiving", tmp_path) as program:
            url = program.hear()
            wanted = [f"m{number}" for number in range((crash + 1) * PER_ROUND)]
            killer = threading.Timer(chance.uniform(0.02, LONGEST_LIFE), program.process.kill)
            killer.start()
            # Those that were answered come again, too, as senders do whose own memory is not perfect.
            answered |= {one for one in chance.sample(wanted, len(wanted)) if _send(url, one) == 200}
            killer.join()
            program.process.wait()
            cut += not set(wanted) <= answered
        assert answered <= {event.rpartition(".")[2] for event in read_contents(tmp_path).events}
    with started("receiving", tmp_path) as program:
        url = program.hear()
        for number in range(ROUNDS * PER_ROUND):
            for _ in range(2):
                assert _send(url, f"m{number}") == 200
        assert program.end() == 0
    ended = read_contents(tmp_path)
    assert ended.violations == []
    assert {event.rpartition(".")[2]: statuses for event, statuses in ended.statuses.items()} == {
        f"m{number}": ["SUCCESS"] for number in range(ROUNDS * PER_ROUND)
    }
    assert cut > 0


def _send(url: str, delivery: str) -> int | None:
    """Send a signed request; the status of its answer, or ``None`` if there is none."""
    at, body = str(int(time.time())), b'{"sent":true}'
    signature = b64encode(hmac.new(b"secret", f"{delivery}.{at}.".encode() + body, sha256).digest()).decode()
    headers = {"Webhook-Id": delivery, "Webhook-Timestamp": at, "Webhook-Signature": f"v1,{signature}"}
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
