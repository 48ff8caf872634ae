"""Web pages: schema.org events in JSON-LD and microdata, feeds, and where a page leads on."""

import json
from datetime import date, time

import pytest

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.formats.feed import read_feed
from app.pipeline.sources.formats.links import links_of
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.structured_data import read_structured_data
from app.pipeline.sources.formats.text import decode

URL = "https://www.hall.example/events/"
DAYS = Days(date(2026, 3, 1), date(2026, 6, 30))
ORIGIN = Origin(source="hall", kind="jsonld", place=URL)
EVENT: dict[str, object] = {"@type": "DanceEvent", "name": "Salsa", "startDate": "2026-03-06T20:00:00-08:00"}


def read(*scripts: object, body: str = "") -> list[Sighting | Reject]:
    """The findings of a page with these JSON-LD scripts."""
    written = "".join(
        f'<script type="application/ld+json">{json.dumps(script)}</script>' for script in scripts
    )
    return list(
        read_structured_data(f"<html><head>{written}</head><body>{body}</body></html>", ORIGIN, URL, DAYS)
    )


def one(**fields: object) -> Sighting:
    """The sighting of an event with these fields."""
    (finding,) = read(EVENT | fields)
    assert isinstance(finding, Sighting)
    return finding


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (
            {"@context": "https://schema.org", "@graph": [EVENT, {"@type": "Place", "name": "Hall"}]},
            ["Salsa"],
        ),
        ([EVENT, EVENT | {"name": "Bachata"}], ["Salsa", "Bachata"]),
        ({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": EVENT}]}, ["Salsa"]),
        (
            {"@type": ["Thing", "http://schema.org/SocialEvent"], "name": "A", "startDate": "2026-03-06"},
            ["A"],
        ),
        ({"@type": "Festival", "name": "F", "startDate": "2026-03-06", "subEvent": [EVENT]}, ["F", "Salsa"]),
        ({"@type": "Organization", "name": "Hall", "event": EVENT}, ["Salsa"]),
        ({"@type": "PublicationEvent", "name": "A book", "startDate": "2026-03-06"}, []),
        ({"@type": "Article", "name": "No event"}, []),
    ],
)
def test_events_are_found_wherever_a_page_puts_them(script: object, names: list[str]) -> None:
    """Graphs, lists, item lists, sub-events and properties of other things."""
    assert [finding.name for finding in read(script) if isinstance(finding, Sighting)] == names


def test_an_event_says_what_it_says() -> None:
    """The fields of schema.org arrive in those of the sighting."""
    found = one(
        endDate="2026-03-07T09:30:00Z",
        description="<p>One</p><p>Two &amp; three</p>",
        location={
            "@type": "Place",
            "name": "Hall",
            "address": {
                "@type": "PostalAddress",
                "streetAddress": "1 Street",
                "addressLocality": "Victoria",
                "addressRegion": "BC",
                "postalCode": "V8W 1Y8",
                "addressCountry": {"@type": "Country", "name": "Canada"},
            },
            "geo": {"latitude": "48.4", "longitude": -123.3},
        },
        offers=[{"price": 15, "priceCurrency": "CAD"}, {"price": "20.00"}],
        organizer=[{"name": "Studio"}, {"name": "Other"}],
        keywords=["salsa", "bachata"],
        url="../salsa",
        dateModified="2026-01-02",
    )
    assert (found.start_date, found.start_time, found.time_zone) == (date(2026, 3, 6), time(20), "-08:00")
    assert (found.end_date, found.end_time) == (date(2026, 3, 7), time(1, 30))
    assert found.description == "One\nTwo & three"
    assert found.location == "Hall, 1 Street, Victoria, BC V8W 1Y8, Canada"
    assert (found.venue_name, found.street, found.city) == ("Hall", "1 Street", "Victoria")
    assert (found.region, found.postal_code, found.country) == ("BC", "V8W 1Y8", "Canada")
    assert (found.latitude, found.longitude) == (48.4, -123.3)
    assert (found.price, found.currency) == ("15 - 20.00", "CAD")
    assert (found.organiser, found.dance_style, found.event_type) == (
        "Studio",
        "salsa, bachata",
        "DanceEvent",
    )
    assert (found.url, found.updated) == ("https://www.hall.example/salsa", "2026-01-02")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("Hall, 1 Street", "Hall, 1 Street"),
        ({"@type": "Place", "name": "Hall", "address": "1 Street, Victoria"}, "Hall, 1 Street, Victoria"),
        ({"@type": "Place", "name": "Hall", "address": "Hall, 1 Street"}, "Hall, Hall, 1 Street"),
        (
            {"@type": "PostalAddress", "streetAddress": "1 Street", "addressLocality": "Victoria"},
            "1 Street, Victoria",
        ),
        ({"@type": "VirtualLocation", "url": "https://meet.example"}, "Online"),
        ([{"@type": "Place", "name": "Hall"}, {"@type": "VirtualLocation"}], "Hall"),
        (None, ""),
        (7, ""),
    ],
)
def test_places_come_in_many_shapes(location: object, text: str) -> None:
    """Texts, places, bare addresses, online events."""
    assert one(location=location).location == text


