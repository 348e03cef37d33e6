"""What a rule has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import ast


class Finding(Struct, frozen=True, order=True):
    """A mistake, where it is, and what to do.

    Attributes:
        file: The file, as it was named.
        line: Its line, from 1.
        column: Its column, from 1.
        rule: The rule's id.
        message: What is wrong, and what to do.
    """

    file: str
    line: int
    column: int
    rule: str
    message: str

    @property
    def place(self) -> str:
        """Where it is, as editors and terminals know it."""
        return f"{self.file}:{self.line}:{self.column}"


def finding_at(node: ast.expr | ast.stmt, rule: str, message: str) -> Finding:
    """Make a finding at a place in the syntax tree; the file is filled in by whoever knows it."""
    return Finding("", node.lineno, node.col_offset + 1, rule, message)
