"""Rule ``repeated-key``: one literal key for several tasks of a function."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, cast

from perdure.cli.check.findings import Finding, finding_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.cli.check.functions import JobFunction

RULE = "repeated-key"
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def find_repeated_keys(function: JobFunction) -> Iterator[Finding]:
    """Find keys that are asked for more than once in an execution: twice in the text, or in a loop."""
    seen: dict[str, list[ast.Call]] = {}
    for call in function.io_calls():
        key = call.key
        text = None if key is None else _literal(key)
        if text is None or call.is_log:
            continue
        earlier = seen.setdefault(text, [])
        first = next((one for one in earlier if not _exclude_each_other(function, one, call.node)), None)
        if first is not None:
            yield finding_at(
                call.node,
                RULE,
                f"The key {text!r} is that of line {first.lineno}, too: the second call gets the first one's result, "
                "or DuplicateCacheKeyError. Give each task a key of its own.",
            )
        elif _is_repeated(function, call.node):
            yield finding_at(
                call.node,
                RULE,
                f"The key {text!r} is the same each time round the loop, so only the first one does anything. Put what "
                f"the loop is over into the key: [{text!r}, item.id].",
            )
        earlier.append(call.node)


def _literal(key: ast.expr) -> str | None:
    try:
        value: Any = ast.literal_eval(key)
    except ValueError:
        return None
    # The parts of a key are joined like this; `["a", "b"]` and `"a:b"` are one key.
    if isinstance(value, (list, tuple)):
        return ":".join(str(part) for part in cast("list[Any]", value))
    return str(value)


def _is_repeated(function: JobFunction, call: ast.Call) -> bool:
    for parent, child in function.ancestors(call):
        block = _block_of(parent, child)
        if block and isinstance(block[-1], (ast.Return, ast.Raise, ast.Break)):
            return False
        if isinstance(parent, _LOOPS):
            # What a loop goes over is asked for once.
            return child is not getattr(parent, "iter", None) and child not in getattr(parent, "orelse", ())
    return False


def _exclude_each_other(function: JobFunction, first: ast.Call, second: ast.Call) -> bool:
    """Whether no execution comes to both: they are in different branches, or the first one's branch ends early."""
    around = dict(function.ancestors(second))
    for parent, child in function.ancestors(first):
        if parent in around:
            return _are_branches(parent, child, around[parent])
        block = _block_of(parent, child)
        if block and isinstance(block[-1], _ENDS):
            return True
    return False


def _are_branches(parent: ast.AST, one: ast.AST, other: ast.AST) -> bool:
    if isinstance(parent, ast.If):
        return {one in parent.body, other in parent.body} == {True, False} and parent.test not in (one, other)
    if isinstance(parent, ast.IfExp):
        return {one, other} == {parent.body, parent.orelse}
    if isinstance(parent, ast.Match):
        return one is not other and isinstance(one, ast.match_case) and isinstance(other, ast.match_case)
    if isinstance(parent, (ast.Try, ast.TryStar)):
        return one is not other and one in parent.handlers and other in parent.handlers
    return False


def _block_of(parent: ast.AST, child: ast.AST) -> list[ast.stmt]:
    """Give the statements among which a statement is, if they are not always come to."""
    if isinstance(parent, (ast.If, ast.For, ast.AsyncFor, ast.While)):
        return parent.body if child in parent.body else parent.orelse if child in parent.orelse else []
    if isinstance(parent, (ast.match_case, ast.ExceptHandler)):
        return parent.body if child in parent.body else []
    return []
