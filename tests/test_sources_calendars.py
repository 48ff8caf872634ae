"""iCalendar: occurrences in the window, with exceptions, zones and ends as RFC 5545 means them."""

from datetime import date, time

import pytest

from app.pipeline.event import Reject, Sighting
from app.pipeline.sources.failures import SourceError
from app.pipeline.sources.formats.calendar import MOST_OCCURRENCES, read_calendar
from app.pipeline.sources.formats.origin import Origin

ORIGIN = Origin(source="studio", kind="icalendar", place="studio.ics", time_zone="America/Toronto")
HERE = """BEGIN:VTIMEZONE
TZID:Here
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:-0330
TZOFFSETTO:-0330
END:STANDARD
END:VTIMEZONE"""
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


def read(*events: str, head: str = "", first: date = FIRST, last: date = LAST) -> list[Sighting | Reject]:
    """The findings of a calendar with these events, each given as its lines."""
    body = "\n".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}\n{body}\nEND:VCALENDAR\n"
    return list(read_calendar(text.replace("\n\n", "\n").replace("\n", "\r\n"), ORIGIN, first, last))


def one(*events: str, head: str = "") -> Sighting:
    """The only finding, a sighting."""
    (finding,) = read(*events, head=head)
    assert isinstance(finding, Sighting)
    return finding


def test_a_weekly_event_comes_on_each_of_its_days() -> None:
    """A rule without end is written out for the window, less exceptions, plus additions."""
    found = read(
        "UID:a\nSUMMARY:Salsa\nDTSTART;TZID=America/Vancouver:20200103T200000\nRRULE:FREQ=WEEKLY;BYDAY=FR\n"
        "EXDATE;TZID=America/Vancouver:20260313T200000\nRDATE;TZID=America/Vancouver:20260310T200000"
    )
    days = [finding.start_date.day for finding in found if isinstance(finding, Sighting)]
    assert days == [6, 10, 20, 27]
    assert len({finding.reference for finding in found if isinstance(finding, Sighting)}) == 4


def test_a_moved_occurrence_keeps_its_reference() -> None:
    """RECURRENCE-ID identifies an occurrence, wherever it was moved."""
    rule = "UID:a\nSUMMARY:Salsa\nDTSTART:20260306T200000\nRRULE:FREQ=WEEKLY;COUNT=3"
    moved = "UID:a\nSUMMARY:Salsa on Saturday\nRECURRENCE-ID:20260313T200000\nDTSTART:20260314T190000"
    before = {finding.reference for finding in read(rule) if isinstance(finding, Sighting)}
    after = {f.reference: f for f in read(rule, moved) if isinstance(f, Sighting)}
    assert set(after) == before
    assert [(f.start_date.day, f.name) for f in after.values()] == [
        (6, "Salsa"),
        (14, "Salsa on Saturday"),
        (20, "Salsa"),
    ]


def test_a_single_event_keeps_its_reference_when_it_moves() -> None:
    """Without a rule the UID alone is the reference."""
    first, second = (one(f"UID:a\nSUMMARY:x\nDTSTART:202603{day}T200000") for day in ("06", "07"))
    assert first.reference == second.reference == "a"


def test_daylight_saving_does_not_move_the_wall_clock() -> None:
    """An event at eight stays at eight when the clocks change (in Vancouver on 8 March 2026)."""
    found = read(
        "UID:a\nSUMMARY:x\nDTSTART;TZID=America/Vancouver:20260306T200000\nRRULE:FREQ=WEEKLY;COUNT=2"
    )
    assert {(f.start_time, f.time_zone) for f in found if isinstance(f, Sighting)} == {
        (time(20), "America/Vancouver")
    }


