"""Ways of trying again."""

from __future__ import annotations

from perdure import Retry

AT_ONCE = Retry(limit=5, factor=1, min_timeout=0.001, max_timeout=0.002, randomize=False)
