"""Markdown pages, read the way the documents' tests need them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block: its language, its text and the line it starts on."""

    language: str
    text: str
    line: int


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and pictures, in order."""
    found: list[str] = []
    for token in _tokens(page):
        target = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
        if token.type in {"link_open", "image"} and isinstance(target, str):
            found.append(target)
    return found


def anchors(page: Path) -> set[str]:
    """Return the fragments that a page's headings can be linked to by."""
    tokens = _PARSER.parse(page.read_text(encoding="utf-8"))
    titles = [after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    return {_slug(title) for title in titles}


def code_blocks(page: Path, *, language: str) -> list[CodeBlock]:
    """Return a page's fenced code blocks of one language, in order."""
    return [block for block in all_code_blocks(page) if block.language == language]


def all_code_blocks(page: Path) -> list[CodeBlock]:
    """Return a page's fenced code blocks, in order."""
    return [
        CodeBlock(language=token.info.strip(), text=token.content, line=(token.map or [0])[0] + 1)
        for token in _tokens(page)
        if token.type == "fence"
    ]


def table_rows(page: Path) -> list[list[str]]:
    """Return the cells of every body row of every table on a page, as written."""
    rows: list[list[str]] = []
    in_body = False
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        if token.type in {"tbody_open", "tbody_close"}:
            in_body = token.type == "tbody_open"
        elif in_body and token.type == "tr_open":
            rows.append([])
        elif in_body and token.type == "inline":
            rows[-1].append(token.content)
    return rows


def _tokens(page: Path) -> Iterator[Token]:
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def _slug(title: str) -> str:
    words = re.sub(r"[^\w\- ]", "", title.lower().replace("`", ""))
    return words.strip().replace(" ", "-")
