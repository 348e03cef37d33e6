from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from tests.cli.command import Commands
from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT


def test_the_first_files_are_written_and_their_jobs_work(perdure: Commands) -> None:
    done = perdure("init", "--name", "shop", "--json").json()
    assert done["files"] == [{"path": "jobs.py", "what": "created"}, {"path": ".env", "what": "created"}]
    assert stat.S_IMODE((perdure.folder / ".env").stat().st_mode) == 0o600
    program = (
        "import asyncio\n"
        "from jobs import client\n"
        "async def main():\n"
        "    async with client.start():\n"
        "        await client.send_event(name='hello.requested', payload={'name': 'Ada'})\n"
        "        run, = (await client.get_runs('hello')).runs\n"
        "        await client.cancel_run(run.id)\n"
        "        print(client.id, run.job_id)\n"
        "asyncio.run(main())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=perdure.folder,
        env=perdure.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "shop hello\n"
    assert perdure("check").status == 0
    assert [row[1] for row in perdure("runs", "list").rows] == ["hello"]


def test_what_is_there_is_not_overwritten_and_nothing_else_is_written(perdure: Commands) -> None:
    (perdure.folder / "jobs.py").write_text("mine")
    refused = perdure("init")
    assert (refused.status, refused.output) == (1, "")
    assert "jobs.py is there already; nothing was written" in refused.errors
    assert [file.name for file in perdure.folder.iterdir()] == ["jobs.py"]
    assert (perdure.folder / "jobs.py").read_text() == "mine"


def test_lines_are_added_to_what_others_write_too(perdure: Commands) -> None:
    (perdure.folder / ".env").write_text("MINE=1\nPERDURE_API_KEY=tr_dev_mine")
    (perdure.folder / ".gitignore").write_text("/.env\n")
    what = {change["path"]: change["what"] for change in perdure("init", "--json").json()["files"]}
    assert what == {"jobs.py": "created", ".env": "extended", ".gitignore": "extended"}
    variables = (perdure.folder / ".env").read_text().splitlines()
    assert variables[:2] == ["MINE=1", "PERDURE_API_KEY=tr_dev_mine"]
    assert variables[3:] == ["PERDURE_DATABASE_URL=sqlite:///.perdure/perdure.db"]
    assert (perdure.folder / ".gitignore").read_text() == "/.env\n.perdure/\n"


def test_lines_of_others_keep_their_ends_and_links_lead_where_they_led(perdure: Commands) -> None:
    (perdure.folder / ".env").write_bytes(b"MINE=1\r\nTWO=2\r\n")
    (perdure.folder / "shared").write_text("*.log\n")
    (perdure.folder / ".gitignore").symlink_to("shared")
    assert perdure("init").status == 0
    variables = (perdure.folder / ".env").read_bytes()
    assert variables.startswith(b"MINE=1\r\nTWO=2\r\n#")
    assert variables.count(b"\n") == variables.count(b"\r\n") == 6
    assert (perdure.folder / ".gitignore").is_symlink()
    assert (perdure.folder / "shared").read_text() == "*.log\n.env\n.perdure/\n"


@pytest.mark.parametrize(
    "file", ["perdure.py", "json.py", "class.py", "__init__.py", "perdure_start.py", "pydantic.py"]
)
def test_a_file_that_would_take_the_place_of_another_module_is_refused(file: str, perdure: Commands) -> None:
    refused = perdure("init", "--file", file, "--framework", "flask")
    assert refused.status == 2
    assert file in refused.errors
    assert list(perdure.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "text", "framework"),
    [
        ("requirements.txt", "uvicorn\nFastAPI>=0.100 # web\n", "fastapi"),
        ("pyproject.toml", '[project]\ndependencies = ["flask~=3.0"]\n', "flask"),
        ("pyproject.toml", '[project.optional-dependencies]\nweb = ["starlette"]\n', "starlette"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nDjango = "^5"\n', "django"),
        ("manage.py", "", "django"),
        ("main.py", "from fastapi import FastAPI\n", "fastapi"),
        ("app.py", "import flask\n", "flask"),
        ("pyproject.toml", "[project\n", None),
        ("pyproject.toml", "project = 1\n[dependency-groups]\nweb = 3\n", None),
        ("requirements.txt", "flask-of-tea\n", None),
        ("main.py", '"""\nWith fastapi.\n"""\n', None),
    ],
)
def test_the_web_framework_of_the_folder_is_found(
    file: str, text: str, framework: str | None, perdure: Commands
) -> None:
    (perdure.folder / file).write_text(text)
    done = perdure("init", "--json").json()
    assert done["framework"] == framework
    glue = perdure.folder / "perdure_start.py"
    assert glue.exists() is (framework is not None)
    if framework is not None:
        compile(glue.read_text(), "perdure_start.py", "exec")
        assert "from jobs import client" in glue.read_text()


@pytest.mark.parametrize("framework", ["django", "fastapi", "flask"])
def test_what_starts_the_jobs_is_what_the_page_of_the_framework_shows(framework: str, perdure: Commands) -> None:
    perdure("init", "--framework", framework)
    blocks = code_blocks(ROOT / "docs" / "how-to" / f"use-with-{framework}.md", language="python")
    (shown,) = [block.text for block in blocks if block.text.startswith("# perdure_start.py\n")]
    assert shown == "# perdure_start.py\n" + (perdure.folder / "perdure_start.py").read_text()


def test_the_framework_and_the_file_may_be_named(perdure: Commands) -> None:
    perdure("init", "--framework", "flask", "--file", "work.py")
    assert "from work import client" in (perdure.folder / "perdure_start.py").read_text()
    assert perdure("init", "--file", "../work.py").status == 2
    assert perdure("init", "--file", "more.py", "--framework", "none", "--name", 'a"b').status == 2
    assert not (perdure.folder / "more.py").exists()


def test_a_terminal_says_what_to_do_next(perdure: Commands) -> None:
    (perdure.folder / "main.py").write_text("from fastapi import FastAPI\n")
    shown = perdure.in_terminal("init").finish().output
    assert "app = FastAPI(lifespan=lifespan)" in shown
    assert "perdure dev jobs.py" in shown
