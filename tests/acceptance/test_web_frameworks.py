"""The apps of the how-to pages, under the servers that people use: several workers, kills, reloads, and forks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from perdure import Client
from tests.acceptance.database import read_contents
from tests.acceptance.sites import BIN, PATIENCE, Site, environ, served, write_page, write_told

UVICORN = ("uvicorn", "--port", "0", "--timeout-worker-healthcheck", "60")
GUNICORN = ("gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket")


def tell_the_story(site: Site) -> None:
    """Every worker starts runs; the one that executes them is killed half-way; the rest is done; all end in peace."""
    site.ready()
    runs = welcomed_by_every_worker(site)

    held = site.welcome("held").body["run"]
    owner = site.wait(lambda: next((pid for pid, to in site.mails if to == "held"), None))
    assert owner == site.owner
    os.kill(owner, signal.SIGKILL)
    (site.folder / "open").touch()
    assert site.output(held) == "Welcome, Ada! To held."
    assert [pid for pid, to in site.mails if to == "held"] == [owner, site.owner]

    # The server has replaced the worker. One that has just begun might not hear that it is to end.
    runs |= welcomed_by_every_worker(site)
    # The mails of runs that had ended were not sent again.
    assert len(site.mails) == len(runs) + 2

    assert site.end() == 0
    assert site.owner is None
    assert not site.database.with_name("perdure.db.node").exists()
    assert "Traceback" not in site.log
    assert read_contents(site.folder / ".perdure").violations == []


def welcomed_by_every_worker(site: Site) -> set[str]:
    """Have users created until each of the three workers has taken a request; the runs, which have ended well."""
    runs: dict[str, int] = {}

    def start(_: int) -> None:
        answer = site.welcome("ada")
        runs[answer.body["run"]] = answer.worker

    with ThreadPoolExecutor(6) as pool:
        site.wait(lambda: list(pool.map(start, range(6))) and len(set(runs.values())) >= 3)
    assert {site.output(run_id) for run_id in runs} == {"Welcome, Ada! To ada."}
    return set(runs)


@pytest.mark.parametrize(
    "server",
    [(*UVICORN, "--workers", "3"), (*GUNICORN, "--worker-class", "asgi", "--workers", "3")],
    ids=lambda server: server[0],
)
def test_fastapi_with_three_workers(server: tuple[str, ...], tmp_path: Path) -> None:
    write_page("use-with-fastapi.md", tmp_path)
    with served(tmp_path, *server, write_told(tmp_path, "app", asgi=True)) as site:
        tell_the_story(site)


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["", "preload"])
def test_flask_with_three_workers(preload: tuple[str, ...], tmp_path: Path) -> None:
    write_page("use-with-flask.md", tmp_path)
    with served(tmp_path, *GUNICORN, *preload, write_told(tmp_path, "app")) as site:
        tell_the_story(site)


def test_django_with_three_workers_and_a_management_command(tmp_path: Path) -> None:
    make_django_project(tmp_path)
    told = write_told(tmp_path, "shop.wsgi:application")
    with served(tmp_path, *GUNICORN, "--workers", "3", told) as site:
        site.ready()
        assert manage(tmp_path, "welcome", "Ada", "eve") == "Welcome, Ada! To eve.\n"
        ((worker, _),) = site.mails
        assert worker == site.owner
        (tmp_path / "mails.log").unlink()
        tell_the_story(site)
    # Nobody is there to execute it, and the command does not.
    assert "NotConnectedError" in manage(tmp_path, "welcome", "Ada", "eve", fails=True)


def test_django_under_uvicorn(tmp_path: Path) -> None:
    make_django_project(tmp_path)
    told = write_told(tmp_path, "shop.asgi:application", asgi=True)
    with served(tmp_path, *UVICORN, "--workers", "3", told) as site:
        tell_the_story(site)


def test_uvicorn_loads_what_is_saved_and_a_run_that_waits_goes_on_with_it(tmp_path: Path) -> None:
    write_page("use-with-fastapi.md", tmp_path)
    jobs = tmp_path / "jobs.py"
    waiting = 'await io.wait_for_event("go", name="go", timeout=3600)'
    mailing = "return await io.run_task("
    jobs.write_text(jobs.read_text().replace(mailing, f"{waiting}\n    {mailing}"))
    with served(tmp_path, *UVICORN, "--reload", write_told(tmp_path, "app", asgi=True)) as site:
        site.ready()
        first = site.welcome("ada")
        site.wait(lambda: site.ask(f"/runs/{first.body['run']}").body["status"] == "WAITING_TO_CONTINUE")
        # What is under way waits for the one event, and what comes after it does not.
        jobs.write_text(
            jobs.read_text().replace("Welcome, {", "Good day, {").replace("send_mail(payload.email", "send_mail('you'")
        )

        def welcome_anew() -> Any:
            # Connections to the worker that ends may break.
            with contextlib.suppress(OSError):
                answer = site.welcome("eve")
                return answer if answer.worker != first.worker else None
            return None

        second = site.wait(welcome_anew)
        client = Client(id="shell", database_url=f"sqlite:///{site.database}")
        site.wait(lambda: site.ask(f"/runs/{second.body['run']}").body["status"] == "WAITING_TO_CONTINUE")
        client.sync.send_event(name="go")
        assert site.output(first.body["run"]) == "Welcome, Ada! To you."
        assert site.output(second.body["run"]) == "Good day, Ada! To you."
        assert site.end() == 0


def test_a_client_started_before_gunicorn_forks_is_refused_in_its_workers(tmp_path: Path) -> None:
    write_page("use-with-flask.md", tmp_path)
    (tmp_path / "gunicorn.conf.py").unlink()
    told = write_told(tmp_path, "app")
    (tmp_path / "app.py").write_text("import perdure_start\n" + (tmp_path / "app.py").read_text())
    with served(tmp_path, *GUNICORN, "--preload", "--workers", "2", told) as site:
        site.ready()
        assert site.ask("/users", {"name": "Ada", "email": "ada"}).status == 500
        assert "ForkedProcessError: This process was forked after the client had started" in site.log
        assert "post_worker_init" in site.log
        assert site.mails == []
        assert site.end() == 0


def make_django_project(folder: Path) -> None:
    """Make a project as Django does, with the files of the page in it."""
    subprocess.run([BIN / "django-admin", "startproject", "shop", folder], check=True, timeout=PATIENCE)
    (folder / "shop" / "management" / "commands").mkdir(parents=True)
    write_page("use-with-django.md", folder)
    # It is the other way to do it.
    (folder / "gunicorn.conf.py").unlink()
    settings = folder / "shop" / "settings.py"
    settings.write_text(settings.read_text() + "\nINSTALLED_APPS.append('shop')\n")


def manage(folder: Path, *words: str, fails: bool = False) -> str:
    """Run a management command; what it prints, or says when it fails."""
    done = subprocess.run(
        [BIN / "python", "manage.py", *words],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr if fails else done.stdout
