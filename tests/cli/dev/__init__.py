"""`perdure dev`: the real command, whose files are edited and whose processes are killed."""