@pytest.mark.parametrize(
    ("start", "head", "zone"),
    [
        (":20260306T200000Z", "", "UTC"),
        (":20260306T200000", "", "America/Toronto"),
        (";TZID=/vendor.example/2026/America/Vancouver:20260306T200000", "", "America/Vancouver"),
        (":20260306T200000", "X-WR-TIMEZONE:America/Vancouver", "America/Vancouver"),
        (";TZID=Pacific Standard Time:20260306T200000", "", "America/Los_Angeles"),
        (";TZID=Mars/Olympus:20260306T200000", "", "Mars/Olympus"),
        (";TZID=Mars/Olympus:20260306T200000", "X-WR-TIMEZONE:America/Vancouver", "America/Vancouver"),
        (";TZID=America:20260306T200000", "X-WR-TIMEZONE:America/Vancouver", "America/Vancouver"),
        (f";TZID={'Ä' * 200}:20260306T200000", "X-WR-TIMEZONE:America/Vancouver", "America/Vancouver"),
        (
            ";TZID=Here:20260306T200000",
            HERE,
            "-03:30",
        ),
    ],
)
def test_zones_are_named_as_well_as_they_can_be(start: str, head: str, zone: str) -> None:
    """IANA names, UTC, offsets that the calendar defines, else the calendar's or the source's zone."""
    found = one(f"UID:a\nSUMMARY:x\nDTSTART{start}", head=head)
    assert (found.start_date, found.start_time, found.time_zone) == (date(2026, 3, 6), time(20), zone)


def test_calendars_do_not_lend_each_other_their_zones() -> None:
    """Two calendars that define different zones under one name each mean their own, one without none."""
    lines = "UID:a\nSUMMARY:x\nDTSTART;TZID=Here:20260306T200000"
    there = HERE.replace("-0330", "+0545")
    assert [one(lines, head=head).time_zone for head in (HERE, there, "")] == ["-03:30", "+05:45", "Here"]


def test_an_unknown_zone_that_was_guessed_is_noted() -> None:
    """Reading another zone than the one named is an interpretation, so the sighting says it."""
    found = one(
        "UID:a\nSUMMARY:x\nDTSTART;TZID=Mars/Olympus:20260306T200000", head="X-WR-TIMEZONE:America/Vancouver"
    )
    assert found.notes == ("unknown time zone Mars/Olympus read as America/Vancouver",)


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ("DTSTART:20260306T200000\nDTEND:20260307T003000", (date(2026, 3, 7), time(0, 30))),
        ("DTSTART:20260306T200000\nDURATION:PT3H", (date(2026, 3, 6), time(23))),
        ("DTSTART:20260306T200000", (None, None)),
        ("DTSTART;VALUE=DATE:20260306\nDTEND;VALUE=DATE:20260309", (date(2026, 3, 8), None)),
        (
            "DTSTART;TZID=America/Vancouver:20260306T200000\nDTEND:20260307T060000Z",
            (date(2026, 3, 6), time(22)),
        ),
    ],
)
def test_ends_are_on_the_starts_wall_clock(lines: str, end: tuple[date | None, time | None]) -> None:
    """DTEND, DURATION or nothing; whole days end with the day before DTEND."""
    found = one(f"UID:a\nSUMMARY:x\n{lines}")
    assert (found.end_date, found.end_time) == end


