"""HTTP towards others: the guarded session that requests on behalf of jobs go through.

Lives here: connecting, sending, reading within limits, the addresses that a connection really has.
Does not live here: what is requested and why, when it is tried again (``engine``); the rules of what is open
(``protocol.egress``).
Start reading at ``outbound``. Nothing here is imported before it is needed: the HTTP client is large.
"""
