"""A server is set up and looked after by commands alone: environments, keys, apps behind URLs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Commands, Result

INDEX: dict[str, Any] = {
    "jobs": [
        {
            "id": "greet", "name": "Greet", "version": "1.0.0", "enabled": True, "startPosition": "latest",
            "preprocessRuns": True, "integrations": {},
            "event": {"name": "invoke", "title": "Manual Invoke", "source": "trigger.dev", "icon": "trigger"},
            "trigger": {"type": "invoke"},
        }
    ],
    "sources": [], "dynamicTriggers": [], "dynamicSchedules": [],
}  # fmt: skip


class App(ThreadingHTTPServer):
    """An app of the v2 protocol with one job, which knows one key."""

    daemon_threads = True

    def __init__(self, key: str, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.key = key
        self.traces: list[str | None] = []
        self.spans: list[tuple[str, bytes]] = []
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/trigger"


class Handler(BaseHTTPRequestHandler):
    server: App

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        action, key = self.headers["x-trigger-action"], self.headers["x-trigger-api-key"]
        self.server.asked.append((action, key))
        self.server.traces.append(self.headers["traceparent"])
        answers: dict[str, Any] = {
            "PING": {"ok": True},
            "VALIDATE": {"ok": True, "endpointId": "shop"},
            "INDEX_ENDPOINT": INDEX,
            "PREPROCESS_RUN": {"abort": False, "properties": [{"label": "Whom", "text": "the\x1b[2Jworld"}]},
            "EXECUTE_JOB": {"status": "SUCCESS", "output": {"key": key[-4:]}},
        }
        is_right = key == self.server.key
        body = json.dumps(answers[action] if is_right else {"message": "Forbidden: client apiKey mismatch"}).encode()
        self.send_response(200 if is_right else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def app_with(key: str, handler: type[BaseHTTPRequestHandler] | None = None) -> Iterator[App]:
    app = App(key, Handler if handler is None else handler)
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    try:
        yield app
    finally:
        app.shutdown()
        thread.join()
        app.server_close()


@contextmanager
def server(perdure: Commands, **environ: str) -> Iterator[str]:
    """Run a server; its URL."""
    process = perdure.begin("serve", "--port", "0", "--json", **environ)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        yield str(json.loads(said)["url"])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def made(result: Result) -> dict[str, Any]:
    assert result.status == 0, result
    answer: dict[str, Any] = result.json()
    return answer


def test_a_server_without_a_key_says_how_one_is_made(perdure: Commands) -> None:
    refused = perdure("serve", "--port", "0")
    assert refused.status == 2
    assert "perdure keys create" in refused.errors


def test_a_server_opens_the_database_that_the_env_file_of_its_folder_names(perdure: Commands) -> None:
    (perdure.folder / ".env").write_text("PERDURE_DATABASE_URL=sqlite:///elsewhere.db\n")
    made(perdure("keys", "create", "--json"))
    with server(perdure) as url:
        assert url.startswith("http://127.0.0.1:")
    assert not (perdure.folder / ".perdure").exists()


def test_the_key_that_is_given_to_a_server_is_of_the_environment_that_its_option_names(perdure: Commands) -> None:
    key = "tr_prod_given0given0given"
    process = perdure.begin("serve", "--port", "0", "--json", "--environment", "prod", PERDURE_API_KEY=key)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["environments"] == ["prod"]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_worker_writes_its_log_as_a_server_does(perdure: Commands) -> None:
    (perdure.folder / "app.py").write_text("from perdure import Client\n\nclient = Client(id='shop')\n")
    nowhere = {"PERDURE_API_URL": "http://127.0.0.1:1", "PERDURE_API_KEY": "tr_dev_given0given0given"}
    process = perdure.begin("worker", "app.py", PERDURE_LOG_FORMAT="json", **nowhere)
    try:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert (line["level"], line["logger"]) == ("warning", "perdure.adapters.worker")
    assert "Connection refused" in line["message"]


@pytest.mark.parametrize("variable", ["PERDURE_METRICS_KEY", "PERDURE_SECRET_KEY"])
def test_a_server_with_a_secret_that_is_too_short_does_not_start(perdure: Commands, variable: str) -> None:
    refused = perdure("serve", "--port", "0", PERDURE_API_KEY="tr_dev_given0given0given", **{variable: "short"})
    assert refused.status == 2
    assert refused.errors.startswith(f"{variable} has 5 characters; use 16 or more.")


def test_keys_are_made_before_the_server_is_started_and_open_it_then(perdure: Commands) -> None:
    key = made(perdure("keys", "create", "--json"))["key"]
    assert key.startswith("tr_dev_")
    with server(perdure) as url:
        there = {"PERDURE_API_URL": url, "PERDURE_API_KEY": key}
        assert perdure("store", "set", "a=1", **there).status == 0
        refused = perdure("keys", "list", **there)
        assert refused.status == 1
        assert "on its machine" in refused.errors
        assert perdure("store", "get", "a", "--environment", "prod", **there).status == 1


def test_apps_of_two_environments_are_registered_and_run_with_their_own_keys(perdure: Commands) -> None:
    with server(perdure, PERDURE_API_KEY="tr_dev_given0given0given") as url:
        assert made(perdure("env", "create", "prod", "--json"))["type"] == "PRODUCTION"
        assert [row[0] for row in perdure("env", "list").rows] == ["dev", "prod"]
        first = made(perdure("keys", "create", "--environment", "prod", "--json"))
        with app_with("tr_dev_given0given0given") as dev, app_with(first["key"]) as prod:
            answer = made(perdure("endpoints", "add", "shop", dev.url, "--json"))
            assert (answer["is_there"], answer["job_ids"]) == (True, ["greet"])
            # A server of production must be told that it may reach this machine.
            refused = perdure("endpoints", "add", "shop", prod.url, "--environment", "prod")
            assert refused.status == 1
            assert "PERDURE_EGRESS_ALLOW" in refused.errors
            assert perdure("endpoints", "list", "--environment", "prod").rows == []
            assert [row[:3] for row in perdure("endpoints", "list").rows] == [["shop", dev.url, "greet"]]
            there = {"PERDURE_API_URL": url, "PERDURE_API_KEY": "tr_dev_given0given0given"}
            ended = perdure("run", "greet", "--follow", "--json", **there)
            run = ended.json_lines()[-1]
            assert run["output"] == {"key": "iven"}
            # Nothing of it is a command to a terminal.
            (shown,) = [row for row in perdure("runs", "show", run["id"]).rows if row[0] == "properties"]
            assert shown[1].startswith("Whom: the")
            assert "\x1b" not in shown[1]
            assert perdure("run", "greet", "--environment", "prod").status == 3

            assert perdure("endpoints", "index", "shop").status == 0
            assert perdure("endpoints", "remove", "shop").status == 0
            assert perdure("endpoints", "list").rows == []
            for command in ("index", "remove"):
                assert perdure("endpoints", command, "shop").status == 3


def test_a_key_is_exchanged_without_a_run_that_fails(perdure: Commands) -> None:
    with server(perdure, PERDURE_API_KEY="tr_dev_given0given0given", PERDURE_EGRESS_ALLOW="127.0.0.1") as _:
        old = made(perdure("keys", "create", "--json"))
        with app_with(old["key"]) as app:
            # The app says which one it is.
            assert made(perdure("endpoints", "add", app.url, "--json"))["id"] == "shop"
            new = made(perdure("keys", "rotate", old["id"], "--overlap", "1h", "--json"))
            before = perdure("run", "greet", "--follow", "--json")
            app.key = new["key"]
            after = perdure("run", "greet", "--follow", "--json")
            for result, key in ((before, old["key"]), (after, new["key"])):
                assert result.json_lines()[-1]["output"] == {"key": key[-4:]}
            assert perdure("keys", "revoke", old["id"]).status == 0
            shown = {row[0]: row[2] for row in perdure("keys", "list").rows}
            assert shown == {"PERDURE_API_KEY": "private", new["id"]: "private", old["id"]: "private"}


class Collector(BaseHTTPRequestHandler):
    """Takes spans."""

    server: App

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.spans.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_server_sends_spans_to_a_collector_and_their_trace_to_its_apps(perdure: Commands) -> None:
    key = "tr_dev_given0given0given"
    with app_with(key) as app, app_with(key, Collector) as collector:
        to = f"http://127.0.0.1:{collector.server_port}"
        traces = {"PERDURE_TRACES": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": to, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        with server(perdure, PERDURE_API_KEY=key, **traces):
            assert perdure("endpoints", "add", "shop", app.url).status == 0
            assert perdure("run", "greet", "--follow").status == 0
        assert {path for path, _ in collector.spans} == {"/v1/traces"}
        sent = b"".join(body for _, body in collector.spans)
    assert b"run greet" in sent
    assert b"execute greet" in sent
    (trace,) = {trace for trace in app.traces if trace is not None}
    assert bytes.fromhex(trace.split("-")[1]) in sent


@pytest.mark.parametrize("arguments", [("add", "shop", "http://127.0.0.1:9/"), ("index", "shop")])
def test_without_a_server_nobody_asks_an_app(perdure: Commands, arguments: tuple[str, ...]) -> None:
    assert perdure("env", "create", "dev").status == 0
    refused = perdure("endpoints", *arguments)
    assert refused.status == 4
    assert "perdure serve" in refused.errors
    assert Path(perdure.folder / ".perdure" / "perdure.db").exists()


def test_a_server_logs_objects_of_json_without_keys_and_paths(perdure: Commands) -> None:
    key = "tr_dev_given0given0given"
    logs = {"PERDURE_LOG_FORMAT": "json", "PERDURE_LOG_LEVEL": "debug"}
    process = perdure.begin("serve", "--port", "0", "--json", PERDURE_API_KEY=key, **logs)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    there = {"PERDURE_API_URL": url, "PERDURE_API_KEY": key}
    assert perdure("runs", "show", "run_secret", **there).status == 3
    process.terminate()
    _, said = process.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    answered = [(one["route"], one["status"]) for one in lines if "route" in one]
    assert answered[0] == ("/api/runs/{run_id}", 404)
    assert lines[-1]["message"].startswith("The server stops")
    assert key not in said
    assert "run_secret" not in said
