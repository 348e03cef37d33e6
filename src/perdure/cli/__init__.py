"""The command line: ``perdure …``.

Lives here: what commands take, show and exit with, one module per command; how they find a node or open its database.
Does not live here: what they ask for, which is any node's desk (`perdure.protocol.management`).
Start reading at ``main``, then ``app``, ``connect``.
"""
