"""Websites, Eventbrite and Facebook over the wire, against a local site that serves their shapes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.pipeline.event import Finding, Reject, Sighting, Unchanged, Unread
from app.pipeline.sources import SourceError, SourceSkippedError
from tests.sources_memory import TODAY, DictionaryMemory, collected, rejects, sightings
from tests.sources_server import Headers, Response, Site, serving

FETCH = """[fetch]
delay_seconds = 0
first_wait_seconds = 0
allow_private_addresses = true
max_megabytes = 1
[[source]]
name = "it"
"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A running site without pages."""
    with serving() as running:
        yield running


class Source:
    """One source over a site, collected as often as the test likes."""

    def __init__(self, folder: Path, entry: str, secrets: dict[str, str] | None = None) -> None:
        """Write the list of sources with this entry."""
        self.path = folder / "sources.toml"
        self.path.write_text(FETCH + entry)
        self.memory = DictionaryMemory()
        self.secrets = {name: SecretStr(value) for name, value in (secrets or {}).items()}

    def collect(self, today: date = TODAY) -> list[Finding]:
        """What it yields now."""
        return collected(self.path, self.memory, today=today, secrets=self.secrets)["it"]


def event(name: str, start: str = "2026-03-06T20:00", **fields: str) -> str:
    """A page's JSON-LD script about one event."""
    said = json.dumps({"@type": "DanceEvent", "name": name, "startDate": start} | fields)
    return f'<script type="application/ld+json">{said}</script>'


def names(findings: list[Finding]) -> list[str]:
    """The names of the sightings, sorted."""
    return sorted(finding.name for finding in sightings(findings))


CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Weekly\r\n"
    "DTSTART:20260102T200000\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def website(folder: Path, site: Site, more: str = "") -> Source:
    """A source of kind websites that begins at the site's front page."""
    return Source(folder, f'kind = "websites"\npages = ["{site.url}/"]\nhorizon_days = 14\n{more}')


def front_page(site: Site) -> None:
    """A front page that leads to a calendar, a feed and two event pages."""
    site.page(
        "/",
        event("Front")
        + '<link rel="alternate" type="text/calendar" href="/all.ics">'
        + '<link rel="alternate" type="application/rss+xml" href="/feed">'
        + '<a href="/events/a">A</a><a href="/events/b">B</a><a href="/about">About</a>',
        ETag='"1"',
    )
    site.page("/all.ics", CALENDAR, "text/calendar")
    site.page(
        "/feed",
        "<rss><channel><item><title>C</title><link>/events/c</link></item></channel></rss>",
        "text/xml",
    )
    for name in "abc":
        site.page(f"/events/{name}", event(name.upper(), url=f"/events/{name}"))


def test_a_site_is_read_with_what_it_leads_to(tmp_path: Path, site: Site) -> None:
    """Its own events, its calendar's occurrences in the window, its event pages; nothing else."""
    front_page(site)
    assert names(website(tmp_path, site).collect()) == ["A", "B", "Front", "Weekly", "Weekly"]
    assert "/about" not in site.asked
    assert "C" in names(website(tmp_path, site, "depth = 2").collect())


def test_an_unchanged_site_is_not_read_again(tmp_path: Path, site: Site) -> None:
    """The second run asks for everything, reads nothing, and still knows where the front page leads."""
    front_page(site)
    source = website(tmp_path, site)
    first = source.collect()
    again = source.collect()
    assert all(isinstance(finding, Unchanged) for finding in again)
    assert {f.place for f in sightings(first)} <= {f.place for f in again}
    assert site.headers["/"][-1]["if-none-match"] == '"1"'
    site.page("/events/b", event("B moved", "2026-03-07T20:00"))
    assert names(source.collect()) == ["B moved"]


def test_a_calendar_is_read_again_on_another_day(tmp_path: Path, site: Site) -> None:
    """The window of recurring events moves with the day, so only calendars are read anew."""
    front_page(site)
    source = website(tmp_path, site)
    source.collect()
    tomorrow = source.collect(TODAY + timedelta(days=1))
    assert set(names(tomorrow)) == {"Weekly"}


def test_a_page_that_is_down_hides_nothing(tmp_path: Path, site: Site) -> None:
    """When the front page fails, what it led to last time is read all the same, and the failure is told."""
    front_page(site)
    source = website(tmp_path, site)
    source.collect()
    site.answers["/"] = Response(b"oops", 500)
    site.page("/events/a", event("A new"))
    found = source.collect()
    assert names(found) == ["A new"]
    assert [finding.reason for finding in found if isinstance(finding, Unread)] == [
        f"{site.url}/ answers 500"
    ]
    assert {f.place for f in found if isinstance(f, Unchanged)} == {
        site.url + path for path in ("/all.ics", "/feed", "/events/b")
    }


