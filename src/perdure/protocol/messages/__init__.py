"""The JSON of the v2 protocol, one module per noun; see section 3 (actions) and section 4 (REST routes).

Start in `execution` and `outcomes` (what the engine sends to an app and what comes back) and in `tasks` (what the
app asks meanwhile); `codec` is the door through which every message is read and written. Here live shapes only: sizes,
lengths and what a member may mean are checked by whoever receives the message.

The same rules hold for every message:

* Python names are snake_case, wire names camelCase.
* A member that is absent on the wire is ``UNSET``; ``null`` is ``None``. Only a member whose type names
  ``UnsetType`` may be absent, only one whose type names ``None`` may be null, and each is written as it was read.
* Users' JSON is ``msgspec.Raw``: the text passes through undecoded, and its null is ``Raw(b"null")``. A decoded
  ``Raw`` is a view of the message it came in; ``bytes(raw)`` is a copy of its own.
* Dates are `instant.Instant`.
* Unknown members are dropped.
* Members under the words "Native" pass only between perdure and perdure. They are absent unless set, so what a v2
  client or a v2 server receives holds none of them.
"""