def test_a_venue_is_found_by_its_id() -> None:
    """An event may only refer to a place that the page describes elsewhere."""
    venue = {"@type": "Place", "@id": "#hall", "name": "Hall", "address": "1 Street"}
    (found,) = read({"@graph": [EVENT | {"location": {"@id": "#hall"}}]}, {"@graph": [venue]})
    (same,) = read({"@graph": [venue, EVENT | {"location": {"@id": "#hall"}}]})
    assert isinstance(same, Sighting)
    assert same.location == "Hall, 1 Street"
    assert isinstance(found, Sighting)


@pytest.mark.parametrize(
    ("status", "cancelled"),
    [
        ("https://schema.org/EventCancelled", True),
        ("EventCancelled", True),
        ("http://schema.org/EventPostponed", True),
        ("https://schema.org/EventRescheduled", False),
        ("https://schema.org/EventScheduled", False),
    ],
)
def test_what_does_not_take_place_says_so(status: str, cancelled: bool) -> None:  # noqa: FBT001 - a parameter
    """Cancelled and postponed events are marked."""
    assert one(eventStatus=status).cancelled is cancelled


@pytest.mark.parametrize(
    ("offers", "price"),
    [
        ({"lowPrice": "10", "highPrice": "20"}, "10 - 20"),
        ([{"price": "15"}, {"price": "15"}], "15"),
        ({"url": "https://tickets.example"}, ""),
        ("free", ""),
    ],
)
def test_prices_are_collected(offers: object, price: str) -> None:
    """All that the offers ask, once each."""
    assert one(offers=offers).price == price


def test_free_is_a_price() -> None:
    """An event that is free says it in one word."""
    assert one(isAccessibleForFree=True).price == "Free"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"startDate": None}, "Salsa: 'no startDate' does not name day, month and year"),
        ({"startDate": "TBA"}, "Salsa: 'TBA' is not a date"),
        ({"startDate": "Fridays 8pm"}, "Salsa: 'Fridays 8pm' does not name day, month and year"),
        ({"name": "<b></b>"}, "no name"),
    ],
)
def test_an_event_that_makes_no_sense_is_a_reject(fields: dict[str, object], reason: str) -> None:
    """Its reason and its JSON are kept."""
    (found,) = read(EVENT | fields)
    assert isinstance(found, Reject)
    assert '"DanceEvent"' in found.raw
    assert found.reason.startswith(reason.partition(":")[0])


def test_a_script_that_is_no_json_is_a_reject_and_the_others_stay() -> None:
    """Invalid JSON-LD is reported with its line; the page's other scripts are read."""
    page = (
        "<html>\n<head>\n"
        '<script type="application/ld+json">{"@type": "Event", }</script>\n'
        f'<script type="application/ld+json">\n<!-- {json.dumps(EVENT)} -->\n</script></head></html>'
    )
    bad, good = read_structured_data(page, ORIGIN, URL, DAYS)
    assert isinstance(bad, Reject)
    assert bad.line == 3
    assert bad.reason.startswith("invalid JSON-LD")
    assert isinstance(good, Sighting)


def test_half_a_character_is_left_out() -> None:
    """JSON may write half of a surrogate pair, which no encoding and no database knows."""
    found = one(name="Salsa \ud83d")
    assert found.name == "Salsa "


def test_line_breaks_inside_json_texts_are_forgiven() -> None:
    """Hand-written JSON-LD often breaks its lines within a text."""
    page = (
        '<script type="application/ld+json">{"@type":"Event","name":"A\nB","startDate":"2026-03-06"}</script>'
    )
    (found,) = read_structured_data(page, ORIGIN, URL, DAYS)
    assert isinstance(found, Sighting)
    assert found.name == "A B"


def test_microdata_is_read_too_and_not_twice() -> None:
    """An event that the page describes in both ways is one sighting."""
    body = (
        '<div itemscope itemtype="https://schema.org/DanceEvent"><a itemprop="url" href="/events/salsa">'
        '<span itemprop="name">Salsa</span></a><meta itemprop="startDate" content="2026-03-06T20:00:00-08:00">'
        '<div itemprop="location" itemscope itemtype="https://schema.org/Place"><b itemprop="name">Hall</b></div></div>'
    )
    (alone,) = read(body=body)
    assert isinstance(alone, Sighting)
    assert (alone.name, alone.location, alone.url) == (
        "Salsa",
        "Hall",
        "https://www.hall.example/events/salsa",
    )
    (both,) = read(EVENT | {"url": "/events/salsa"}, body=body)
    assert isinstance(both, Sighting)
    assert both.reference == alone.reference


