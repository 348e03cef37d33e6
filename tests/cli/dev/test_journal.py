"""What is written while jobs are at work."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.dev.apps import write_app
from tests.cli.dev.commands import started


def test_the_banner_says_where_the_node_is_and_what_starts_its_jobs(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / ".env").write_text("COLOUR=blue\n", encoding="utf-8")
    with started(tmp_path, "app.py") as dev:
        banner = dev.ready()
        assert dev.url.startswith("http://127.0.0.1:")
        assert re.fullmatch(r"tr_dev_\w{20}", dev.key)
        for line in (
            r"database +\.perdure/perdure\.db",
            r"settings +\.env$",
            r"jobs +fulfil +1\.0\.0 +event order\.placed",
            r" careless +1\.0\.0 +event careless\.begins",
            r" nightly +2\.0\.0 +cron 0 3 \* \* \*, next at \d",
        ):
            assert re.search(line, banner, re.MULTILINE), line
        assert dev.ask("/api/jobs").status == 200
        assert dev.ask("/api/jobs", key="tr_dev_another").status == 401
        assert dev.stop() == 0


def test_the_key_of_the_environment_is_wanted_if_there_is_one_and_is_not_shown_whole(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / ".env.local").write_text("PERDURE_API_KEY=tr_dev_0123456789abcdef\n", encoding="utf-8")
    with started(tmp_path, "app.py") as dev:
        assert "0123456789" not in dev.ready()
        assert dev.ask("/api/jobs", key="tr_dev_0123456789abcdef").status == 200
        assert dev.ask("/api/jobs", key="tr_dev_another").status == 401


def test_the_public_url_is_shown_beside_that_of_the_port_and_is_that_of_callbacks(tmp_path: Path) -> None:
    write_app(
        tmp_path,
        """
from perdure import IO, Client, event_trigger

client = Client(id="calls")


@client.job(id="calls", version="1.0.0", trigger=event_trigger("call"))
async def calls(payload: dict, io: IO) -> dict:
    return await io.wait_for_request("call", lambda url: print("call back at", url))
""",
    )
    with started(tmp_path, "app.py", environ={"PERDURE_PUBLIC_URL": "https://shop.example/"}) as dev:
        assert re.search(r"URL +http://127\.0\.0\.1:\d+\n +public URL +https://shop\.example/", dev.ready())
        dev.send("call", {})
        dev.until("call back at https://shop.example/api/")


def test_a_run_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("order.placed", {"id": "A1", "amount": 120})
        told = dev.until("succeeded").splitlines()
    run = r"\d\d:\d\d:\d\d . fulfil run_\w+  "
    expected = [
        run + r"begins, by event 'order\.placed'",
        run + r'INFO  charging  {"amount":120}',
        run + r"waits for 'cool down' until \d\d:\d\d:\d\d",
        run + r"goes on",
        run + r"WARN  packing",
        run + r'succeeded, 0\.\d\d s after it began: "receipt for A1"',
    ]
    lines = [line for line in told if " fulfil " in line]
    assert len(lines) == len(expected), told
    assert [line for line, pattern in zip(lines, expected, strict=True) if not re.fullmatch(pattern, line)] == []


def test_a_run_that_was_invoked_is_told_as_such_with_an_idempotency_key_and_without(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        for key in ("once", None):
            body = {"payload": {"id": "A1", "amount": 1}, "idempotency_key": key}
            assert dev.ask("/api/jobs/fulfil/invoke", body).status == 200
            dev.until("begins, by an invocation")


def test_a_line_of_a_log_is_told_once_however_often_the_run_is_replayed(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py", environ={"PERDURE_FORCE_REPLAY": "1"}) as dev:
        dev.ready()
        dev.send("order.placed", {"id": "A1"})
        told = dev.until("succeeded")
    assert told.count("charging") == 1
    assert told.count("packing") == 1


def test_of_an_error_the_line_of_ones_own_code_comes_first(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("careless.begins", {})
        dev.until("task 'divide' failed: ZeroDivisionError: division by zero")
        dev.until("failed, 0.")
        first, second, third = (dev.until_match(r".+") for _ in range(3))
    assert re.fullmatch(r" +app\.py:\d+ in divide", first)
    assert second.strip() == "return 1 / 0"
    assert third.strip() == "ZeroDivisionError: division by zero"


def test_a_payload_that_does_not_fit_is_told_by_its_path(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("order.placed", {"id": "A1", "amount": "many"})
        dev.until("its payload does not fit the job's schema")
        dev.until_match(r" +amount: ")


def test_a_run_that_is_cancelled_while_it_waits_is_told(tmp_path: Path) -> None:
    write_app(tmp_path)
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("long.begins", {})
        (run_id,) = re.findall(r"run_\w+", dev.until("waits for 'go', an event 'long.ends'").splitlines()[-1])
        assert dev.ask(f"/api/runs/{run_id}/cancel", {}).status == 200
        dev.until(f"long {run_id}  was cancelled")


def test_nothing_that_is_logged_can_give_the_terminal_orders(tmp_path: Path) -> None:
    write_app(
        tmp_path,
        """
from perdure import IO, Client, event_trigger

client = Client(id="rude")


@client.job(id="rude", version="1.0.0", trigger=event_trigger("rude"))
async def rude(payload: dict, io: IO) -> None:
    await io.logger.info(payload["text"])
    raise ValueError(payload["text"])
""",
    )
    with started(tmp_path, "app.py") as dev:
        dev.ready()
        dev.send("rude", {"text": "\x1b[2J\x07one\ntwo\rthree\x9b"})
        dev.until("failed, ")
        dev.until("three")
        assert "\x1b[2J" not in dev.raw
        assert not set(dev.printed) & set("\x07\r\x9b")
        assert r"\x1b[2J\x07one" in dev.printed
