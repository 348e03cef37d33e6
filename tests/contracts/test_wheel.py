from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.contracts.tree import PACKAGE, ROOT, project_files


def test_a_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())

    ours = {path.relative_to(ROOT / "src").as_posix() for path in project_files() if path.is_relative_to(PACKAGE)}
    assert ours - packed == set()
    assert [name for name in packed if name.endswith("LICENSE")]
    (entries,) = [name for name in packed if name.endswith("entry_points.txt")]
    assert (
        "[pytest11]\nperdure.testing.plugin = perdure.testing.plugin" in zipfile.ZipFile(wheel).read(entries).decode()
    )
