"""Matching: what of a name, a place and a link tells whether two listings are one event."""

from dataclasses import replace
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.draft import Venue
from app.pipeline.matching import Verdict, compare
from app.pipeline.naming import name_of
from app.pipeline.pages import is_one_event, page_of
from app.pipeline.spelling import is_one_word
from app.pipeline.stages.deduplicate import group
from app.pipeline.timetable import timetable_of
from app.pipeline.vocabulary import load
from app.pipeline.whereabouts import Nearness, nearness
from app.pipeline.wording import is_moved
from benchmarks.duplicates import SETS, found_same, pairs
from tests.sightings import sighting
from tests.test_pipeline_duplicates import drafted


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("CANCELLED: Salsa in the Square", "salsa in the square"),
        ("Salsa Social \N{EN DASH} July 17", "salsa social"),
        ("Bachata Bash (Sat Aug 22, 9pm)", "bachata party saturday"),
        ("#TangoThursdays", "tango thursday"),
        ("Z O U K Night", "zouk night"),
        ("Dance Party 19+ $10", "dance party"),
        ("Postponed", "postponed"),
        ("Salsa L1 wk 3 of 6", "salsa level 1 week 3"),
        ("Mambo Class - 2 spots left for followers!", "mambo class"),
        ("Bal folk du samedi 18 juillet", "dance folk du saturday"),
        ("Tango en la playa", "tango en la beach"),
        ("Blues Bash (doors 7:30, lesson 8, dance 9)", "blues party"),
        ("Blues lesson 8pm", "blues class"),
        ("9:30 pm", "9 30 pm"),
    ],
)
def test_a_name_is_what_is_left_without_notices_dates_and_prices(written: str, text: str) -> None:
    """What the event's own fields say is no part of its name; a name of nothing else is kept."""
    assert name_of(written).text == text


@given(st.text(min_size=1, max_size=80))
def test_any_text_can_be_taken_apart(written: str) -> None:
    """No name breaks it, and its own words are among the telling ones."""
    name = name_of(written)
    assert name.own <= set(name.telling)
    assert name.compact == "".join(name.text.split())
    assert (name.is_lesson, name.numbers, name.rooms, name.asides, name.styles, name.hours) is not None
    assert set(name.lasting_text.split()) <= name.telling


@pytest.mark.parametrize(
    ("written", "is_lesson"),
    [
        ("Bachata Workshop", True),
        ("Swing Shift beginner lesson", True),
        ("Saturday Stomp with lesson at 6:30", False),
        ("Lindy Night + beginner class", False),
        ("Salsa Night", False),
    ],
)
def test_a_lesson_that_is_included_makes_no_lesson_of_an_evening(written: str, is_lesson: bool) -> None:  # noqa: FBT001 - a table's column
    """An evening with a lesson is the evening."""
    assert name_of(written).is_lesson is is_lesson


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("Orquesta Fuego (doors 8, show 9:30)", {480, 570}),
        ("Bal swing (portes 19h, orchestre 20h30)", {420, 510}),
        ("6:30pm lesson / 7:30pm dance", {390, 450}),
        ("Swing in the Park with a lesson at noon", {0}),
        ("Salsa Level 2", set()),
        ("Salsa Social", set()),
    ],
)
def test_the_hours_that_a_name_says_are_read(written: str, hours: set[int]) -> None:
    """In minutes after noon or midnight; a level is no hour."""
    assert timetable_of(written).hours == hours


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("society", "societies", True),
        ("kizomba", "kizombe", True),
        ("rumba", "zumba", False),
        ("lvl", "level", True),
        ("two", "2", True),
        ("roja", "rosa", False),
        ("leaders", "followers", False),
    ],
)
def test_one_word_is_known_in_other_spellings(one: str, other: str, is_one: bool) -> None:  # noqa: FBT001 - a table's column
    """Cut off, inflected, misspelled but for its first letter, or abbreviated."""
    assert is_one_word(one, other) is is_one
    assert is_one_word(other, one) is is_one


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (("Vancouver Zouk Congress Party", "20:00"), ("VZC Party", "20:00"), Verdict.SAME),
        (("Country Night: lesson and open dance", "19:00"), ("Country Night", "20:00"), Verdict.SAME),
        (("Country Night: lesson and open dance", "20:00"), ("Country Lesson", "19:00"), Verdict.DIFFERENT),
        (("Blues Bash", "20:00"), ("Blues Bash (doors 7:30, band 9)", "21:00"), Verdict.SAME),
        (("Ball of Kids", "20:00"), ("Ball", "20:00"), Verdict.DIFFERENT),
        (("Bachata for Followers", "20:00"), ("Bachata", "20:00"), Verdict.DIFFERENT),
        (("Intermediate Salsa", "20:00"), ("Salsa Social", "20:00"), Verdict.DIFFERENT),
        (("Salsa Cruise, boarding A", "20:00"), ("Salsa Cruise, boarding B", "20:00"), Verdict.DIFFERENT),
        (("Pirate Contra", "20:00"), ("Disco Contra", "20:00"), Verdict.UNSURE),
    ],
)
def test_what_two_names_say_at_one_place_decides(
    one: tuple[str, str], other: tuple[str, str], verdict: Verdict
) -> None:
    """Initials, timetables and what comes first join; for whom, what is taught and a letter tell apart."""
    left, right = drafted(
        sighting(name, reference=source, source=source, start_time=time.fromisoformat(hour))
        for (name, hour), source in ((one, "calendar"), (other, "export"))
    )
    assert compare(left, right).verdict is verdict
    assert compare(right, left).verdict is verdict