def test_an_event_page_that_is_gone_is_no_failure(tmp_path: Path, site: Site) -> None:
    """Sites take past events down: a dead link gives nothing, one that is forbidden is told."""
    front_page(site)
    del site.answers["/events/a"]
    site.answers["/events/b"] = Response(b"captcha", 403)
    found = website(tmp_path, site).collect()
    assert [finding.place for finding in found if isinstance(finding, Unread)] == [site.url + "/events/b"]


def test_a_site_that_is_down_from_the_start_fails(tmp_path: Path, site: Site) -> None:
    """Nothing was ever read of it: the source as a whole says why."""
    with pytest.raises(SourceError, match=r"Source it: http://.* is not there \(404\)"):
        website(tmp_path, site).collect()


def test_a_crawl_is_bounded(tmp_path: Path, site: Site) -> None:
    """A calendar that links to ever more months ends at the page limit, and never leaves the site."""
    with serving() as other:
        other.page("/events/x", event("Elsewhere"))
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        site.page("/", f'<a href="/events/1">next</a><a href="{elsewhere}/events/x">x</a>')
        for number in range(1, 100):
            links = "".join(f'<a href="/events/{number + step}">next</a>' for step in range(1, 20))
            site.page(f"/events/{number}", event(f"Event {number}") + links)
        found = website(tmp_path, site, "depth = 3\nmax_pages = 12").collect()
    assert len([path for path in site.asked if path != "/robots.txt"]) == 12
    assert not other.asked
    assert len(names(found)) == 11


def test_robots_txt_rules_the_crawl_but_not_the_calendar(tmp_path: Path, site: Site) -> None:
    """A calendar is published to be subscribed to; a page that is forbidden is told as unread."""
    front_page(site)
    site.page("/robots.txt", "User-agent: *\nDisallow: /events/a\nDisallow: /all.ics", "text/plain")
    found = website(tmp_path, site).collect()
    assert names(found) == ["B", "Front", "Weekly", "Weekly"]
    assert [f.reason for f in found if isinstance(f, Unread)] == [
        f"{site.url}/events/a its robots.txt forbids it"
    ]


def test_the_teams_table_of_pages_is_read(tmp_path: Path, site: Site) -> None:
    """Its names and keywords go to the sightings; a line without an address is a reject."""
    front_page(site)
    site.page("/plain", event("Plain"))
    site.page("/styled", event("Styled", keywords="tango"))
    (tmp_path / "pages.csv").write_text(
        f"\ufeffsource,keywords,link\nHall,salsa,{site.url}/plain\nHall,salsa,{site.url}/styled\nNowhere,swing,ask\n",
        encoding="utf-8",
    )
    found = Source(tmp_path, 'kind = "websites"\ntable = "pages.csv"\n').collect()
    told = {one.name: (one.publisher, one.dance_style, one.notes) for one in sightings(found)}
    assert told["Plain"] == ("Hall", "salsa", ("style from the list of pages",))
    assert told["Styled"] == ("Hall", "tango", ())
    (bad,) = rejects(found)
    assert (bad.line, bad.place) == (4, "pages.csv")


def test_one_event_in_list_and_page_has_two_places(tmp_path: Path, site: Site) -> None:
    """What two pages say stays apart, so that one of them may change without the other."""
    site.page("/", event("A", url="SITE/events/a") + '<a href="/events/a">A</a>')
    site.page("/events/a", event("A", url="SITE/events/a"))
    first, second = sightings(website(tmp_path, site).collect())
    assert first.reference == second.reference
    assert {first.place, second.place} == {site.url + "/", site.url + "/events/a"}


