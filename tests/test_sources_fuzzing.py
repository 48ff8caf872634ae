"""No input breaks a parser: any bytes end in findings or in the typed error, never in another traceback."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.formats import eventbrite_api, graph_api
from app.pipeline.sources.formats.calendar import read_calendar
from app.pipeline.sources.formats.feed import read_feed
from app.pipeline.sources.formats.links import links_of
from app.pipeline.sources.formats.moments import read_moment, read_time
from app.pipeline.sources.formats.origin import Origin
from app.pipeline.sources.formats.schedule import Days
from app.pipeline.sources.formats.structured_data import read_structured_data
from app.pipeline.sources.formats.table import read_table
from app.pipeline.sources.formats.text import decode, one_line, plain

ORIGIN = Origin(source="studio", kind="fuzz", place="somewhere")
URL = "https://studio.example/events/"
FIRST = date(2026, 3, 1)
SAMPLES = Path(__file__).parent.parent / "samples"

Parser = Callable[[bytes], Iterable[Sighting | Reject]]


def _calendar(body: bytes) -> Iterable[Sighting | Reject]:
    return read_calendar(decode(body), ORIGIN, FIRST, FIRST + timedelta(days=40))


def _page(body: bytes) -> Iterable[Sighting | Reject]:
    links_of(decode(body), URL, ("event",))
    return read_structured_data(decode(body), ORIGIN, URL, Days(FIRST, FIRST + timedelta(days=40)))


PARSERS: dict[str, Parser] = {
    "table": lambda body: read_table(decode(body), ORIGIN),
    "calendar": _calendar,
    "page": _page,
    "feed": lambda body: read_feed(body, ORIGIN, URL)[0],
    "eventbrite": lambda body: eventbrite_api.read_events(body, ORIGIN)[0],
    "facebook": lambda body: graph_api.read_events(body, ORIGIN)[0],
}

FEED = b"""<?xml version="1.0"?><rss version="2.0" xmlns:ev="http://purl.org/rss/1.0/modules/event/"><channel>
<title>x</title><item><title>Salsa</title><link>https://studio.example/events/1</link>
<ev:startdate>2026-03-06T20:00</ev:startdate><ev:enddate>2026-03-07T01:00</ev:enddate></item></channel></rss>"""
CALENDAR = b"""BEGIN:VCALENDAR
VERSION:2.0
X-WR-TIMEZONE:America/Vancouver
BEGIN:VTIMEZONE
TZID:Here
BEGIN:STANDARD
DTSTART:20071104T020000
TZOFFSETFROM:-0700
TZOFFSETTO:-0800
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1
DTSTART;TZID=Here:20260306T200000
DTEND;TZID=Here:20260307T003000
RRULE:FREQ=WEEKLY;BYDAY=FR;UNTIL=20260401T000000Z
EXDATE;TZID=Here:20260313T200000
RDATE;TZID=Here:20260312T200000
SUMMARY:Salsa
GEO:48.4;-123.3
CATEGORIES:salsa,bachata
ORGANIZER;CN=Studio:mailto:hello@studio.example
LAST-MODIFIED:20260101T000000Z
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=Here:20260320T200000
DTSTART;VALUE=DATE:20260321
DURATION:P1D
SUMMARY:Moved
END:VEVENT
END:VCALENDAR
""".replace(b"\n", b"\r\n")
SCHEDULE = b"""<html><script type="application/ld+json">{"@type": "DanceEvent", "name": "Salsa", "startDate":
"2026-03-06T20:00-08:00", "endDate": "2026-03-07T01:00-08:00", "eventSchedule": [{"repeatFrequency": "P1W", "byDay":
["https://schema.org/Friday", "2SU"], "startDate": "2026-03-06", "endDate": "2026-06-01", "startTime": "20:00",
"endTime": "01:00", "repeatCount": 9, "exceptDate": "2026-03-13", "scheduleTimezone": "America/Vancouver", "byMonth":
[3, 4]}, {"repeatFrequency": "P1M", "byDay": "Saturday", "byMonthWeek": -1, "byMonthDay": 31, "duration": "PT2H"}]}
</script></html>"""
EVENTBRITE = b"""{"events": [{"id": "1", "name": {"text": "Salsa"}, "start": {"local": "2026-03-06T20:00:00",
"timezone": "America/Vancouver"}, "venue": {"address": {"latitude": "48.4", "longitude": "-123.3"}}}]}"""
FACEBOOK = b"""{"data": [{"id": "1", "name": "Salsa", "start_time": "2026-03-06T20:00:00-0800",
"place": {"name": "Hall", "location": {"latitude": 48.4, "longitude": -123.3}}}], "paging": {}}"""

SEEDS: dict[str, list[bytes]] = {
    "table": [(SAMPLES / "team-events.csv").read_bytes()],
    "calendar": [CALENDAR],
    "page": [SCHEDULE, *(path.read_bytes() for path in sorted((SAMPLES / "pages").iterdir()))],
    "feed": [FEED],
    "eventbrite": [EVENTBRITE],
    "facebook": [FACEBOOK],
}

FUZZED = {
    "table": 200_000,
    "calendar": 100_000,
    "page": 100_000,
    "feed": 100_000,
    "eventbrite": 500_000,
    "facebook": 500_000,
}
"""Runs of atheris: four minutes for the slowest, pages."""

NASTY = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\r",
        b'"',
        b"<",
        b"&",
        b"&#0;",
        b"\\ud800",
        b"\\u0000",
        b"99999999",
    ),
    *(b"-1", b"NaN", b"1e999", b"null", b"[[[[", b"{}", b"T240000", b";TZID=:", b"RRULE:FREQ=DAILY;COUNT=0"),
    *(
        b"BYDAY=+9MO",
        b"BYMONTHDAY=31",
        b"UNTIL=00010101",
        b"DURATION:-P9W",
        b"00000000T000000",
        b"99991231T235959",
    ),
    *(
        b"0001-01-01",
        b"9999-12-31",
        b"24:00",
        b"47:59",
        b"http://[",
        b"//",
        b"\xe2\x80\xa8",
        b"\n\n",
        b"END:VEVENT",
    ),
)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A good document of the format in which a few places were overwritten, cut or doubled."""
    document = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(document)))
        length = draw(st.integers(0, 40))
        middle = draw(
            st.sampled_from(NASTY) | st.binary(max_size=6) | st.just(bytes(document[start : start + length]))
        )
        document[start : start + draw(st.integers(0, length))] = middle
    return bytes(document)