@pytest.mark.parametrize("said", load("matching")["moved"])
def test_every_notice_of_a_move_is_seen_before_a_name_is_taken_apart(said: str) -> None:
    """The quick look finds all that the long one does."""
    assert is_moved(f"Salsa Social: {said.upper()}!")
    assert name_of(f"Salsa Social: {said.upper()}!").is_moved


def test_a_name_that_says_it_moved_bridges_two_places_of_one_town() -> None:
    """Unless its name is so common that only a place makes it an event."""
    hall, park = "Moose Hall, 1200 Bay St, Victoria, BC", "Beacon Hill Park, Victoria, BC"
    for name, expected in (("Sapphire Swing", 1), ("Swing Dance", 2)):
        says = [
            sighting(name, reference="1", location=hall),
            sighting(f"{name} - NEW VENUE", reference="2", source="export", location=park),
        ]
        assert len(group(drafted(says))) == expected


def _venue(key: str, name: str, street: str | None = None, city: str | None = None) -> Venue:
    return Venue(key=key, name=name, street=street, city=city)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Guild Hall", "2150 East Pender Street", "Vancouver"), ("Guild Hall (2150 E. Pender)", None, None), "LIKELY"),
        (("Fiamo Italian Kitchen", "515 Yates St", "Victoria"), ("Fiamo", None, None), "LIKELY"),
        (("Dance Loft", "12 E 4th Ave", "Vancouver"), ("Dance Loft", "12 W 4th Ave", "Vancouver"), "ELSEWHERE"),
        (("Studio", "1030 Fort St", "Victoria"), ("Studio", "1300 Fort St", "Victoria"), "ELSEWHERE"),
        (("Vida Studio", "1030 Fort St", "Victoria"), ("Vida", "200-1030 Fort Street", "Saanich"), "LIKELY"),
        (("Legion Hall", None, "Sidney"), ("Legion Hall", None, "Duncan"), "APART"),
        (("Anza Club", None, None), ("3 W 8th Ave", "3 W 8th Ave", "Vancouver"), "OPEN"),
        (("Moose Hall", None, "Victoria"), ("Victoria", None, None), "OPEN"),
        (("Rotary Centre for the Arts", "421 Cawston Ave", "Kelowna"), ("RCA", None, "Kelowna"), "LIKELY"),
        (("Sidney Bowling & Community Hall", None, "Sidney"), ("Sidney Community Hall", None, None), "LIKELY"),
        (("Belgo", "372 rue Sainte-Catherine O.", "Montreal"), ("Belgo Building", "372 Ste-Catherine West", None), "LIKELY"),
        (("Salle X", "4416 boul. Saint-Laurent", "Montreal"), ("4416 St-Laurent", "4416 St-Laurent", None), "LIKELY"),
        (("Salle X", "2525 rue Jarry Est", "Montreal"), ("Salle X", "2525 rue Jarry Ouest", "Montreal"), "ELSEWHERE"),
        (("Place des Nations, Parc Drapeau", None, None), ("Parc Drapeau, Place des Nations", None, None), "LIKELY"),
        (("Kits Beach", None, "Vancouver"), ("Kitsilano Beach", None, None), "LIKELY"),
        (("Polish Hall", None, "Vancouver"), ("Russian Hall", None, "Vancouver"), "ELSEWHERE"),
    ],
)  # fmt: skip
def test_two_places_are_as_near_as_their_descriptions_tell(
    one: tuple[str, str | None, str | None], other: tuple[str, str | None, str | None], expected: str
) -> None:
    """An address decides where both have one, then the names; what says too little leaves it open."""
    venues = _venue("one", *one), _venue("other", *other)
    assert nearness(*venues) is Nearness[expected]
    assert nearness(*reversed(venues)) is Nearness[expected]
    assert nearness(venues[0], venues[0]) is Nearness.SAME


def test_no_pair_that_the_rules_join_is_kept_from_being_compared() -> None:
    """Blocking costs no duplicate: of the labelled pairs, those that compare as the same also end up in one group."""
    for pair in (pair for name in SETS for pair in pairs(name)):
        one, other = drafted([replace(pair.one, reference="1"), replace(pair.other, reference="2")])
        if one.start_date == other.start_date and compare(one, other).verdict is Verdict.SAME:
            assert found_same(pair), pair


@pytest.mark.parametrize(
    ("one", "other", "of_one_event"),
    [
        (
            "https://www.eventbrite.ca/e/casino-social-tickets-1100220033",
            "https://www.eventbrite.com/e/1100220033",
            True,
        ),
        ("https://m.facebook.com/events/7712009", "https://www.facebook.com/events/7712009/?x=1", True),
        ("http://hall.example/events/ball", "https://www.hall.example/events/ball", True),
        ("https://hall.example/events", "https://hall.example/events", False),
        ("https://hall.example", "http://www.hall.example", False),
    ],
)
def test_links_to_one_page_are_known(one: str, other: str, of_one_event: bool) -> None:  # noqa: FBT001 - a table's column
    """Whatever the scheme, the country and the words before a platform's number."""
    assert page_of(one) == page_of(other)
    assert is_one_event(page_of(one)) is of_one_event