def test_eventbrite_searches_lead_to_events(tmp_path: Path, site: Site) -> None:
    """Result pages list events, whose own pages say the time."""
    salsa = {"@type": "Event", "name": "Salsa", "startDate": "2026-03-06", "url": "SITE/e/salsa-tickets-123"}
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": salsa}]}
    script = f'<script type="application/ld+json">{json.dumps(listed)}</script>'
    results = f'{script}<a href="/e/salsa-tickets-123?aff=x">Salsa</a>'
    site.page("/d/canada--victoria/west%20coast/?page=1", results)
    site.page("/d/canada--victoria/west%20coast/?page=2", "<p>Nothing more</p>")
    site.page("/o/77", '<a href="/e/bachata-tickets-124">Bachata</a>')
    site.page(
        "/e/salsa-tickets-123?aff=x",
        event("Salsa", "2026-03-06T20:00:00-08:00", url="SITE/e/salsa-tickets-123"),
    )
    site.page("/e/bachata-tickets-124", event("Bachata"))
    found = Source(
        tmp_path,
        f'kind = "eventbrite"\nsite = "{site.url}"\norganisers = ["77"]\n'
        'searches = [{place = "canada--victoria", keyword = "west coast"}]\n',
    ).collect()
    assert names(found) == ["Bachata", "Salsa", "Salsa"]
    assert {one.kind for one in sightings(found)} == {"eventbrite"}


def test_eventbrite_that_shuts_us_out_names_the_ways_in(tmp_path: Path, site: Site) -> None:
    """A challenge ends in an error that says what else can be done; with an export the events come from there."""
    site.answers["/o/77"] = Response(b"<title>Human verification</title> captcha", 405)
    entry = f'kind = "eventbrite"\nsite = "{site.url}"\norganisers = ["77"]\n'
    with pytest.raises(
        SourceError, match=r"a person in a browser.*set EVENTBRITE_TOKEN.*list it under exports"
    ):
        Source(tmp_path, entry).collect()
    (tmp_path / "ebs.csv").write_text("event_name,start_date\nSalsa,2026-03-06\n")
    found = Source(tmp_path, entry + 'exports = ["ebs.csv"]\n').collect()
    assert names(found) == ["Salsa"]
    assert [finding.place for finding in found if isinstance(finding, Unread)] == [f"{site.url}/o/77"]


def api_event(number: int) -> dict[str, object]:
    """An event as the Eventbrite API tells it."""
    return {
        "id": str(number),
        "name": {"text": f"Event {number}", "html": "<b>x</b>"},
        "description": {"text": "Come"},
        "start": {
            "timezone": "America/Vancouver",
            "local": "2026-03-06T20:00:00",
            "utc": "2026-03-07T04:00:00Z",
        },
        "end": {
            "timezone": "America/Vancouver",
            "local": "2026-03-07T01:00:00",
            "utc": "2026-03-07T09:00:00Z",
        },
        "url": f"https://www.eventbrite.ca/e/{number}",
        "status": "canceled" if number == 2 else "live",
        "online_event": False,
        "venue": {
            "name": "Hall",
            "address": {
                "address_1": "1 Street",
                "city": "Victoria",
                "region": "BC",
                "postal_code": "V8W 1Y8",
                "country": "CA",
                "latitude": "48.42",
                "longitude": "-123.36",
                "localized_address_display": "1 Street, Victoria, BC V8W 1Y8",
            },
        },
        "ticket_availability": {
            "minimum_ticket_price": {"major_value": "15.00", "currency": "CAD"},
            "maximum_ticket_price": {"major_value": "20.00", "currency": "CAD"},
        },
        "organizer": {"name": "Studio"},
        "changed": "2026-01-02T03:04:05Z",
    }


def test_eventbrite_is_read_through_its_api_with_a_token(tmp_path: Path, site: Site) -> None:
    """All pages of the list, with the token in a header and nowhere else."""
    pages = {
        None: {
            "pagination": {"has_more_items": True, "continuation": "next"},
            "events": [api_event(1), {"id": "9"}],
        },
        "next": {"pagination": {"has_more_items": False}, "events": [api_event(2)]},
    }

    def answer(_: Headers) -> Response:
        continuation = parse_qs(urlsplit(site.asked[-1]).query).get("continuation", [None])[0]
        return Response(json.dumps(pages[continuation]).encode())

    site.otherwise = answer
    token = "token" + "-of-the-test"
    source = Source(
        tmp_path,
        f'kind = "eventbrite"\napi = "{site.url}"\norganisers = ["77"]\n',
        {"EVENTBRITE_TOKEN": token},
    )
    found = source.collect()
    first, second = sightings(found)
    assert (first.name, first.location) == ("Event 1", "Hall, 1 Street, Victoria, BC V8W 1Y8")
    assert (first.price, first.currency, first.time_zone) == ("15.00 - 20.00", "CAD", "America/Vancouver")
    assert (first.latitude, first.cancelled, second.cancelled) == (48.42, False, True)
    (bad,) = rejects(found)
    assert bad.reason == "name: Field required"
    query = "/organizers/77/events/?status=live%2Ccanceled&expand=venue%2Corganizer%2Cticket_availability"
    assert site.asked == [query, query + "&continuation=next"]
    assert site.headers[query][0]["authorization"] == f"Bearer {token}"
    assert token not in f"{found} {source.memory.places}"
    assert all(isinstance(finding, Unchanged) for finding in source.collect())
    assert len(site.asked) == 4


