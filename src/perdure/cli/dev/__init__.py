"""``perdure dev``: an app's jobs at work while they are written.

Lives here: the supervisor with its watch, its port and the node's process; what that process loads, hosts and writes
to the terminal. Does not live here: the node itself (room ``server``).
Start reading at ``supervisor``, then ``session``.
"""
