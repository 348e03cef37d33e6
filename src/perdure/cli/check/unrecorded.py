"""Rule ``unrecorded-value``: what differs each time it is asked for, in code that is executed again."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from perdure.cli.check.findings import Finding, finding_at
from perdure.cli.check.functions import full_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.cli.check.functions import JobFunction

RULE = "unrecorded-value"
_NOW: Final = "{io}.now(key)"
_TASK: Final = "{io}.run_task(key, …)"
_MODULES: Final = {"random.": "{io}.random(key), or {io}.run_task(key, …)", "secrets.": _TASK, "numpy.random.": _TASK}
_FUNCTIONS: Final = {
    **dict.fromkeys(("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter"), _NOW),
    **dict.fromkeys(("time.localtime", "time.gmtime", "time.ctime", "time.strftime"), _NOW),
    **dict.fromkeys(("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"), _NOW),
    "datetime.date.today": "{io}.now(key), and its .date()",
    "time.sleep": "{io}.wait(key, seconds), which outlives the process",
    **dict.fromkeys(("uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7"), "{io}.uuid(key)"),
    "os.urandom": _TASK,
}


def find_unrecorded_values(function: JobFunction) -> Iterator[Finding]:
    """Find such calls outside of tasks; the bodies of tasks are functions of their own, and are recorded."""
    if function.is_body:
        return
    io = "io" if function.io is None else function.io
    for node in function.own_nodes():
        if not isinstance(node, ast.Call):
            continue
        name = full_name(node.func, function.imports)
        if name is None:
            continue
        remedy = _FUNCTIONS.get(name) or next(
            (text for start, text in _MODULES.items() if name.startswith(start)), None
        )
        if remedy is not None:
            yield finding_at(
                node,
                RULE,
                f"{name}() differs each time the job is executed from the top, as it is after each wait. Use "
                f"{remedy.format(io=io)}.",
            )