def graph_event(number: int, **fields: object) -> dict[str, object]:
    """An event as the Graph API tells it."""
    return {
        "id": str(number),
        "name": f"Event {number}",
        "start_time": "2026-03-06T20:00:00-0800",
        "end_time": "2026-03-07T01:00:00-0800",
        "timezone": "America/Vancouver",
        "place": {
            "name": "Hall",
            "location": {"city": "Victoria", "latitude": 48.42, "longitude": -123.36, "zip": "V8W 1Y8"},
        },
    } | fields


def test_facebook_pages_are_read_through_the_graph_api(tmp_path: Path, site: Site) -> None:
    """Cursor by cursor, each time of an event a sighting; the link with the token in it is not followed."""
    times = [
        {"id": "21", "start_time": "2026-03-08T20:00:00-0700"},
        {"id": "22", "start_time": "2026-03-15T20:00:00-0700"},
    ]

    def answer(headers: Headers) -> Response:
        assert headers["authorization"].startswith("Bearer ")
        after = parse_qs(urlsplit(site.asked[-1]).query).get("after")
        data = (
            [graph_event(2, event_times=times)] if after else [graph_event(1, is_canceled=True), {"id": "3"}]
        )
        paging = {"cursors": {"after": "c"}} | ({} if after else {"next": f"{site.url}/?access_token=hush"})
        return Response(json.dumps({"data": data, "paging": paging}).encode())

    site.otherwise = answer
    source = Source(
        tmp_path,
        f'kind = "facebook"\ngraph = "{site.url}"\npages = ["studio"]\n',
        {"FACEBOOK_TOKEN": "of-the-test"},
    )
    found = source.collect()
    assert [(one.reference, one.start_date.day) for one in sightings(found)] == [
        ("1", 6),
        ("21", 8),
        ("22", 15),
    ]
    assert sightings(found)[0].cancelled
    assert len(rejects(found)) == 1
    assert not any("access_token" in path for path in site.asked)
    assert all(isinstance(finding, Unchanged) for finding in source.collect())


def test_facebook_refusing_the_token_is_a_failure(tmp_path: Path, site: Site) -> None:
    """An expired token fails the source without showing the token."""
    source = Source(
        tmp_path,
        f'kind = "facebook"\ngraph = "{site.url}"\npages = ["studio"]\n',
        {"FACEBOOK_TOKEN": "of-the-test"},
    )
    with pytest.raises(SourceError, match=r"studio/events \(page 1\) is not there") as failure:
        source.collect()
    assert "of-the-test" not in str(failure.value)


@pytest.mark.parametrize(
    ("kind", "token", "path", "body"),
    [
        (
            'kind = "eventbrite"\napi = "{0}"\norganisers = ["1", "2"]\n',
            "EVENTBRITE_TOKEN",
            "/organizers/{0}/events/",
            lambda number, more: {
                "events": [api_event(number)],
                "pagination": {"has_more_items": bool(more), "continuation": more},
            },
        ),
        (
            'kind = "facebook"\ngraph = "{0}"\npages = ["1", "2"]\n',
            "FACEBOOK_TOKEN",
            "/{0}/events",
            lambda number, more: {
                "data": [graph_event(number)],
                "paging": {"cursors": {"after": more}, **({"next": "https://x.example"} if more else {})},
            },
        ),
    ],
)
def test_a_page_of_an_api_that_is_down_hides_nothing_else(
    tmp_path: Path, site: Site, *, kind: str, token: str, path: str, body: Callable[[int, str | None], object]
) -> None:
    """The other lists are read, and the pages that it led to last time; only when all are down the source fails."""
    down: set[str] = set()

    def answer(_: Headers) -> Response:
        asked = urlsplit(site.asked[-1])
        owner = "1" if asked.path == path.format("1") else "2"
        page = "next" if "next" in asked.query else "first"
        if "all" in down or f"{owner} {page}" in down:
            return Response(b"", 403)
        more = "next" if (owner, page) == ("1", "first") else None
        return Response(json.dumps(body(int(owner) * 10 + (page == "next"), more)).encode())

    site.otherwise = answer
    source = Source(tmp_path, kind.format(site.url), {token: "of-the-test"})
    assert names(source.collect()) == ["Event 10", "Event 11", "Event 20"]
    source.memory.places = {
        place: replace(known, etag=None, digest="") for place, known in source.memory.places.items()
    }
    down.add("1 first")
    found = source.collect()
    assert names(found) == ["Event 11", "Event 20"]
    (unread,) = [finding for finding in found if isinstance(finding, Unread)]
    assert (unread.place, unread.reason[-11:]) == (f"{site.url}{path.format('1')} (page 1)", "answers 403")
    down.add("all")
    with pytest.raises(SourceError, match="and so for all its"):
        source.collect()


