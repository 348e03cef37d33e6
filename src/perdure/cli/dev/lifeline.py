"""The lifeline: a node's process does not outlive its supervisor, however that ends."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.cli.dev.link import Link

_GRACE = 2.0
"""For how many seconds the node may put its runs back in line; a loop that is blocked gets no more, either."""


def watch_lifeline(link: Link, on_end: Callable[[], None]) -> None:
    """Have a function called when the supervisor is gone, from a thread; a while later the process ends anyway.

    Args:
        link: The link to the supervisor, which sends nothing more.
        on_end: Asks the node to stop.
    """
    threading.Thread(target=_watch, args=(link, on_end), name="perdure-lifeline", daemon=True).start()


def _watch(link: Link, on_end: Callable[[], None]) -> None:
    nothing: Any = link.receive(None)
    assert nothing is None
    on_end()
    time.sleep(_GRACE)
    os._exit(1)
