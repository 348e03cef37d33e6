"""Rule ``automatic-key``: tasks without a key in branches that run at the same time."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from perdure.cli.check.findings import Finding, finding_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.cli.check.functions import JobFunction

RULE = "automatic-key"
_CONCURRENT = ("gather", "create_task", "ensure_future", "wait", "as_completed")


def find_automatic_keys(function: JobFunction) -> Iterator[Finding]:
    """Find calls without a key in what `asyncio.gather` and its like are given."""
    for call in function.io_calls():
        if call.is_log or call.key is not None or call.path == "use":
            continue
        for parent, child in function.ancestors(call.node):
            if isinstance(parent, ast.Await):
                # What is awaited first is no branch.
                break
            name = _concurrent(parent, child)
            if name is not None:
                yield finding_at(
                    call.node,
                    RULE,
                    f"{function.io}.{call.path} has no key, and in {name} nothing says which of several comes first: "
                    "it may raise AmbiguousCacheKeyError. Give it a key as its first argument.",
                )
                break


def _concurrent(parent: ast.AST, child: ast.AST) -> str | None:
    if not isinstance(parent, ast.Call) or child is parent.func:
        return None
    function = parent.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name if name in _CONCURRENT else None