def holds(parse: Parser, body: bytes) -> None:
    """Parse, and allow nothing but findings and the typed error."""
    try:
        findings = list(parse(body))
    except SourceError:
        return
    assert all(isinstance(finding, Sighting | Reject) for finding in findings)
    references = [finding.reference for finding in findings if isinstance(finding, Sighting)]
    assert len(references) == len(set(references))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bytes_are_survived(name: str, data: st.DataObject) -> None:
    """Bytes that are no document at all."""
    holds(PARSERS[name], data.draw(st.binary(max_size=300)))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_damage_is_survived(name: str, data: st.DataObject) -> None:
    """Documents that were good before somebody broke them."""
    holds(PARSERS[name], data.draw(mutated(name)))


@pytest.mark.deep
@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=5_000, deadline=None)
@given(data=st.data())
def test_any_damage_is_survived_for_long(name: str, data: st.DataObject) -> None:
    """The same with five thousand documents of each format."""
    holds(PARSERS[name], data.draw(mutated(name)))


@pytest.mark.deep
@pytest.mark.parametrize("name", PARSERS)
def test_what_coverage_leads_to_is_survived(name: str, tmp_path: Path) -> None:
    """Atheris looks for inputs that reach new branches, from the good documents and another seed on each time."""
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(seed)
    words = tmp_path / "words"
    escaped = ("".join(map(r"\x{:02x}".format, word)) for word in NASTY)
    words.write_text("".join(map('"{}"\n'.format, escaped)))
    limits = (f"-runs={FUZZED[name]}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=3000")
    command = (
        sys.executable,
        "-m",
        "tests.fuzzed",
        name,
        *limits,
        f"-dict={words}",
        f"-artifact_prefix={tmp_path}/",
    )
    done = subprocess.run((*command, corpus), capture_output=True, text=True, check=False)
    broken = [path.read_bytes() for path in tmp_path.iterdir() if path.name.partition("-")[1]]
    assert (done.returncode, broken) == (0, []), done.stderr[-3_000:]
    assert f"Done {FUZZED[name]} runs" in done.stderr


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2026-03-06", "#a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@id", "@type", "@value", "name", "text", "address", "geo", "price"]), inner
        )
    ),
    max_leaves=12,
)
FIELDS = (
    *(
        "@id",
        "name",
        "startDate",
        "endDate",
        "location",
        "offers",
        "organizer",
        "eventStatus",
        "url",
        "keywords",
    ),
    *("start", "end", "venue", "ticket_availability", "id", "start_time", "end_time", "place", "event_times"),
)


