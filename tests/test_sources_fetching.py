"""Fetching from strangers: polite, bounded, and every failure is one typed error with a reason."""

import gzip
import ipaddress
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.sources.failures import PlaceGoneError, SourceError
from app.pipeline.sources.fetching import Fetcher, FetchSettings, Page, Request
from app.pipeline.sources.fetching.answers import retry_after
from app.pipeline.sources.fetching.public import is_public
from tests.sources_memory import DictionaryMemory
from tests.sources_server import Headers, Response, Site, serving

QUICK = FetchSettings(
    timeout_seconds=20,
    first_wait_seconds=0,
    delay_seconds=0,
    attempts=3,
    max_megabytes=1,
    user_agent="tester",
)


@pytest.fixture
def site() -> Iterator[Site]:
    """A running site without pages."""
    with serving() as running:
        yield running


def request(address: str, *, found: bool = False, crawled: bool = False) -> Request:
    """A request of the source `studio`."""
    return Request(source="studio", address=address, reading="1", found=found, crawled=crawled)


def fetch(
    wanted: Request,
    settings: FetchSettings = QUICK,
    memory: DictionaryMemory | None = None,
    folder: Path = Path(),
) -> Page:
    """Read one place and remember it."""
    with Fetcher(settings, memory or DictionaryMemory(), folder=folder) as fetcher:
        page = fetcher.read(wanted)
        fetcher.remember(page)
        return page


def test_a_page_arrives_with_its_type(site: Site) -> None:
    """Body and content type come as served; the request says who asks."""
    page = fetch(request(site.page("/a", "hello", "text/plain")))
    assert (page.body, page.content_type) == (b"hello", "text/plain")
    assert site.headers["/a"][0]["user-agent"] == "tester"


def test_an_unchanged_page_is_not_sent_again(site: Site) -> None:
    """The second request carries the validators of the first, and 304 means unchanged."""

    def answer(headers: Headers) -> Response:
        if headers.get("if-none-match") == '"v1"' and headers.get("if-modified-since") == "yesterday":
            return Response(status=304)
        return Response(b"hello", headers={"ETag": '"v1"', "Last-Modified": "yesterday"})

    site.answers["/a"] = answer
    memory = DictionaryMemory()
    assert not fetch(request(site.url + "/a"), memory=memory).unchanged
    again = fetch(request(site.url + "/a"), memory=memory)
    assert again.unchanged
    assert again.body == b""
    assert memory.recall("studio", site.url + "/a") == again.memory


def test_the_same_bytes_without_validators_are_unchanged(site: Site) -> None:
    """A server that knows no ETag is asked again, but equal content counts as unchanged."""
    memory = DictionaryMemory()
    address = site.page("/a", "hello")
    fetch(request(address), memory=memory)
    assert fetch(request(address), memory=memory).unchanged
    site.page("/a", "hello again")
    assert not fetch(request(address), memory=memory).unchanged


def test_another_reading_forgets_what_is_remembered(site: Site) -> None:
    """When the settings changed that findings depend on, the page is fetched without conditions."""
    memory = DictionaryMemory()
    address = site.page("/a", "hello", ETag='"v1"')
    fetch(request(address), memory=memory)
    page = fetch(replace(request(address), reading="2"), memory=memory)
    assert not page.unchanged
    assert "if-none-match" not in site.headers["/a"][1]


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_gone(site: Site, status: int) -> None:
    """404 and 410 are an error of their own, and are not tried again."""
    site.answers["/a"] = Response(b"no", status)
    with pytest.raises(PlaceGoneError, match=rf"Source studio: .*/a is not there \({status}\)"):
        fetch(request(site.url + "/a"))
    assert site.counts["/a"] == 1


def test_a_challenge_page_is_named(site: Site) -> None:
    """A 403 that wants a browser is not retried and says what it is."""
    site.answers["/a"] = Response(b"<title>Just a moment...</title>", 403)
    with pytest.raises(
        SourceError, match="answers 403 with a challenge that only a person in a browser passes"
    ):
        fetch(request(site.url + "/a"))
    assert site.counts["/a"] == 1


