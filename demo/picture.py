"""``python -m demo.picture``: runs the demonstration and draws what it printed, as docs/images/demo.svg."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from rich.cells import cell_len

from demo.story import BOLD, DIM, GREEN, RED

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "demo.svg"

_COMMAND = "$ make demo"
_STYLES = {BOLD: "bold", DIM: "dim", RED: "red", GREEN: "green", "33": "yellow", "34": "blue", "36": "cyan"}
_STYLED = re.compile("\x1b\\[(\\d+)m(.*?)\x1b\\[0m")
_INDENT = re.compile("^(\x1b\\[\\d+m)? +")
_GLYPH_WIDTH, _LINE_HEIGHT, _MARGIN = 7.8, 19, 24

_CSS = """
  rect { fill: #0d1117 }
  text { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
  text { fill: #d1d7e0 }
  .bold { font-weight: bold; fill: #f0f6fc } .dim { fill: #9198a1 } .green { fill: #3fb950 } .red { fill: #f85149 }
  .yellow { fill: #d29922 } .blue { fill: #58a6ff } .cyan { fill: #39c5cf }
"""


def draw(text: str, *, title: str) -> str:
    """Draw what a program printed to a terminal.

    Args:
        text: What it printed, with colors each of which ends before the next begins.
        title: What the picture shows, for those who do not see it.

    Returns:
        An SVG document.
    """
    lines = text.rstrip().split("\n")
    width = round(max(_width_of(line) for line in lines) + 2 * _MARGIN)
    height = len(lines) * _LINE_HEIGHT + 2 * _MARGIN
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_CSS}</style>",
        f'<rect {size} rx="8"/>',
        *(_draw_line(line, number) for number, line in enumerate(lines) if line),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Run the command; its exit status."""
    command = [sys.executable, "-m", "demo", "--color", *sys.argv[1:]]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    print(run.stdout, end="")
    if run.returncode == 0:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        shown = f"\x1b[{DIM}m{_COMMAND}\x1b[0m\n\n{run.stdout}"
        PICTURE.write_text(draw(shown, title=f"What {_COMMAND[2:]} prints"), encoding="utf-8")
    return run.returncode


def _draw_line(line: str, number: int) -> str:
    x = _MARGIN + _width_of(line) - _width_of(_unindent(line))
    y = _MARGIN + (number + 0.75) * _LINE_HEIGHT
    words = _unindent(line)
    # The length is given, so that a reader's own font cannot break the picture.
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" textLength="{_width_of(words):.0f}" xml:space="preserve">'
        f"{_STYLED.sub(_style, escape(words))}</text>"
    )


def _unindent(line: str) -> str:
    return _INDENT.sub(r"\1", line)


def _style(found: re.Match[str]) -> str:
    return f'<tspan class="{_STYLES[found[1]]}">{found[2]}</tspan>'


def _width_of(line: str) -> float:
    return cell_len(_STYLED.sub(r"\2", line)) * _GLYPH_WIDTH


if __name__ == "__main__":
    sys.exit(main())
