"""Every call of the task library, in jobs behind HTTP, with the server in another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.request import Request, urlopen

from tests.adapters.programs_at_work import Pair


def _output(run: dict[str, Any]) -> Any:
    assert run["status"] == "SUCCESS", (run["why"], run["output"])
    return run["output"]


def test_tasks_waits_and_nested_tasks_come_to_their_results(pair: Pair) -> None:
    run = pair.api.run("plain-values", {"n": 21})

    assert _output(run) == {"doubled": 42, "nested": 7, "run": run["id"], "job": "plain-values"}
    assert [task["displayKey"] for task in run["tasks"] if task["name"] != "log"] == ["double", "nap", "outer"]


def test_tasks_are_made_by_asking_only_where_one_side_does_not_know_that_the_other_is_perdures(pair: Pair) -> None:
    run_id = pair.api.run("plain-values", {"n": 1})["id"]

    tasks = pair.api.ask("GET", f"/api/runs/{run_id}?subtasks=true").body["tasks"]

    made = {task["operation"] for task in tasks if task["operation"] != "wait"}
    assert made == ({"run_task"} if pair.is_native else {"task"})


def test_log_lines_are_written_once_however_often_the_run_is_executed(pair: Pair) -> None:
    run_id = pair.api.run("plain-values", {"n": 1})["id"]

    logs = pair.api.ask("GET", f"/api/runs/{run_id}").body["logs"]

    assert [line["details"]["description"] for line in logs] == ["begins", "ends"]


def test_a_failing_task_is_tried_again_until_it_succeeds(pair: Pair) -> None:
    assert _output(pair.api.run("retried")) == 3


def test_a_failure_is_of_the_same_type_in_every_execution(pair: Pair) -> None:
    # What a platform of v2 keeps of an error is its name and its message.
    declined = "PaymentDeclinedError ('declined', 7)" if pair.is_native else "TaskFailedError (\"('declined', 7)\",)"
    assert _output(pair.api.run("caught")) == [declined, declined, "timed out", "1"]


def test_a_request_to_the_callback_url_ends_a_wait(pair: Pair) -> None:
    run_id = pair.api.invoke("called-back")
    url = pair.lines(1, "http")[0]
    with urlopen(Request(url, b'{"paid": true}', {"Content-Type": "application/json"})) as answer:
        assert answer.status == 200

    assert _output(pair.api.ended(run_id)) == {"paid": True}


def test_an_event_ends_a_wait(pair: Pair) -> None:
    run_id = pair.api.invoke("awaits-event", {"order": "o1"})
    pair.api.waiting(run_id)
    pair.api.send("order.paid", {"order": "o2"})
    pair.api.send("order.paid", {"order": "o1"})

    assert _output(pair.api.ended(run_id)) == {"name": "order.paid", "payload": {"order": "o1"}}


def test_branches_wait_and_go_on_side_by_side(pair: Pair) -> None:
    assert _output(pair.api.run("gathered")) == [[1, 1, 1], [1, 4, 9]]


def test_fetches_are_made_by_the_server(pair: Pair) -> None:
    with _target() as (url, seen):
        assert _output(pair.api.run("fetches", {"url": url})) == [{"pong": True}, 200]

    assert seen[0] == "Bearer secret"


def test_values_and_statuses_are_kept_by_the_server(pair: Pair) -> None:
    assert _output(pair.api.run("keeps")) == [{"name": "red"}, [True, False], True, "success", 1]


def test_events_that_a_run_sends_start_other_runs(pair: Pair) -> None:
    assert _output(pair.api.run("sends", {"order": "o7"})) == ["order.sent", 2, True]

    assert pair.lines(1, "received o7") == ["received o7"]


def test_a_run_waits_for_runs_that_it_starts(pair: Pair) -> None:
    assert _output(pair.api.run("parent")) == [2, [11, 21, 31], "invoked_run_failed not_found"]


def test_a_run_that_fails_is_told_to_its_hook(pair: Pair) -> None:
    run = pair.api.run("fails")

    assert run["status"] == "FAILURE"
    assert run["output"]["name"] == "PaymentDeclinedError"
    assert pair.lines(1, "failed") == ["failed FAILURE for good"]


def test_a_plain_job_runs_in_a_thread_of_the_app(pair: Pair) -> None:
    assert _output(pair.api.run("in-a-thread", {"n": 1})) == [2, 3, True]


def test_a_run_that_yields_is_executed_again_at_once(pair: Pair) -> None:
    assert _output(pair.api.run("yields")) == 1


def test_the_code_of_a_job_can_ask_its_own_server(pair: Pair) -> None:
    if pair.is_native:
        assert _output(pair.api.run("late")) == "nobody.listens"


def test_a_worker_goes_on_with_a_suspended_run_and_does_not_begin_anew(pair: Pair) -> None:
    (entries,) = _output(pair.api.run("counts-entries"))

    assert (entries == 1) == pair.is_worker


@contextmanager
def _target() -> Iterator[tuple[str, list[str | None]]]:
    """Something to fetch from; the ``Authorization`` that it was shown."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"pong": true}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/ping", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