def test_everything_that_is_said_arrives() -> None:
    """Texts are unescaped and unfolded, and become plain."""
    found = one(
        "UID:a\nSUMMARY:Salsa\\, bachata &amp; more\nDTSTART:20260306T200000\n"
        "DESCRIPTION:<p>First\\nline</p> of\n  two\nLOCATION:Hall\\, 1 Street\nGEO:48.4;-123.3\n"
        "CATEGORIES:salsa,bachata\nCATEGORIES:social\nORGANIZER;CN=Studio:mailto:a@studio.example\n"
        "URL:https://studio.example/a\nSTATUS:CANCELLED\nLAST-MODIFIED:20260102T030405Z"
    )
    assert found.name == "Salsa, bachata & more"
    assert found.description == "First\nline\nof two"
    assert (found.location, found.latitude, found.longitude) == ("Hall, 1 Street", 48.4, -123.3)
    assert (found.dance_style, found.organiser) == ("salsa, bachata, social", "Studio")
    assert (found.url, found.cancelled) == ("https://studio.example/a", True)
    assert found.updated == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("SUMMARY:x", "no DTSTART"),
        ("SUMMARY:x\nDTSTART:tomorrow", "DTSTART: Wrong date format tomorrow"),
        ("DTSTART:20260306T200000", "no name"),
        (
            "SUMMARY:x\nDTSTART:20260306T200000\nRRULE:FREQ=SOMETIMES",
            "RRULE: Expected frequency, got: SOMETIMES",
        ),
        ("SUMMARY:x\nDTSTART:20260306T200000\nRRULE:FREQ=SECONDLY", "repeats secondly, which no event does"),
        ("SUMMARY:x\nDTSTART:16010101T000000\nRRULE:FREQ=DAILY", "repeats since 1601"),
        ("SUMMARY:x\nDTSTART:20260306T200000\nRRULE:FREQ=DAILY;INTERVAL=0", "repeats every 0 times"),
        (
            "SUMMARY:x\nDTSTART:20260306T200000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "repeats on day 30 of month 2, which never comes",
        ),
        (
            "SUMMARY:x\nDTSTART:20260306T200000\nDTEND:02600307T003000\nRRULE:FREQ=DAILY",
            "repeats and ends -645017 days after it begins",
        ),
        (
            "SUMMARY:x\nDTSTART:20260306T200000\nDURATION:P999W\nRRULE:FREQ=DAILY",
            "repeats and ends 6993 days after it begins",
        ),
        (
            "DTSTART:20260306\nRRULE:FREQ=DAILY\nEND:VEVENT\nBEGIN:VEVENT\nUID:bad\nDTSTART:20260306\nRECURRENCE-ID;RANGE=THISANDFUTURE:99990306",
            "is moved by -2912078 days with all",
        ),
    ],
)
def test_an_event_that_makes_no_sense_is_a_reject_and_the_others_stay(lines: str, reason: str) -> None:
    """One bad event is reported with its text; its neighbours are read."""
    bad, good = read(f"UID:bad\n{lines}", "UID:good\nSUMMARY:Salsa\nDTSTART:20260306T200000")
    assert isinstance(bad, Reject)
    assert reason in bad.reason
    assert "UID:bad" in bad.raw
    assert isinstance(good, Sighting)


def test_an_event_that_cannot_be_written_again_is_a_reject_and_the_others_stay() -> None:
    r"""A rule whose part is called `\N` is read as a line break, which icalendar then refuses to write."""
    bad, good = read(
        "UID:bad\nSUMMARY:x\nDTSTART:20260306T200000\nRRULE:FREQ=WEEKLY;\\N=1",
        "UID:good\nSUMMARY:Salsa\nDTSTART:20260306T200000",
    )
    assert isinstance(bad, Reject)
    assert "bad" in bad.raw
    assert isinstance(good, Sighting)


def test_a_malformed_detail_costs_only_the_detail() -> None:
    """A property that an event can do without is left out with a note."""
    found = one("UID:a\nSUMMARY:x\nDTSTART:20260306T200000\nGEO:somewhere\nLAST-MODIFIED:yesterday")
    assert found.latitude is None
    assert set(found.notes) == {"GEO is malformed", "LAST-MODIFIED is malformed"}


def test_too_many_occurrences_are_cut_with_a_reject() -> None:
    """One event cannot fill the database."""
    hours = ",".join(map(str, range(24)))
    found = read(
        f"UID:a\nSUMMARY:x\nDTSTART:20260301T000000\nRRULE:FREQ=DAILY;BYHOUR={hours}", last=date(2026, 6, 30)
    )
    assert len([f for f in found if isinstance(f, Sighting)]) == MOST_OCCURRENCES
    assert isinstance(found[-1], Reject)


def test_events_that_share_a_uid_are_all_read() -> None:
    """Occurrences that a program wrote as events of their own stay apart; one that says the same is reported."""
    first, second = ("UID:a\nSUMMARY:x\nDTSTART:20260306T200000", "UID:a\nSUMMARY:x\nDTSTART:20260313T200000")
    found = read(first, second, first)
    assert [f.start_date.day for f in found if isinstance(f, Sighting)] == [6, 13]
    assert [f.reason for f in found if isinstance(f, Reject)] == [
        "the same event as before: a/20260306T200000"
    ]


@pytest.mark.parametrize(
    "text", ["", "<html>Sign in</html>", "BEGIN:VEVENT\r\nEND:VEVENT\r\n", "BEGIN:VCALENDAR\r\n"]
)
def test_what_is_no_calendar_fails_as_a_whole(text: str) -> None:
    """A sign-in page in place of a calendar is the source's failure and not an empty calendar."""
    with pytest.raises(SourceError, match=r"Source studio: studio\.ics is not an iCalendar"):
        list(read_calendar(text, ORIGIN, FIRST, LAST))