def test_facebooks_ical_export_is_read_and_never_named(tmp_path: Path, site: Site) -> None:
    """The export's address is a key: the place has another name."""
    site.page("/ical?uid=1&key=hush", CALENDAR, "text/calendar")
    source = Source(tmp_path, 'kind = "facebook"\n', {"FACEBOOK_ICAL_URL": f"{site.url}/ical?uid=1&key=hush"})
    found = source.collect()
    assert {finding.place for finding in sightings(found)} == {"Facebook iCal export"}
    assert "hush" not in f"{found} {source.memory.places}"


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ('pages = ["studio"]', "Source it is skipped: set FACEBOOK_TOKEN or FACEBOOK_ICAL_URL to read it."),
        ("", "Source it is skipped: set FACEBOOK_ICAL_URL to read it."),
    ],
)
def test_facebook_without_its_variables_is_skipped(tmp_path: Path, pages: str, message: str) -> None:
    """The message names the variables that are missing."""
    with pytest.raises(SourceSkippedError) as skipped:
        Source(tmp_path, f'kind = "facebook"\n{pages}\n').collect()
    assert str(skipped.value) == message


@pytest.mark.parametrize("kind", ["icalendar", "csv", "jsonld"])
def test_one_place_of_many_that_fails_is_told_and_the_others_are_read(
    tmp_path: Path, site: Site, kind: str
) -> None:
    """One file of a source may be missing; all of them missing is a failure."""
    good = {
        "icalendar": CALENDAR,
        "csv": "event_name,start_date\nSalsa,2026-03-06\n",
        "jsonld": event("Salsa"),
    }
    site.page("/good", good[kind], "text/plain")
    found = Source(tmp_path, f'kind = "{kind}"\nplaces = ["nowhere", "{site.url}/good"]\n').collect()
    assert sightings(found)
    assert [finding.place for finding in found if isinstance(finding, Unread)] == ["nowhere"]
    with pytest.raises(SourceError, match="and so for all its 2 places"):
        Source(tmp_path, f'kind = "{kind}"\nplaces = ["nowhere", "{site.url}/bad"]\n').collect()


def test_the_next_day_finds_the_next_occurrences_of_a_schedule(tmp_path: Path, site: Site) -> None:
    """A page with a schedule is read again although it did not change: its window moved."""
    said = {
        "@type": "Event",
        "name": "Salsa",
        "eventSchedule": {"repeatFrequency": "P1W", "startDate": "2026-03-06"},
    }
    site.page("/events/salsa", f'<script type="application/ld+json">{json.dumps(said)}</script>')
    for kind in ("websites", "jsonld"):
        listed = "pages" if kind == "websites" else "places"
        entry = f'kind = "{kind}"\n{listed} = ["{site.url}/events/salsa"]\nhorizon_days = 7\n'
        source = Source(tmp_path, entry)
        for day, expected in ((5, 6), (12, 13)):
            found = sightings(source.collect(date(2026, 3, day)))
            assert [one.start_date.day for one in found] == [expected]


def test_a_sign_in_page_in_place_of_a_calendar_fails_the_source(tmp_path: Path, site: Site) -> None:
    """What is not what it claims to be leaves what the source gave before standing."""
    site.page("/all.ics", "<html>Sign in</html>")
    with pytest.raises(SourceError, match="is not an iCalendar"):
        Source(tmp_path, f'kind = "icalendar"\nplaces = ["{site.url}/all.ics"]\n').collect()


def test_a_finding_is_a_sighting_a_reject_or_a_mark(tmp_path: Path, site: Site) -> None:
    """Nothing else comes out of a source."""
    front_page(site)
    found = website(tmp_path, site).collect()
    assert all(isinstance(finding, Sighting | Reject | Unchanged | Unread) for finding in found)
