"""The tutorials: what they say is done, step by step, and what they show is what is seen."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.dev.commands import PROGRAM, Command, started
from tests.contracts.markdown import CodeBlock, all_code_blocks
from tests.contracts.tree import ROOT, relative

TUTORIALS = sorted((ROOT / "docs" / "tutorial").glob("*.md"))

_DIFFERS = (
    r"\d\d:\d\d:\d\d",
    r"run_\w+",
    r"tr_dev_\w+",
    r"\b\d+\.\d\d s",
    r"http://127\.0\.0\.1:\d+",
)
"""What is another one each time: times, ids, keys, ports."""


@pytest.mark.parametrize("page", TUTORIALS, ids=relative)
def test_a_tutorial_shows_what_is_seen(page: Path, tmp_path: Path) -> None:
    with Learner(tmp_path) as learner:
        for block in all_code_blocks(page):
            learner.follow(block)


class Learner(contextlib.ExitStack):
    """Does what the blocks of a tutorial say.

    ``python``: a file, whose name is its first line. ``diff``: an edit of the file that has what goes. ``sh``: typed in
    a second terminal. ``console``: what is typed in the first one, and seen there; ``^C`` is Ctrl-C.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PERDURE_", "TRIGGER_"))}
        self._environ = {**kept, "PYTHONIOENCODING": "utf-8"}
        self._dev: Command | None = None

    def follow(self, block: CodeBlock) -> None:
        """Do what a block says, and compare what is seen with what it shows."""
        steps = {"python": self._save, "diff": self._edit, "sh": self._type, "console": self._watch}
        steps[block.language](block.text)

    def _save(self, text: str) -> None:
        name = text.splitlines()[0].removeprefix("# ")
        (self._folder / name).write_text(text, encoding="utf-8")

    def _edit(self, text: str) -> None:
        old, new = (
            "".join(line[1:] for line in text.splitlines(keepends=True) if line.startswith((mark, " ")))
            for mark in ("-", "+")
        )
        (file,) = [file for file in self._folder.glob("*.py") if old in file.read_text(encoding="utf-8")]
        content = file.read_text(encoding="utf-8")
        assert content.count(old) == 1
        draft = file.with_suffix(".draft")
        draft.write_text(content.replace(old, new), encoding="utf-8")
        draft.replace(file)

    def _type(self, text: str) -> None:
        for line in text.splitlines():
            program, *words = line.split()
            assert program == "perdure"
            done = subprocess.run(
                [PROGRAM, *words], cwd=self._folder, env=self._environ, capture_output=True, timeout=60
            )
            assert done.returncode == 0, done.stderr

    def _watch(self, text: str) -> None:
        first, _, rest = text.partition("\n")
        if first.startswith("$ perdure dev "):
            self._dev = self.enter_context(started(self._folder, *first.split()[3:]))
            self._see(rest)
        elif first == "^C":
            assert self._dev is not None
            self._dev.interrupt()
            self._see(text)
            assert self._dev.rest() == ""
            assert self._dev.end() == 0
            self._dev = None
        elif self._dev is not None:
            self._see(text)
        else:
            commands = re.findall(r"^\$ python (.+)$", text, re.MULTILINE)
            assert commands
            assert "".join(self._run(command) for command in commands) == text

    def _see(self, text: str) -> None:
        """Wait until the first terminal shows this, and nothing else before."""
        assert self._dev is not None
        shown = "".join(
            part if number % 2 else re.escape(part)
            for number, part in enumerate(_split_at_what_differs(text.rstrip("\n")))
        )
        seen = self._dev.until_match(shown)
        assert re.fullmatch(shown, seen), f"{seen}\n\nis seen, but shown is\n\n{text}"

    def _run(self, command: str) -> str:
        """Run a program and return what the console then shows."""
        finished = subprocess.run(
            [sys.executable, *command.split()],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        # The console would show a traceback too.
        return f"$ python {command}\n{finished.stdout}{finished.stderr}"


def _split_at_what_differs(text: str) -> list[str]:
    """Split a text; every second part is a pattern of something that is another one each time."""
    parts: list[str] = []
    rest = 0
    for found in re.finditer("|".join(f"(?P<_{number}>{one})" for number, one in enumerate(_DIFFERS)), text):
        assert found.lastgroup is not None
        parts += [text[rest : found.start()], _DIFFERS[int(found.lastgroup[1:])]]
        rest = found.end()
    return [*parts, text[rest:]]
