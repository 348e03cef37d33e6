"""What the tests ask the server, as any client of its REST API would."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

KEY = "tr_dev_npm0npm0npm0npm0npm0"
PUBLIC_KEY = "pk_dev_npm0npm0npm0npm0npm0"
FINAL = {"SUCCESS", "FAILURE", "TIMED_OUT", "ABORTED", "CANCELED", "INVALID_PAYLOAD", "UNRESOLVED_AUTH"}
PATIENCE = 60.0


class Answer:
    """An answer with its body read."""

    def __init__(self, status: int, headers: Any, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.body})"


class Api:
    """The REST API of a server.

    Attributes:
        url: Where it is.
        app_url: Where the app is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.app_url = ""

    @classmethod
    def of(cls, said: str) -> Api:
        """Read where the server is from what it said when it was ready."""
        return cls(json.loads(said)["url"])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a GET whose connection breaks once more, as clients do."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
        request = Request(f"{self.url}{path}", data, sent, method=method)
        try:
            return _answer_to(request)
        except (ConnectionError, URLError):
            if method != "GET":
                raise
            return _answer_to(request)

    def invoke(self, job: str, payload: Any = None) -> str:
        """Start a run; its id."""
        answer = self.ask("POST", f"/api/v1/jobs/{job}/invoke", {"payload": {} if payload is None else payload})
        assert answer.status == 200, answer
        return str(answer.body["id"])

    def run(self, job: str, payload: Any = None) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return self.ended(self.invoke(job, payload))

    def ended(self, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run; the run."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.ask("GET", f"/api/runs/{run_id}/end?timeout=30")
            if answer.status == 200 or time.monotonic() > deadline:
                found = self.ask("GET", f"/api/v2/runs/{run_id}?subtasks=true&taskdetails=true&take=50").body
                return {**found, "why": answer.body.get("why"), "error": answer.body.get("error")}

    def send(self, name: str, payload: Any, **event: Any) -> str:
        """Send an event; its id."""
        answer = self.ask("POST", "/api/v1/events", {"event": {"name": name, "payload": payload, **event}})
        assert answer.status == 200, answer
        return str(answer.body["id"])

    def waiting(self, run_id: str) -> None:
        """Wait until a run waits."""
        deadline = time.monotonic() + PATIENCE
        while self.ask("GET", f"/api/v2/runs/{run_id}").body["status"] != "WAITING_TO_CONTINUE":
            assert time.monotonic() < deadline

    def executed(self, run_id: str, count: int) -> None:
        """Wait until a run has been executed so often."""
        deadline = time.monotonic() + PATIENCE
        while self.ask("GET", f"/api/runs/{run_id}").body["executions"] < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def at_work(self, run_id: str) -> None:
        """Wait until it is stored that a task of a run is at work."""
        deadline = time.monotonic() + PATIENCE
        while all(task["status"] != "RUNNING" for task in self.ask("GET", f"/api/runs/{run_id}?take=50").body["tasks"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def url_of(self, key: str) -> str:
        """Where the requests of an HTTP endpoint of the app go."""
        (url,) = [one["url"] for one in self.ask("GET", "/api/http-endpoints").body if one["id"] == key]
        return str(url)

    def runs_of(self, job: str) -> list[str]:
        """The ids of a job's runs, newest first."""
        return [str(run["id"]) for run in self.ask("GET", f"/api/jobs/{job}/runs?take=50").body["runs"]]

    def outputs(self, job: str, count: int, before: int = 0) -> list[Any]:
        """What the runs of a job came to, oldest first, when there are so many."""
        deadline = time.monotonic() + PATIENCE
        while len(ids := self.runs_of(job)) < before + count:
            assert time.monotonic() < deadline, ids
            time.sleep(0.02)
        return [self.ended(run)["output"] for run in reversed(ids[: len(ids) - before])]

    def register(self, endpoint_id: str, url: str) -> Answer:
        """Register an app."""
        return self.ask("POST", "/api/v1/endpoints", {"id": endpoint_id, "url": url})


def _answer_to(request: Request) -> Answer:
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            return Answer(answer.status, answer.headers, json.loads(answer.read() or b"null"))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, json.loads(error.read() or b"null"))


def request(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request as anybody would; status, headers, body."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(url, body, sent, method=method), timeout=PATIENCE) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
