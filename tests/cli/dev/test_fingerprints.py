"""When the code of a job counts as changed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from perdure import Client, invoke_trigger
from perdure.cli.dev.fingerprints import fingerprint

APP = '''
import helper
from helper import Basket

RATE = 19


async def work(payload, io):
    """Do it."""
    def inner():
        return helper.price(1) + RATE

    return await io.run_task("key", inner), Basket(), {"a", "b"} & {"c"}
'''
HELPER = """
def price(net):
    return vat(net)


def vat(net):
    return net * 1.19


def unused():
    return 1


class Basket:
    size = 3

    def total(self):
        return 0

    @staticmethod
    def empty():
        return []

    @property
    def weight(self):
        return 1
"""


def digest(folder: Path, app: str = APP, helper: str = HELPER, helped_from: Path | None = None) -> str:
    """Load both files as modules of an app, and digest the code of its job."""
    helping = ModuleType("helper")
    helping.__file__ = str((helped_from or folder) / "helper.py")
    exec(compile(helper, helping.__file__, "exec"), vars(helping))
    sys.modules["helper"] = helping
    try:
        module = ModuleType("app")
        exec(compile(app, str(folder / "app.py"), "exec"), vars(module))
        client = Client(id="app")
        job = client.job(id="work", version="1.0.0", trigger=invoke_trigger())(module.work)
        return fingerprint(job, folder)
    finally:
        del sys.modules["helper"]


def test_the_same_code_has_the_same_digest_wherever_its_lines_stand(tmp_path: Path) -> None:
    assert digest(tmp_path) == digest(tmp_path, "\n\n# a remark" + APP, HELPER.replace("\n\n\n", "\n\n\n\n# more\n"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"key"', '"other key"'),
        ("helper.price(1)", "helper.price(2)"),
        ("+ RATE", "- RATE"),
        ('{"a", "b"}', '{"a", "d"}'),
        ("* 1.19", "* 1.2"),
        ("return vat(net)", "return net"),
        ("return 0", "return 5"),
        ("return []", "return [1]"),
        ("        return 1\n", "        return 2\n"),
    ],
)
def test_a_change_of_the_job_or_of_what_it_calls_counts(old: str, new: str, tmp_path: Path) -> None:
    assert old in APP + HELPER
    assert digest(tmp_path) != digest(tmp_path, APP.replace(old, new), HELPER.replace(old, new))


def test_a_change_of_what_it_does_not_call_does_not_count(tmp_path: Path) -> None:
    assert digest(tmp_path) == digest(
        tmp_path, helper=HELPER.replace("def unused():\n    return 1", "def other(): pass")
    )


def test_code_outside_the_apps_folder_does_not_count(tmp_path: Path) -> None:
    other = "def price(net): return 0\n\n\nclass Basket: pass\n"
    installed = tmp_path.parent / "installed"
    assert digest(tmp_path, helped_from=installed) == digest(tmp_path, helper=other, helped_from=installed)
    assert digest(tmp_path) != digest(tmp_path, helper=other)


def test_functions_that_call_each_other_end(tmp_path: Path) -> None:
    circular = (
        "def price(net):\n    return vat(net)\n\n\ndef vat(net):\n    return price(net)\n\n\nclass Basket: pass\n"
    )
    assert digest(tmp_path, helper=circular)
