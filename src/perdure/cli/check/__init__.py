"""``perdure check``: mistakes in the code of jobs that can be seen without running it.

Lives here: one module per rule, each a function from a `functions.JobFunction` to findings. Nothing is imported: the
code is read, not executed.
Start reading at ``functions``, then ``files``.
"""
