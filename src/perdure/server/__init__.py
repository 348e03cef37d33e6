"""Assembly: settings → storage → engine, and the apps of this process.

Lives here: what connects the parts of a node. Does not live here: any decision about events, runs or tasks.
Start reading at ``embedded``.
"""