@pytest.mark.parametrize(
    "page",
    [
        f"<p>&nbsp;<div><<<script type=application/ld+json>{json.dumps(EVENT)}</script><td",
        f'<script type="application/ld+json;charset=utf-8">{json.dumps(EVENT)}</script></p></div></html></html>',
        f'<?xml version="1.0" encoding="latin-1"?><html><script TYPE="APPLICATION/LD+JSON">{json.dumps(EVENT)}</script>',
        f'\x00<!-- <b> <script type="application/ld+json">--><script type="application/ld+json">{json.dumps(EVENT)}</script>',
    ],
)
def test_broken_html_still_gives_its_events(page: str) -> None:
    """Unclosed, misnested and mislabelled pages are read as browsers read them."""
    (found,) = read_structured_data(page, ORIGIN, URL, DAYS)
    assert isinstance(found, Sighting)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ("Fête “café”".encode(), "text/html; charset=utf-8"),
        ("Fête “café”".encode(), "text/html; charset=us-ascii"),
        ("Fête “café”".encode("cp1252"), "text/html; charset=utf-8"),
        ("Fête “café”".encode("cp1252"), "text/html; charset=nonsense"),
        ("Fête “café”".encode("utf-8-sig"), "text/html; charset=iso-8859-1"),
        ("Fête “café”".encode("utf-16"), ""),
        ('<meta charset="windows-1252">Fête “café”'.encode("cp1252"), "text/html"),
        ('<meta charset="utf-8">Fête “café”'.encode(), "text/html; charset=rot13"),
    ],
)
def test_wrong_charsets_do_not_matter(body: bytes, header: str) -> None:
    """Marks, headers, declarations and UTF-8 are tried until one fits."""
    assert decode(body, header).endswith("Fête “café”")


RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:ev="http://purl.org/rss/1.0/modules/event/"><channel><title>Hall</title>
<item><title>Salsa &amp; more</title><link>https://www.hall.example/salsa</link><guid>7</guid>
<description>&lt;p&gt;Come&lt;/p&gt;</description><category>salsa</category>
<ev:startdate>2026-03-06T20:00:00</ev:startdate><ev:enddate>2026-03-07T01:00:00</ev:enddate>
<ev:location>Hall, 1 Street</ev:location></item>
<item><title>News</title><link>/news</link><pubDate>Fri, 06 Mar 2026 20:00:00 GMT</pubDate></item>
<item><title>Broken</title><link>/x</link><ev:startdate>soon</ev:startdate></item>
</channel></rss>"""


def test_a_feed_gives_events_and_leads_to_pages() -> None:
    """Items with an event's date are sightings; the others are links, for their dates are those of the news."""
    findings, links = read_feed(RSS.encode(), ORIGIN, URL)
    event, bad = findings
    assert isinstance(event, Sighting)
    assert (event.name, event.description, event.location) == ("Salsa & more", "Come", "Hall, 1 Street")
    assert (event.start_time, event.end_date) == (time(20), date(2026, 3, 7))
    assert (event.url, event.dance_style) == ("https://www.hall.example/salsa", "salsa")
    assert isinstance(bad, Reject)
    assert links == ("https://www.hall.example/news",)


def test_atom_is_a_feed_and_html_is_not() -> None:
    """A page in place of a feed is the source's failure."""
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title><link href="/a"/></entry></feed>'
    assert read_feed(atom.encode(), ORIGIN, URL) == ([], ("https://www.hall.example/a",))
    with pytest.raises(SourceError, match="is not a feed"):
        read_feed(b"<html><body><p>Sign in</p></body></html>", ORIGIN, URL)


def test_a_page_leads_to_its_feeds_its_calendars_and_its_events() -> None:
    """Alternates, calendar links and embedded Google calendars, then event pages of the same site."""
    page = """<link rel="alternate" type="text/calendar" href="/all.ics">
    <link rel="alternate stylesheet" type="text/css" href="/style.css">
    <link rel=alternate type=application/rss+xml href="https://feeds.example/hall">
    <iframe src="https://calendar.google.com/calendar/embed?src=hall%40group.calendar.google.com&amp;src=b&ctz=X"></iframe>
    <iframe src="https://calendar.google.com/calendar/u/0/embed?cid=aGFsbEBleGFtcGxlLmNvbQ"></iframe>
    <iframe src="https://maps.example/embed?src=x"></iframe>
    <a href="webcal://hall.example/list?ical=1">subscribe</a>
    <a href="salsa#top">Salsa</a> <a href="/events/salsa">again</a> <a href="https://hall.example/events/b?x=1">B</a>
    <a href="/about">About</a> <a href="/events/flyer.PDF">Flyer</a> <a href="https://else.example/events/c">C</a>
    <a rel="nofollow" href="/events/d">D</a> <a href="javascript:alert(1)/events/">E</a> <a href="">F</a>
    <a href="mailto:events@hall.example">G</a> <a href="http://[::1/events/">H</a> <a>I</a>"""
    assert links_of(page, URL, ("event",)) == (
        "https://www.hall.example/all.ics",
        "https://feeds.example/hall",
        "https://hall.example/list?ical=1",
        "https://calendar.google.com/calendar/ical/hall%40group.calendar.google.com/public/basic.ics",
        "https://calendar.google.com/calendar/ical/b/public/basic.ics",
        "https://calendar.google.com/calendar/ical/hall%40example.com/public/basic.ics",
        "https://www.hall.example/events/salsa",
        "https://hall.example/events/b?x=1",
    )
