"""Work that a server is not to do, with the codes that say why."""

from __future__ import annotations

from typing import Any

FILTER_17: Any = {"a": [1]}
for _ in range(17):
    FILTER_17 = {"a": FILTER_17}


UNDOABLE: list[tuple[Any, str | None]] = [
    *(
        ({"url": url}, "blocked_address")
        for url in (
            "http://169.254.169.254/",
            "http://[::ffff:a00:1]/",
            "http://[64:ff9b::a00:1]/",
            "http://167772161/",
        )
    ),
    *(
        ({"url": url}, "invalid_url")
        for url in (
            "file:///etc/passwd",
            "gopher://a/",
            "http:///x",
            "http://a\tb/",
            "http://127.0.0.1\\@evil.example/",
            "http://u:p@h/",
        )
    ),
    *(
        ({"url": "http://a.example/", "requestInit": {"headers": headers}}, "invalid_header")
        for headers in (
            {"X": "a\r\nHost: evil"},
            {"Host": "x"},
            {"Content-Length": "1"},
            {"Transfer-Encoding": "chunked"},
        )
    ),
    *(
        ({"url": "http://a.example/", "responseFilter": {"status": [200]}, **polled}, "invalid_argument")
        for polled in ({"interval": 0}, {"interval": -1}, {"timeout": 315_360_000})
    ),
    ({"url": "http://a.example/", "responseFilter": {"body": FILTER_17}}, "invalid_filter"),
    ({"url": "http://a.example/", "timeout": {"durationInMs": 5000, "retry": 3}}, "invalid_argument"),
    ({"url": "http://a.example/", "responseFilter": {}, "requestTimeout": {"retry": "5"}}, "invalid_argument"),
    ({"url": 7}, None),
]
