"""What the how-to pages tell people to do, done."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.cli.command import Commands
from tests.cli.shop import Shop
from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT

HOW_TO = ROOT / "docs" / "how-to"


def program(page: str, name: str, folder: Path) -> Path:
    (block,) = [
        block for block in code_blocks(HOW_TO / page, language="python") if block.text.startswith(f"# {name}\n")
    ]
    file = folder / name
    file.write_text(block.text)
    return file


def test_a_live_database_is_backed_up_and_its_runs_go_on_after_it_is_restored(perdure: Commands, shop: Shop) -> None:
    (kept,) = perdure("run", "slow").lines
    back_up = program("back-up-and-restore.md", "back_up.py", perdure.folder)
    copying = [sys.executable, str(back_up), ".perdure/perdure.db", "backup.db"]
    subprocess.run(copying, cwd=perdure.folder, check=True)
    again = subprocess.run(copying, cwd=perdure.folder, check=False, capture_output=True, text=True)
    assert again.returncode != 0
    assert "already exists" in again.stderr
    (lost,) = perdure("run", "slow").lines

    shop.kill()
    broken = perdure.folder / "broken"
    broken.mkdir()
    for file in (perdure.folder / ".perdure").glob("perdure.db*"):
        file.rename(broken / file.name)
    shutil.copy(perdure.folder / "backup.db", perdure.folder / ".perdure" / "perdure.db")
    shop.open()

    assert perdure("runs", "show", lost).status == 3
    assert perdure("runs", "show", kept, "--json").json()["tasks"][0]["key"] == "⏰"
    assert ["status", "CANCELED"] in perdure("runs", "cancel", kept).rows


def test_the_program_of_a_service_ends_in_peace_when_it_is_told_to(perdure: Commands) -> None:
    shutil.copy(Path(__file__).with_name("programs") / "shop.py", perdure.folder / "jobs.py")
    main = program("deploy-behind-systemd.md", "main.py", perdure.folder)
    service = subprocess.Popen([sys.executable, str(main)], cwd=perdure.folder, env=perdure.environ)
    announced = perdure.folder / ".perdure" / "perdure.db.node"
    while not announced.exists():
        assert service.poll() is None, "it has ended"
    assert perdure("run", "echo", "--follow").status == 0
    service.send_signal(signal.SIGTERM)
    assert service.wait(timeout=30) == 0
    assert not announced.exists()
