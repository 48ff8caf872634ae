"""Matching: what of a name, a place and a link tells whether two listings are one event."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.draft import Venue
from app.pipeline.matching import Verdict, compare
from app.pipeline.naming import name_of
from app.pipeline.pages import is_one_event, page_of
from app.pipeline.whereabouts import Nearness, nearness
from benchmarks.duplicates import found_same, pairs
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
    assert (name.is_lesson, name.numbers, name.rooms, name.asides, name.styles, name.lasting) is not None


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
    for pair in (*pairs("duplicates"), *pairs("heldout")):
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