def test_too_many_requests_is_tried_again_when_asked_to(site: Site) -> None:
    """A 429 with a short Retry-After is waited for."""
    answers = iter([Response(status=429, headers={"Retry-After": "0"}), Response(b"now")])
    site.answers["/a"] = lambda _: next(answers)
    assert fetch(request(site.url + "/a")).body == b"now"


def test_a_long_retry_after_is_not_waited_for(site: Site) -> None:
    """A server that asks for an hour gets no second request in this run; the reason says so."""
    site.answers["/a"] = Response(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(SourceError, match="answers 429 and wants to be asked again in 3600 s"):
        fetch(request(site.url + "/a"))
    assert site.counts["/a"] == 1


@pytest.mark.parametrize(("status", "times"), [(503, 3), (502, 3), (500, 1), (401, 1)])
def test_only_passing_failures_are_tried_again(site: Site, status: int, times: int) -> None:
    """Gateways and overload are tried as often as the settings say, other refusals once."""
    site.answers["/a"] = Response(status=status)
    with pytest.raises(SourceError, match=f"answers {status}"):
        fetch(request(site.url + "/a"))
    assert site.counts["/a"] == times


def test_redirects_are_followed_to_the_end(site: Site) -> None:
    """The page's address is the one where the redirects ended."""
    site.answers["/a"] = Response(status=301, headers={"Location": "/b"})
    site.page("/b", "hello")
    settings = QUICK.model_copy(update={"allow_private_addresses": True})
    assert fetch(request(site.url + "/a"), settings).url == site.url + "/b"


def test_a_redirect_loop_ends(site: Site) -> None:
    """Redirects are counted, so a loop is an error after as many as the settings allow."""
    site.answers["/a"] = Response(status=302, headers={"Location": "/a"})
    settings = QUICK.model_copy(update={"allow_private_addresses": True})
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        fetch(request(site.url + "/a"), settings)
    assert site.counts["/a"] == 6


def test_a_redirect_out_of_the_web_is_refused(site: Site) -> None:
    """A redirect to file: or another scheme is not followed."""
    site.answers["/a"] = Response(status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(SourceError, match="leads to a file address; only http and https are read"):
        fetch(request(site.url + "/a"))


def test_a_redirect_into_the_private_network_is_refused(site: Site) -> None:
    """The operator's own address may be private; where it redirects to may not, unless that is permitted."""
    site.answers["/a"] = Response(status=302, headers={"Location": "/b"})
    site.page("/b", "secret of the intranet")
    with pytest.raises(SourceError, match="allow_private_addresses"):
        fetch(request(site.url + "/a"))
    assert "/b" not in site.asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
def test_links_found_in_pages_do_not_reach_this_machine(site: Site, host: str) -> None:
    """However a link in a stranger's page spells loopback, no request is sent."""
    port = site.url.rpartition(":")[2]
    with pytest.raises(SourceError, match="not public"):
        fetch(request(f"http://{host}:{port}/a", found=True))
    assert not site.asked


def test_links_found_in_pages_open_no_files(tmp_path: Path) -> None:
    """A path is only read when the operator wrote it."""
    (tmp_path / "secret").write_text("x")
    with pytest.raises(SourceError, match="not an http or https address"):
        fetch(request("secret", found=True), folder=tmp_path)
    assert fetch(request("secret"), folder=tmp_path).body == b"x"


NOT_PUBLIC = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
]


@given(st.sampled_from(NOT_PUBLIC).flatmap(lambda net: st.ip_addresses(network=net)))
def test_special_addresses_are_not_public_in_any_spelling(address: ipaddress.IPv4Address) -> None:
    """RFC 6890's special blocks stay refused when wrapped in IPv6: mapped, 6to4, NAT64."""
    number = int(address)
    assert not is_public(address)
    assert not is_public(ipaddress.IPv6Address((0xFFFF << 32) | number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | (number << 80)))
    assert not is_public(ipaddress.IPv6Address((0x64FF9B << 96) | number))


def test_public_addresses_are_public() -> None:
    """Ordinary addresses of both families are reached."""
    assert is_public(ipaddress.ip_address("93.184.216.34"))
    assert is_public(ipaddress.ip_address("2606:4700:4700::1111"))


def test_a_huge_body_is_refused_by_its_announcement(site: Site) -> None:
    """200 MB that are announced are not read at all."""

    def huge(_: Headers) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\nContent-Length: 200000000\r\n\r\n"

    site.answers["/a"] = huge
    with pytest.raises(SourceError, match="is longer than 1 MB"):
        fetch(request(site.url + "/a"))


def test_a_huge_body_is_refused_while_it_comes(site: Site) -> None:
    """200 MB that are not announced are read up to the limit and no further."""
    sent = 0

    def huge(_: Headers) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.0 200 OK\r\n\r\n"
        for _number in range(2_000):
            sent += 100_000
            yield b"x" * 100_000

    site.answers["/a"] = huge
    with pytest.raises(SourceError, match="is longer than 1 MB"):
        fetch(request(site.url + "/a"))
    assert sent < 100_000_000


def test_a_compressed_bomb_is_refused(site: Site) -> None:
    """The limit counts what comes out of the compression."""
    site.answers["/a"] = Response(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="is longer than 1 MB"):
        fetch(request(site.url + "/a"))


@pytest.mark.parametrize("start", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nX-Slow: "])
def test_a_slow_drip_ends_at_the_deadline(site: Site, start: bytes) -> None:
    """Bytes that keep coming, in headers or body, do not extend the total time."""
    over = threading.Event()

    def drip(_: Headers) -> Iterator[bytes]:
        yield start
        while not over.wait(0.05):
            yield b"x"

    site.answers["/a"] = drip
    settings = QUICK.model_copy(update={"timeout_seconds": 0.5, "attempts": 1})
    try:
        with pytest.raises(SourceError, match=r"does not answer completely within 0\.5 s"):
            fetch(request(site.url + "/a"), settings)
    finally:
        over.set()


def test_a_server_that_is_down_says_so() -> None:
    """A refused connection is a reason, not a traceback."""
    with serving() as gone:
        address = gone.url
    with pytest.raises(SourceError, match=r"Source studio: .* cannot be connected to"):
        fetch(request(address))


def test_a_connection_that_breaks_off_is_tried_again(site: Site) -> None:
    """A body that ends early is fetched once more."""

    def broken(_: Headers) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\nContent-Length: 500\r\n\r\nhel"

    answers: list[Response | Iterator[bytes]] = [broken({}), Response(b"hello")]
    site.answers["/a"] = lambda _: answers.pop(0)
    assert fetch(request(site.url + "/a")).body == b"hello"


@pytest.mark.parametrize(
    "address", ["http://", "http://a b/", "http://[::1", "http://x:99999/", "https://\u2028/"]
)
def test_an_address_that_is_none_is_an_error(address: str) -> None:
    """Garbage in the place of a URL ends in the typed error."""
    with pytest.raises(SourceError, match="Source studio"):
        fetch(request(address), QUICK.model_copy(update={"attempts": 1}))


def test_robots_txt_decides_what_is_crawled(site: Site) -> None:
    """A crawled page that robots.txt forbids is not fetched; one read for a subscription is."""
    site.page("/robots.txt", "User-agent: *\nDisallow: /private", "text/plain")
    site.page("/private/a", "x")
    site.page("/b", "y")
    with pytest.raises(SourceError, match=r"its robots.txt forbids it"):
        fetch(request(site.url + "/private/a", crawled=True))
    assert "/private/a" not in site.asked
    assert fetch(request(site.url + "/b", crawled=True)).body == b"y"
    assert fetch(request(site.url + "/private/a")).body == b"x"


def test_a_site_without_robots_txt_may_be_read_and_one_that_fails_may_not(site: Site) -> None:
    """RFC 9309: 404 permits everything, a server error nothing."""
    address = site.page("/a", "x")
    assert fetch(request(address, crawled=True)).body == b"x"
    site.answers["/robots.txt"] = Response(status=500)
    with pytest.raises(SourceError, match=r"its robots.txt answers 500, so nothing may be read"):
        fetch(request(address, crawled=True))


def test_robots_txt_is_asked_for_once_a_run(site: Site) -> None:
    """Many pages of a site cost one robots.txt."""
    addresses = [site.page(f"/{number}", str(number)) for number in range(20)]
    with Fetcher(QUICK, DictionaryMemory(), folder=Path()) as fetcher:
        pages = list(fetcher.read_many(request(address, crawled=True) for address in addresses))
    assert [page.body for _, page in pages if isinstance(page, Page)] == [b"%d" % n for n in range(20)]
    assert site.counts["/robots.txt"] == 1


def test_a_host_gets_one_request_at_a_time(site: Site) -> None:
    """However many pages are wanted side by side, one host never sees two requests at once."""
    most: list[int] = []
    lock = threading.Lock()
    present = 0

    def answer(_: Headers) -> Response:
        nonlocal present
        with lock:
            present += 1
            most.append(present)
        with lock:
            present -= 1
        return Response(b"x")

    for number in range(10):
        site.answers[f"/{number}"] = answer
    with Fetcher(QUICK, DictionaryMemory(), folder=Path()) as fetcher:
        assert len(list(fetcher.read_many(request(f"{site.url}/{number}") for number in range(10)))) == 10
    assert max(most) == 1


def test_one_failure_among_many_stops_none(site: Site) -> None:
    """Results come in the order asked for, failures among them as values."""
    good = site.page("/good", "x")
    with Fetcher(QUICK, DictionaryMemory(), folder=Path()) as fetcher:
        results = list(fetcher.read_many(map(request, [good, site.url + "/bad", good])))
    assert [isinstance(page, Page) for _, page in results] == [True, False, True]


def test_credentials_do_not_follow_a_redirect_elsewhere(site: Site) -> None:
    """A token is for the address' own origin only."""
    with serving() as other:
        other.page("/b", "x")
        site.answers["/a"] = Response(status=302, headers={"Location": other.url + "/b"})
        token = {"Authorization": "Bearer of-a-test"}
        settings = QUICK.model_copy(update={"allow_private_addresses": True})
        fetch(replace(request(site.url + "/a"), credentials=token), settings)
        assert site.headers["/a"][0]["authorization"] == "Bearer of-a-test"
        assert "authorization" not in other.headers["/b"][0]


def test_an_address_that_is_a_key_is_never_shown(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither messages nor logs nor the memory hold the address of a place that is shown as something else."""
    caplog.set_level("INFO")
    secret = replace(request(site.url + "/ical?key=hush"), shown_as="the export")
    memory = DictionaryMemory()
    with pytest.raises(PlaceGoneError) as failure:
        fetch(secret)
    site.page("/ical?key=hush", "x")
    assert fetch(secret, memory=memory).request.place == "the export"
    assert "hush" not in f"{failure.value} {caplog.text} {memory.places}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    """RFC 9110 10.2.3 permits both forms; anything else is no wish."""
    assert retry_after(value, datetime(2026, 3, 1, 12, tzinfo=UTC)) == seconds


@given(st.text())
def test_any_retry_after_is_read(value: str) -> None:
    """Whatever a server writes there, it is a number of seconds or nothing."""
    wait = retry_after(value, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert wait is None or wait >= 0


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    """A path that is no file says so with the path."""
    with pytest.raises(PlaceGoneError, match=r"nowhere\.ics is not there"):
        fetch(request("nowhere.ics"), folder=tmp_path)
    with pytest.raises(SourceError, match="is not a file"):
        fetch(request("."), folder=tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """The size limit holds for files too."""
    (tmp_path / "huge.csv").write_bytes(bytes(1_000_001))
    with pytest.raises(SourceError, match="is longer than 1 MB"):
        fetch(request("huge.csv"), folder=tmp_path)
