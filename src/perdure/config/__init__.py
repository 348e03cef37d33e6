"""What a process is told about how to run: one frozen object, read once at its start.

Lives here: settings and where their values come from (arguments, then ``PERDURE_*``, then defaults).
Does not live here: what users declare in code (jobs, triggers), and anything that changes while a process runs.
Start reading at ``settings``.
"""
