"""The notebook of the how-to page, executed by a real kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.acceptance.sites import PATIENCE, environ
from tests.contracts.markdown import code_blocks
from tests.contracts.tree import ROOT

PAGE = ROOT / "docs" / "how-to" / "use-in-a-notebook.md"


def execute(cells: list[str], folder: Path) -> list[dict[str, str]]:
    """Run cells in a kernel of their own; what each shows at its end, by MIME type.

    Raises:
        CellExecutionError: A cell has failed.
    """
    notebook: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook, timeout=PATIENCE, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    # What IPython keeps of a session belongs to nobody.
    client.execute(env={**environ(), "IPYTHONDIR": str(folder / "ipython")})
    shown = [[output for output in cell.outputs if output.output_type == "execute_result"] for cell in notebook.cells]
    return [dict(outputs[-1].data) if outputs else {} for outputs in shown]


def test_the_cells_of_the_page_show_what_it_says_and_a_changed_job_is_started_again(tmp_path: Path) -> None:
    declare, start, invoke, look, look_at_all, close = [
        block.text.rstrip() for block in code_blocks(PAGE, language="python")
    ]
    changed = declare.replace("sum(numbers)", "max(numbers)")
    assert changed != declare
    again = [changed, start, invoke, "handle", "await client.get_run(handle.id)", close]
    shown = execute([declare, start, invoke, look, look_at_all, close, *again], tmp_path)

    (said,) = re.findall(r"# (\d+)$", invoke)
    assert shown[2]["text/plain"] == said
    assert [word for word in ("SUCCESS", "load", "a moment", "add", said) if word not in shown[3]["text/html"]] == []
    assert "<table>" in shown[4]["text/html"]
    assert shown[8]["text/plain"] == "9"
    assert "<code>run_" in shown[9]["text/html"]
    assert "SUCCESS" in shown[10]["text/html"]
    assert (tmp_path / "notebook.db").exists()


def test_a_blocking_call_in_a_cell_is_refused_with_what_to_do(tmp_path: Path) -> None:
    declare, start, *_ = [block.text for block in code_blocks(PAGE, language="python")]
    refused = "try:\n    client.sync.invoke(report)\nexcept Exception as error:\n    said = str(error)\nsaid"
    *_, shown = execute([declare, start, refused], tmp_path)
    assert "await the async call instead" in shown["text/plain"]
