"""Rule ``forgotten-await``: a call on ``io`` that does nothing, since nobody awaits it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from perdure.cli.check.findings import Finding, finding_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.cli.check.functions import JobFunction

RULE = "forgotten-await"
_CONSUMERS = (
    ast.Expr,
    ast.Compare,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Attribute,
    ast.Subscript,
    ast.FormattedValue,
    ast.If,
    ast.While,
)
"""What a coroutine that was not awaited is no use in."""


def find_forgotten_awaits(function: JobFunction) -> Iterator[Finding]:
    """Find calls that are neither awaited nor handed on."""
    if not function.is_async:
        return
    used = {node.id for node in function.own_nodes() if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for call in function.io_calls():
        if call.path == "use":
            continue
        parent = function.parents[call.node]
        is_lost = isinstance(parent, _CONSUMERS) or (isinstance(parent, ast.Return) and function.is_job)
        if isinstance(parent, (ast.Assign, ast.AnnAssign)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            is_lost = all(isinstance(target, ast.Name) and target.id not in used for target in targets)
        if is_lost:
            shown = f"{function.io}.{call.path}"
            yield finding_at(call.node, RULE, f"{shown}(…) does nothing until it is awaited. Write await {shown}(…).")