@settings(max_examples=150, deadline=None)
@given(
    event=st.dictionaries(st.sampled_from(FIELDS), JSON),
    start=st.sampled_from(["2026-03-06T20:00-08:00", ""]),
)
def test_any_json_is_survived(event: dict[str, object], start: str) -> None:
    """Events whose fields hold whatever JSON can say, in each format that is JSON."""
    for told in (event, event | {"name": "Salsa", "startDate": start, "start_time": start, "id": "1"}):
        script = json.dumps(told | {"@type": "DanceEvent"}).replace("</", "<\\/")
        holds(_page, f'<script type="application/ld+json">{script}</script>'.encode())
        holds(PARSERS["eventbrite"], json.dumps({"events": [told]}).encode())
        holds(PARSERS["facebook"], json.dumps({"data": [told]}).encode())


@pytest.mark.parametrize("depth", [100, 900, 5_000, 200_000])
def test_bottomless_nesting_is_survived(depth: int) -> None:
    """Documents that nest deeper than Python's stack."""
    for deep in ("[" * depth, "[" * depth + "]" * depth, '{"location":' * depth + "1" + "}" * depth):
        script = f'{{"@type": "Event", "name": "x", "startDate": "2026-03-06", "offers": {deep}}}'
        holds(_page, f'<script type="application/ld+json">{script}</script>'.encode())
        holds(PARSERS["eventbrite"], f'{{"events": [{script}]}}'.encode())
        holds(PARSERS["facebook"], f'{{"data": [{script}]}}'.encode())
    holds(_page, b"<div itemscope itemprop=a>" * depth)
    holds(PARSERS["feed"], b"<rss><channel>" + b"<item>" * min(depth, 5_000))
    holds(_calendar, b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * min(depth, 5_000))


RULE_PARTS = st.fixed_dictionaries(
    {
        "FREQ": st.sampled_from(
            ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY", "NEVER"]
        )
    },
    optional={
        "INTERVAL": st.sampled_from(["0", "1", "2", "13", "-1", "999999"]),
        "COUNT": st.sampled_from(["0", "1", "10", "-3", "1000000"]),
        "UNTIL": st.sampled_from(["20260401", "20260401T000000Z", "19000101", "99991231T235959Z"]),
        "BYDAY": st.sampled_from(["FR", "1FR", "-1SU", "+9MO", "MO,TU,WE,TH,FR,SA,SU", "XX"]),
        "BYMONTH": st.sampled_from(["1", "2", "2,3", "13"]),
        "BYMONTHDAY": st.sampled_from(["1", "30", "31", "-1", "-31", "0"]),
        "BYYEARDAY": st.sampled_from(["1", "366", "-366"]),
        "BYWEEKNO": st.sampled_from(["1", "53", "-53"]),
        "BYHOUR": st.sampled_from(["20", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"]),
        "BYSECOND": st.sampled_from(["0", ",".join(map(str, range(60)))]),
        "BYSETPOS": st.sampled_from(["1", "-1", "366"]),
        "WKST": st.sampled_from(["MO", "SU"]),
    },
)
STARTS = (
    *(":20260306T200000", ":20260306T200000Z", ";VALUE=DATE:20260306", ";TZID=Mars/Olympus:20260306T200000"),
    *(":00010101T000000", ":99991231T235959", ":19700101T000000Z"),
)


@settings(max_examples=150, deadline=None)
@given(rule=RULE_PARTS, start=st.sampled_from(STARTS))
def test_any_recurrence_is_survived(rule: dict[str, str], start: str) -> None:
    """Endless, impossible, contradictory and ancient rules."""
    said = ";".join(f"{name}={value}" for name, value in rule.items())
    event = f"BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:x\r\nDTSTART{start}\r\nRRULE:{said}\r\nEND:VEVENT\r\n"
    holds(_calendar, f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}END:VCALENDAR\r\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        # Found by atheris: dateutil divides what it takes for minutes, and decimal gives up.
        "2026-03-06T20:03333333333333333333333333333333333300CCCC-08:00",
        "12:" + "3" * 60,
    ],
)
def test_a_text_that_once_broke_a_reader_is_refused(text: str) -> None:
    """Kept from fuzzing."""
    with pytest.raises(ValueError, match="is not a date"):
        read_moment(text)


@given(st.text())
def test_any_date_is_read_or_refused(text: str) -> None:
    """A text is a moment, or a ValueError."""
    for read in (read_moment, read_time):
        with contextlib.suppress(ValueError):
            assert read(text)


@given(st.binary(), st.text(max_size=40))
def test_any_bytes_are_text(body: bytes, content_type: str) -> None:
    """Whatever a header claims, bytes decode, and the text becomes plain."""
    text = decode(body, f"text/html; charset={content_type}")
    assert "\n" not in one_line(text)
    assert plain(text) == plain(text).strip()
