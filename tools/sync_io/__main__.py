"""Write the files of `perdure.sdk.sync_io`, or say whether they are up to date; see the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.sync_io.sources import SOURCES
from tools.sync_io.twins import PACKAGE, Twin, find_twins
from tools.sync_io.writing import TwinFile, file_name

FOLDER = SOURCES.joinpath(*PACKAGE.split("."))


def write_files() -> dict[Path, str]:
    """Make the text of every file.

    Raises:
        SystemExit: Two source files would be written to one.
    """
    twins = find_twins()
    by_module: dict[str, list[Twin]] = {}
    for twin in twins:
        by_module.setdefault(twin.module, []).append(twin)
    for module, together in by_module.items():
        if len({twin.source.module.name for twin in together}) > 1:
            raise SystemExit(f"{module} would have two sources; rename one of them")
    return {
        FOLDER / file_name(module): format_source(FOLDER / file_name(module), TwinFile(together, twins).text)
        for module, together in by_module.items()
    }


def format_source(path: Path, text: str) -> str:
    """Sort imports, leave out what is not used, and format.

    Args:
        path: Where the text belongs.
        text: The text.
    """
    fix = ["check", "--quiet", "--fix", "--select"]
    for command in ([*fix, "F401"], [*fix, "I"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{path}: {done.stderr or done.stdout}")
        text = done.stdout
    return text


def main() -> None:
    """Do what the command line says."""
    wanted = write_files()
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    if wanted == there:
        return
    if "--check" in sys.argv[1:]:
        stale = sorted(path.name for path in {*wanted, *there} if wanted.get(path) != there.get(path))
        raise SystemExit(f"not as the sources say: {', '.join(stale)}; run make generate")
    FOLDER.mkdir(exist_ok=True)
    for path in there:
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
