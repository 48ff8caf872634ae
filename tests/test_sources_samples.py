"""The shipped samples give the later stages something of everything, whatever the day."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from app.pipeline.event import Finding, Unchanged
from tests.sources_memory import DictionaryMemory, collected, rejects, sightings

SAMPLES = Path(__file__).parent.parent / "samples" / "sources.toml"
NOW = date(2026, 11, 22)


def everything(findings: dict[str, list[Finding]]) -> list[Finding]:
    """All findings of all sources."""
    return [finding for of_source in findings.values() for finding in of_source]


@pytest.mark.parametrize("today", [NOW, NOW + timedelta(days=400), NOW + timedelta(days=3_000)])
def test_samples_stay_useful(today: date) -> None:
    """On any day there are weekly events to come, the same one in two sources, a foreign, an irrelevant one."""
    found = collected(SAMPLES, today=today)
    coming = [one for one in sightings(everything(found)) if one.start_date >= today]
    fridays = {
        (one.source, one.start_date)
        for one in coming
        if "Salsa Social" in one.name and one.start_date.strftime("%a") == "Fri"
    }
    studio = {day for source, day in fridays if source == "Studio Alegria"}
    community = {day for source, day in fridays if source == "Community calendar"}
    assert len(studio & community) > 10
    assert any("Seattle" in one.location for one in coming)
    assert any("yoga" in one.name for one in coming)
    assert any(one.cancelled for one in coming)
    assert any(one.start_date < today for one in sightings(everything(found)))


def test_samples_have_rejects_that_say_where_and_why() -> None:
    """Bad rows are reported with file, line, reason and text."""
    bad = {(one.place, one.line): one for one in rejects(everything(collected(SAMPLES, today=NOW)))}
    assert bad["team-events.csv", 11].reason == "'sometime in March' is not a date"
    assert "Blues Fusion House Party" in bad["team-events.csv", 11].raw
    assert bad["team-events.csv", 12].reason == "no name"
    assert bad["community.ics", None].reason == "repeats minutely, which no event does"
    assert "invalid JSON-LD" in next(one.reason for one in bad.values() if one.place.endswith("swing.html"))


def test_reading_the_samples_again_finds_them_unchanged() -> None:
    """On the same day a second collection reads nothing anew; the next day only the calendars."""
    memory = DictionaryMemory()
    first = collected(SAMPLES, memory, today=NOW)
    again = everything(collected(SAMPLES, memory, today=NOW))
    assert {finding.place for finding in everything(first)} == {finding.place for finding in again}
    assert all(isinstance(finding, Unchanged) for finding in again)
    tomorrow = collected(SAMPLES, memory, today=NOW + timedelta(days=1))
    assert sightings(tomorrow["Studio Alegria"])
    assert not sightings(tomorrow["Team export"])
