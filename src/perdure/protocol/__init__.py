"""What both sides of perdure speak: messages, statuses, ids, cache keys, filters, retries, JSON.

Lives here: types and pure functions that the SDK and the engine must agree on to the letter.
Does not live here: I/O, clocks, randomness (both are arguments), the environment, decisions about runs.
Start reading at ``statuses`` for the vocabulary, then ``keys`` and ``json_text``.
"""
