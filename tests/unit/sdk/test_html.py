"""Runs as notebooks show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from msgspec.structs import replace

from perdure import ErrorInfo, LogLine, Run, RunHandle, RunPage, RunTask
from perdure.protocol.statuses import RunStatus, TaskStatus
from perdure.sdk.html import run_html

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
EVIL = "<script>alert('x')</script>&\"\ud800"


def task(**members: Any) -> RunTask:
    usual: dict[str, Any] = {
        "id": "task_1", "parent_id": None, "key": "charge", "name": "charge", "icon": None,
        "status": TaskStatus.COMPLETED, "noop": False, "operation": "run_task", "description": None, "params": None,
        "output": {"paid": True}, "error": None, "attempts": 1, "properties": (), "style": None, "children": (),
        "warnings": (), "started_at": NOW, "completed_at": NOW, "delay_until": None,
    }  # fmt: skip
    return RunTask(**usual | members)


RUN = Run(
    id="run_1",
    status=RunStatus.SUCCESS,
    job_id="order",
    version="1.0.0",
    started_at=NOW,
    updated_at=NOW,
    completed_at=NOW + timedelta(seconds=1.5),
    output={"shipped": 3},
    error=None,
    tasks=(task(children=(task(id="task_2", key="inner", name="look up", output=None),)),),
    logs=(LogLine(level="INFO", message="on its way", data={"n": 1}, created_at=NOW),),
    warnings=("A key was asked for twice.",),
)


class Page(HTMLParser):
    """The tags of some HTML, which are closed as they were opened, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_a_run_shows_how_it_stands_its_tasks_and_its_log() -> None:
    page = Page(RUN._repr_html_())
    shown = ("SUCCESS", "run_1", "order 1.0.0", "1.500 s", '{"shipped": 3}', "charge", "inner · look up",
             '{"paid": true}', "on its way", "A key was asked for twice.")  # fmt: skip
    assert [text for text in shown if text not in page.text] == []


def test_a_run_that_has_not_begun_shows_why() -> None:
    waiting = replace(
        RUN, status=RunStatus.QUEUED, started_at=None, completed_at=None, output=None, why="no code for job x"
    )
    assert "no code for job x" in Page(waiting._repr_html_()).text


def test_whatever_comes_from_users_is_escaped() -> None:
    error = ErrorInfo(EVIL, EVIL)
    evil = replace(
        RUN,
        id=EVIL,
        job_id=EVIL,
        error=error,
        why=EVIL,
        warnings=(EVIL,),
        tasks=(task(key=EVIL, name=EVIL + "2", error=error), task(output={EVIL: EVIL})),
        logs=(LogLine(level=EVIL, message=EVIL, data=EVIL, created_at=NOW),),
    )
    for html in (
        evil._repr_html_(),
        replace(evil, error=None, output=EVIL)._repr_html_(),
        RunPage(runs=(evil,))._repr_html_(),
    ):
        page = Page(html)
        assert "script" not in page.tags
        assert "<script>" in page.text
        html.encode()


def test_a_page_of_runs_is_a_table() -> None:
    page = Page(RunPage(runs=(RUN, replace(RUN, id="run_2")))._repr_html_())
    assert "run_1" in page.text
    assert "run_2" in page.text
    assert "table" in page.tags


def test_what_is_long_is_cut() -> None:
    html = run_html(replace(RUN, output="x" * 10_000, tasks=(task(key="k" * 999),) * 60))
    assert len(html) < 60_000
    assert "… and 10 more" in Page(html).text


def test_a_handle_shows_its_run_and_how_to_wait_for_it() -> None:
    async def call(_: Any) -> Any:
        raise AssertionError("nothing is to be asked")

    page = Page(RunHandle("run_<1>", call)._repr_html_())
    assert "run_<1>" in page.text
    assert "handle.result()" in page.text
