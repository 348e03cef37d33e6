"""Decisions: which events start runs, who executes them, what a result means, what is due.

Lives here: ingest and matching, executions with their epochs and leases, waits and timers, the loops in ``services/``.
Does not live here: SQL (``storage``), user code (``sdk``), HTTP (``api``, ``transport``). Time, randomness and ids are
handed in, so that every test can decide them.
Start reading at ``lifecycle``, then ``events`` and ``executions``.
"""
