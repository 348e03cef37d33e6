"""The demonstration succeeds, from any folder, and its checks notice when evidence is off."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from demo.checks import CHECKS, examine
from demo.evidence import BODIES, DATABASE, LAST_WORDS, SUPERVISOR, TOKEN, WORLD, read_evidence
from demo.picture import PICTURE, draw
from tests.acceptance.processes import ROOT

ORDERS_SENT = 24
LONGEST_STORY = 40


def run_demo(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "TRIGGER_"))}
    path = os.pathsep.join([str(ROOT), *filter(None, [ours.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        cwd=cwd,
        env={**ours, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    place = tmp_path_factory.mktemp("demo")
    return place / "kept", run_demo("--orders", ORDERS_SENT, "--keep", "kept", cwd=place)


@pytest.fixture
def evidence(performed: tuple[Path, object], tmp_path: Path) -> Path:
    """A copy of what a demonstration left, to be tampered with."""
    return Path(shutil.copytree(performed[0], tmp_path / "evidence"))


def change_database(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def change_lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")


def without_first(lines: list[str], part: str) -> list[str]:
    number = next(number for number, line in enumerate(lines) if part in line)
    return lines[:number] + lines[number + 1 :]


def lose_an_order(folder: Path) -> None:
    change_database(folder, "DELETE FROM events WHERE id = 'order-3'")


def acknowledge_what_was_never_stored(folder: Path) -> None:
    first = json.loads((folder / SUPERVISOR).read_text(encoding="utf-8").splitlines()[1])["process"]
    change_lines(folder / SUPERVISOR, lambda lines: [*lines, json.dumps({"by": first, "event": "order-900"}) + "\n"])


def lose_a_shipping_run(folder: Path) -> None:
    change_database(folder, "DELETE FROM runs WHERE run_no IN (SELECT max(run_no) FROM runs WHERE job_no = 2)")


def leave_a_run_waiting(folder: Path) -> None:
    change_database(
        folder,
        "UPDATE runs SET status = 'WAITING_TO_CONTINUE', completed_at = NULL WHERE run_no = 2",
    )


def change_a_result(folder: Path) -> None:
    killed = read_evidence(folder).killed.results[0]
    change_database(folder, f"UPDATE tasks SET output = '\"other\"' WHERE idempotency_key = x'{killed.key}'")


def lose_a_result(folder: Path) -> None:
    change_database(
        folder, "UPDATE tasks SET status = 'RUNNING', completed_at = NULL WHERE display_key = 'pack' AND run_no = 1"
    )


def run_a_recorded_body_again(folder: Path) -> None:
    evidence = read_evidence(folder)
    recorded = evidence.killed.recorded_attempts
    again = next(number for number, body in enumerate(evidence.bodies) if (body.key, body.attempt) in recorded)
    change_lines(folder / BODIES, lambda lines: [*lines, lines[again]])


def lose_a_body(folder: Path) -> None:
    change_lines(folder / BODIES, lambda lines: lines[1:])


def forget_a_failed_attempt(folder: Path) -> None:
    change_database(
        folder,
        "DELETE FROM attempts WHERE task_no IN "
        "(SELECT min(task_no) FROM attempts JOIN tasks USING (task_no) WHERE operation = 'run_task')",
    )


def charge_another_sum(folder: Path) -> None:
    change_database(folder, "UPDATE runs SET output = json_set(output, '$.paid', 1) WHERE run_no = 1")


def write_a_log_line_again(folder: Path) -> None:
    change_database(
        folder,
        """INSERT INTO tasks (id, run_no, idempotency_key, operation, name, status, started_at, completed_at)
        SELECT 'again', run_no, x'00', operation, name, status, started_at, completed_at FROM tasks
        WHERE operation = 'log' LIMIT 1""",
    )


def swap_a_picture(folder: Path) -> None:
    change_database(
        folder, "UPDATE runs SET output = json_set(output, '$.picture', 'another') WHERE output LIKE '%picture%'"
    )


def ask_for_a_picture_again(folder: Path) -> None:
    recorded = read_evidence(folder).killed.handed_on
    again = next(one for one in read_evidence(folder).asked if one.task_id in recorded)
    line = {"asked": again.order, "picture": "again", "webhook": again.webhook}
    change_lines(folder / WORLD, lambda lines: [*lines, json.dumps(line) + "\n"])


def forget_that_a_url_was_handed_on(folder: Path) -> None:
    task = next(iter(read_evidence(folder).killed.handed_on))
    change_database(folder, f"DELETE FROM tasks WHERE operation = 'callback' AND parent_id = '{task}'")


def refuse_a_picture(folder: Path) -> None:
    change_lines(folder / WORLD, lambda lines: [line for line in lines if '"picture 1"' not in line or "asked" in line])


def refuse_an_application_less(folder: Path) -> None:
    change_lines(folder / WORLD, lambda lines: without_first(lines, '"status": 429'))


def send_an_application_again(folder: Path) -> None:
    change_lines(folder / WORLD, lambda lines: [*lines, *(2 * [line for line in lines if '"status": 202' in line][:1])])


def send_an_application_under_another_key(folder: Path) -> None:
    change_database(
        folder,
        "UPDATE tasks SET idempotency_key = x'00' WHERE task_no IN "
        "(SELECT min(task_no) FROM tasks WHERE operation = 'background_fetch')",
    )


def ask_for_no_papers(folder: Path) -> None:
    # The kill may have cut it, and then there are two lines of it.
    key = next(look.key for look in read_evidence(folder).looks if look.found == "PENDING")
    change_lines(folder / WORLD, lambda lines: [line for line in lines if key not in line])


def look_for_papers_too_often(folder: Path) -> None:
    change_lines(folder / WORLD, lambda lines: [*lines, *(2 * [line for line in lines if "looked" in line][:1])])


def lose_an_attempt_of_a_poll(folder: Path) -> None:
    change_database(folder, "DELETE FROM tasks WHERE operation = 'poll_attempt'")


def store_the_token(folder: Path) -> None:
    token = (folder / TOKEN).read_text(encoding="utf-8")
    change_database(folder, f"UPDATE runs SET warnings = 'Bearer {token}' WHERE run_no = 1")


def sign_where_nobody_does(folder: Path) -> None:
    change_database(
        folder, "UPDATE runs SET output = json_set(output, '$.event', 'signed-21') WHERE output LIKE '%\"event\":null%'"
    )


def lose_a_signature(folder: Path) -> None:
    change_database(folder, "DELETE FROM events WHERE id = 'signed-5'")


def stop_waiting_early(folder: Path) -> None:
    change_database(
        folder,
        "UPDATE tasks SET completed_at = started_at + 2999 WHERE operation = 'wait_for_event' AND status = 'ERRORED'",
    )


def change_a_status_twice(folder: Path) -> None:
    change_database(
        folder,
        """UPDATE run_statuses SET history = json_insert(history, '$[#]', json_object('label', label, 'state', state))
        WHERE status_no = 1""",
    )


def write_a_token_down(folder: Path) -> None:
    token = read_evidence(folder).asked[0].webhook.rpartition("/")[2]
    with (folder / LAST_WORDS).open("a") as errors:
        errors.write(f"called {token}")


def close_no_books(folder: Path) -> None:
    change_database(folder, "DELETE FROM runs WHERE job_no IN (SELECT job_no FROM jobs WHERE id = 'close-books')")


def close_the_books_for_another_night(folder: Path) -> None:
    change_database(
        folder,
        """UPDATE runs SET output = '"2024-02-29T23:00:00.000Z"'
        WHERE job_no IN (SELECT job_no FROM jobs WHERE id = 'close-books')""",
    )


def close_the_books_too_early(folder: Path) -> None:
    def earlier(line: str) -> str:
        facts = json.loads(line)
        return json.dumps({**facts, "at": facts["at"] - 60}) + "\n" if "at" in facts else line

    change_lines(folder / BODIES, lambda lines: list(map(earlier, lines)))


def forget_the_next_night(folder: Path) -> None:
    change_database(folder, "DELETE FROM timers WHERE kind = 'SCHEDULE'")


TAMPERINGS: dict[Callable[[Path], None], str] = {
    lose_an_order: "0 instead of 1 × event order-3",
    acknowledge_what_was_never_stored: "order-900 was acknowledged, and not on disk after the kill",
    lose_a_shipping_run: "0 instead of 1 × run of event packed-",
    leave_a_run_waiting: "is WAITING_TO_CONTINUE",
    change_a_result: "has changed",
    lose_a_result: "0 instead of 1 × result of pack",
    run_a_recorded_body_again: "ran again, and was not in flight",
    lose_a_body: "0 instead of 1 × attempt at",
    forget_a_failed_attempt: "0 instead of 1 × failed attempt at order",
    charge_another_sum: "on its receipt",
    write_a_log_line_again: "3 instead of 2 × log line of order",
    swap_a_picture: "has another; the photographer took",
    ask_for_a_picture_again: "the photographer was asked 2 times",
    forget_that_a_url_was_handed_on: "was not handed on",
    refuse_a_picture: "has picture 1; the photographer took",
    refuse_an_application_less: "was answered [",
    send_an_application_again: " requests of order",
    send_an_application_under_another_key: "× key ",
    ask_for_no_papers: "looking for the papers of order",
    look_for_papers_too_often: " was made ",
    lose_an_attempt_of_a_poll: "1 instead of 0 × poll attempt",
    store_the_token: "the token for the customs office is in shop.db",
    sign_where_nobody_does: "order 21 was ended by signed-21 instead of None",
    lose_a_signature: "0 instead of 1 × event signed-5",
    stop_waiting_early: "timed out after 2.999 s",
    change_a_status_twice: "× status",
    close_no_books: "0 instead of 1 × closing of the books",
    close_the_books_for_another_night: "1 instead of 0 × closing of the books for 2024-02-29T23:00",
    close_the_books_too_early: "s before midnight",
    forget_the_next_night: "the next ticks are []",
    write_a_token_down: "the token of a callback URL is in errors.log",
}


def test_the_demonstration_succeeds_and_tells_a_short_story(
    performed: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    story = performed[1]
    assert (story.returncode, story.stderr) == (0, ""), story.stdout
    lines = story.stdout.splitlines()
    assert len(lines) <= LONGEST_STORY
    assert f"A shop takes {ORDERS_SENT} orders" in lines[0]
    assert sum(line.startswith("✓") for line in lines) == len(examine(read_evidence(performed[0])))
    assert "kill -9" in story.stdout


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_the_demonstration_notices_evidence_that_is_off(evidence: Path, tamper: Callable[[Path], None]) -> None:
    tamper(evidence)
    problems = [problem for finding in examine(read_evidence(evidence)) for problem in finding.problems]
    assert any(TAMPERINGS[tamper] in problem for problem in problems), problems


def test_the_demonstration_fails_and_says_what_is_off(evidence: Path) -> None:
    lose_an_order(evidence)
    story = run_demo("--check", evidence, cwd=evidence)
    assert story.returncode == 1
    assert "✗ This does not hold: " in story.stdout
    assert "0 instead of 1 × event order-3" in story.stdout


def test_the_demonstration_fails_over_a_damaged_database(evidence: Path) -> None:
    with (evidence / DATABASE).open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    story = run_demo("--check", evidence, cwd=evidence)
    assert story.returncode == 1
    assert "✗" in story.stdout


def test_the_picture_shows_what_was_printed() -> None:
    drawn = ElementTree.fromstring(draw("\x1b[1mbold & plain\x1b[0m\n\n  \x1b[32m✓\x1b[0m x < y", title="a & b"))
    texts = ["".join(element.itertext()) for element in drawn.iter() if element.tag.endswith("}text")]
    assert texts == ["bold & plain", "✓ x < y"]


def test_the_picture_of_the_demonstration_shows_one_that_succeeded() -> None:
    shown = "".join(ElementTree.parse(PICTURE).getroot().itertext())
    assert shown.count("✓") == len(CHECKS)
    assert "✗" not in shown
    assert "A shop takes 200 orders" in shown
