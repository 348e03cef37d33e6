"""URLs of requests: what is read out of one, and what is refused."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from perdure.errors import BlockedAddressError, InvalidUrlError
from perdure.protocol.web_url import URL_LIMIT, WebUrl, is_address, join_url, parse_url

READ = {
    "http://example.com": WebUrl("http", "example.com", 80, "/", ""),
    "HTTPS://EXAMPLE.com/A?B=C#d": WebUrl("https", "example.com", 443, "/A", "?B=C"),
    "http://example.com?": WebUrl("http", "example.com", 80, "/", "?"),
    "http://example.com#a?b": WebUrl("http", "example.com", 80, "/", ""),
    "https://a_b.example.:8443/x/../y//z": WebUrl("https", "a_b.example.", 8443, "/x/../y//z", ""),
    "http://127.0.0.1:80/": WebUrl("http", "127.0.0.1", 80, "/", ""),
    "http://[::1]:8080/": WebUrl("http", "::1", 8080, "/", ""),
    "http://[2001:DB8:0:0::1]/": WebUrl("http", "2001:db8::1", 80, "/", ""),
    "http://xn--bcher-kva.example/": WebUrl("http", "xn--bcher-kva.example", 80, "/", ""),
    "http://example.com/ü/a b?q=<é>&r=%zz+\U0001f600": WebUrl(
        "http", "example.com", 80, "/%C3%BC/a%20b", "?q=%3C%C3%A9%3E&r=%zz+%F0%9F%98%80"
    ),
    "http://example.com/a:b@c": WebUrl("http", "example.com", 80, "/a:b@c", ""),
    "http://1.2.3.example/": WebUrl("http", "1.2.3.example", 80, "/", ""),
}


@pytest.mark.parametrize("text", READ)
def test_a_url_is_taken_apart(text: str) -> None:
    assert parse_url(text) == READ[text]


REFUSED = [
    "",
    "/",
    "example.com",
    "//example.com/",
    "http:example.com",
    "http:/example.com",
    "http:///x",
    "http://",
    "http://:80/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "ws://example.com/",
    "http+unix://%2Fvar%2Frun/x",
    "jar:http://example.com!/",
    "http://a\tb/",
    "http://a\nb/",
    "http://example.com/\r\nHost: evil",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    " http://example.com/",
    "http://example.com/ ",
    "http://127.0.0.1\\@evil.example/",
    "http://evil.example\\@127.0.0.1/",
    "http://example.com/a\\b",
    "http:\\\\example.com",
    "http://u:p@example.com/",
    "http://u@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:080/",
    "http://example.com:65536/",
    "http://example.com:99999/",
    "http://example.com:80:80/",
    "http://example.com:-1/",
    "http://example.com:+80/",
    "http://example.com:8_0/",
    "http://example.com:８０/",
    "http://exa mple.com/",
    "http://exam%70le.com/",
    "http://%31%32%37.0.0.1/",
    "http://bücher.example/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://ｌｏｃａｌｈｏｓｔ/",
    "http://exa\u00admple.com/",
    "http://exa\u200dmple.com/",
    "http://example..com/",
    "http://.example.com/",
    "http://example.com../",
    "http://./",
    "http://../",
    "http://-example.com/",
    "http://example-.com/",
    "http://exam<ple.com/",
    "http://exam;ple.com/",
    "http://exam,ple.com/",
    "http://exam'ple.com/",
    "http://exam*ple.com/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 126}com/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]a/",
    "http://[::1].example.com/",
    "http://[]/",
    "http://[:::1]/",
    "http://[1::2::3]/",
    "http://[::g]/",
    "http://[127.0.0.1]/",
    "http://[::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.fe80::a]/",
    "http://[::127.0.0.256]/",
    "http://example.com/\ud800",
    f"http://example.com/{'a' * URL_LIMIT}",
    f"http://example.com/{'ü' * (URL_LIMIT // 4)}",
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text)[:50])
def test_what_is_no_plain_web_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidUrlError, match=r"^The URL cannot be requested: .+\.$"):
        parse_url(text)


UNUSUAL = [
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.01",
    "0177.0.0.1",
    "127.0.0.0x1",
    "127.0.0.1.",
    "127.0.0.256",
    "127.0.0.1.1",
    "1.2.3",
    "256.256.256.256",
    "0",
    "0x",
    "4294967295",
    "99999999999999999999",
    "example.1",
    "example.0x7f",
    "[0:0:0:0:0:0:0:1]",
    "[0::1]",
    "[::0001]",
    "[::0.0.0.1]",
]


@pytest.mark.parametrize("host", UNUSUAL)
def test_an_address_in_an_unusual_spelling_is_blocked(host: str) -> None:
    with pytest.raises(BlockedAddressError, match="unusual spelling"):
        parse_url(f"http://{host}/")


def test_no_message_repeats_the_url() -> None:
    for text in [f"http://user:hunter2@example.com/{'x' * 99}", "http://example.com:0/?token=hunter2", "hunter2"]:
        with pytest.raises(InvalidUrlError) as caught:
            parse_url(text)
        assert "hunter2" not in str(caught.value)


def test_a_url_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidUrlError, match="bytes"):
        parse_url(b"http://example.com/")  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "255.255.255.255"])
def test_addresses_are_told_from_names(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example", "a.1.2.3.4.b", "localhost", "xn--bcher-kva"])
def test_names_are_told_from_addresses(host: str) -> None:
    assert not is_address(host)


REDIRECTS = [
    "https://other.example/x?y",
    "//other.example/x",
    "/x?y#z",
    "x",
    "x/y?z",
    "?z",
    "#f",
    "./x",
    "../x",
    "../../../x",
    "a/../b/./c",
    ".",
    "..",
    "a/..",
    "x?a/../b",
    "",
]


@pytest.mark.parametrize("reference", REDIRECTS)
@pytest.mark.parametrize("base", ["http://example.com/a/b/c?q", "http://example.com:81/", "http://example.com/a"])
def test_a_redirect_leads_where_every_browser_says(base: str, reference: str) -> None:
    assert join_url(parse_url(base), reference) == parse_url(urljoin(base, reference))


@pytest.mark.parametrize(
    "reference", ["//u:p@h/", "file:///etc/passwd", "http:x", "\\\\evil.example/x", "/\\evil", "//"]
)
def test_a_redirect_to_no_plain_web_url_is_refused(reference: str) -> None:
    with pytest.raises(InvalidUrlError):
        join_url(parse_url("http://example.com/a"), reference)


WORDS = ["http://", "https://", "example.com", "127.0.0.1", "[::1]", "xn--", "ü", ":80", "%40", "..", "//"]
PIECES = st.sampled_from([*WORDS, *"/?#[].%aF0:@\\ -_~|^`<>\"'{}\t\r\n\x00\u3002\uff0e\u2024\ufe52"])
JOINED = st.lists(PIECES, max_size=12).map("".join)
STARTS = st.sampled_from(
    ["", "http://", "http://a.example:8", "https://b_c.example.", "http://1.2.3.4/", "http://[::1]?"]
)
TEXTS = st.one_of(st.text(), st.builds("".join, st.tuples(STARTS, JOINED)))


@given(TEXTS)
def test_no_other_parser_reads_another_host_out_of_a_url_that_is_accepted(text: str) -> None:
    try:
        url = parse_url(text)
    except (InvalidUrlError, BlockedAddressError):
        return
    assert url.text.isascii()
    assert parse_url(url.text) == url
    library, client = urlsplit(url.text), URL(url.text, encoded=True)
    port = library.port or {"http": 80, "https": 443}[library.scheme]
    assert (library.scheme, library.hostname, port, library.username) == (url.scheme, url.host, url.port, None)
    assert (client.scheme, client.raw_host, client.port, client.user) == (url.scheme, url.host, url.port, None)
    # The text as it was given says the same, too.
    assert urlsplit(text).hostname == urlsplit(url.text).hostname or ":" in url.host


@given(TEXTS)
def test_a_redirect_is_either_refused_or_read(reference: str) -> None:
    try:
        url = join_url(parse_url("http://example.com/a/b?c"), reference)
    except (InvalidUrlError, BlockedAddressError):
        return
    assert parse_url(url.text) == url
