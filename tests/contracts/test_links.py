from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.contracts.markdown import anchors, links
from tests.contracts.tree import ROOT, project_files, relative

PAGES = project_files(".md")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_to_a_file_or_heading_leads_there(page: Path) -> None:
    broken = [link for link in links(page) if not _is_elsewhere(link) and not _leads_somewhere(page, link)]
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.is_relative_to(ROOT / "docs")], ids=relative)
def test_every_page_of_the_documentation_can_be_reached_from_its_index(page: Path) -> None:
    assert page in _reachable(ROOT / "docs" / "index.md")


def _is_elsewhere(link: str) -> bool:
    return link.startswith(("https://", "mailto:"))


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, fragment = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or (target.suffix == ".md" and fragment in anchors(target))


@cache
def _reachable(start: Path) -> set[Path]:
    seen: set[Path] = set()
    ahead = [start]
    while ahead:
        page = ahead.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        ahead.extend(
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if not _is_elsewhere(link)
        )
    return seen
