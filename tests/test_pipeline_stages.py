"""The stages one by one: what times, places, prices, styles and links mean, and which rules drop an event."""

import inspect
import pkgutil
import re
from datetime import UTC, date, time
from decimal import Decimal
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline import stages
from app.pipeline.clock import settle
from app.pipeline.draft import Draft
from app.pipeline.event import Sighting
from app.pipeline.links import canonical
from app.pipeline.money import price_of
from app.pipeline.run import STAGES
from app.pipeline.seen import Seen
from app.pipeline.stage import Stage
from app.pipeline.stages.clean_up import rules_at
from app.pipeline.stages.normalise import drafts_of
from app.pipeline.stages.relevance import decide
from app.pipeline.styles import dance_styles, event_type
from app.pipeline.text import clean_line, fold
from tests.sightings import NOW, sighting

HOME = ZoneInfo("America/Vancouver")


def draft(name: str = "Salsa Social", **fields: Any) -> Draft:
    """The draft of one sighting."""
    (made,) = drafts_of([Seen("1", "1", NOW, live=True, said=sighting(name, **fields))])
    return made


def test_every_stage_is_a_module_with_one_public_function_run() -> None:
    """The contract that makes a new stage one file and one line: `run(work, context)`, and every file is listed."""
    modules = [
        import_module(f"app.pipeline.stages.{found.name}") for found in pkgutil.iter_modules(stages.__path__)
    ]
    expected = list(inspect.signature(Stage.__call__).parameters)[1:]
    assert {module.run for module in modules} == set(STAGES.values())
    for module in modules:
        assert list(inspect.signature(module.run).parameters) == expected
        assert module.__doc__


@pytest.mark.parametrize(
    ("fields", "starts", "ends", "note"),
    [
        ({}, "2026-06-06T03:00", None, ""),
        ({"end_time": time(23)}, "2026-06-06T03:00", "2026-06-06T06:00", ""),
        ({"end_time": time(1, 30)}, "2026-06-06T03:00", "2026-06-06T08:30", "past midnight"),
        ({"time_zone": "UTC"}, "2026-06-05T20:00", None, ""),
        ({"time_zone": "-04:00"}, "2026-06-06T00:00", None, ""),
        ({"time_zone": "Pacific Standard Time"}, "2026-06-06T03:00", None, ""),
        ({"time_zone": "Mars/Base"}, "2026-06-06T03:00", None, "'Mars/Base' is unknown"),
        ({"weekday": "Friday"}, "2026-06-06T03:00", None, ""),
        ({"weekday": "samedi"}, "2026-06-06T03:00", None, "the date wins"),
        ({"start_date": date(2026, 3, 8), "start_time": time(2, 30)}, "2026-03-08T10:30", None, "skipped"),
        ({"start_date": date(2026, 11, 1), "start_time": time(1, 30)}, "2026-11-01T08:30", None, "twice"),
        ({"start_time": None}, "2026-06-05T07:00", None, ""),
        ({"end_date": date(2026, 8, 5), "end_time": time(22)}, "2026-06-06T03:00", None, "cannot be"),
        ({"end_date": date(2026, 6, 1), "end_time": time(22)}, "2026-06-06T03:00", None, "cannot be"),
    ],
)
def test_times_mean_instants(fields: dict[str, Any], starts: str, ends: str | None, note: str) -> None:
    """Zones, the venue's zone, past midnight, weekdays, the hour that is skipped and the one that comes twice."""
    when = settle(sighting(**fields), "America/Vancouver")
    assert f"{when.starts_at.astimezone(UTC):%Y-%m-%dT%H:%M}" == starts
    assert (when.ends_at and f"{when.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M}") == ends
    assert note in " ".join(when.notes)
    assert bool(when.notes) == bool(note)


@given(
    day=st.dates(date(2000, 1, 3), date(2099, 11, 29)), clock=st.times(),
    said=st.sampled_from([None, "UTC", "America/Toronto", "Europe/Paris", "-03:30", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_the_local_fields_are_the_instant_on_the_venues_wall_clock(
    day: date, clock: time, said: str | None
) -> None:
    """Whatever zone a source speaks in, instant and wall clock agree."""
    when = settle(sighting(start_date=day, start_time=clock, time_zone=said), "America/Vancouver")
    local = when.starts_at.astimezone(HOME)
    assert (local.date(), local.time()) == (when.start_date, when.start_time)
    if said is None and not when.notes:
        assert (when.start_date, when.start_time) == (day, clock)


def test_a_date_that_cannot_be_is_dropped_with_the_reason() -> None:
    """The year 1999 is a mistake of the source."""
    impossible = draft(start_date=date(1999, 12, 31))
    assert impossible.rule == "impossible date"
    assert "1999-12-31" in impossible.reason


@pytest.mark.parametrize(
    ("text", "low", "high", "currency", "is_free"),
    [
        ("$15", 15, 15, "CAD", False),
        ("$25 advance / $30 door", 25, 30, "CAD", False),
        ("10 - 20", 10, 20, "CAD", False),
        ("US$12.50", "12.50", "12.50", "USD", False),
        ("12,50 €", "12.50", "12.50", "EUR", False),
        ("Free", 0, 0, "CAD", True),
        ("Entrada libre", 0, 0, "CAD", True),
        ("Free before 9, $10 after", 0, 10, "CAD", False),
        ("$1,200", 1200, 1200, "CAD", False),
        ("15 at the door, 8 pm", None, None, None, None),
        ("19+ only", None, None, None, None),
        ("Feel free to drop in", None, None, None, None),
        ("by donation", None, None, None, None),
        ("", None, None, None, None),
    ],
)
def test_prices_are_read(
    text: str,
    low: object,
    high: object,
    currency: str | None,
    is_free: bool | None,  # noqa: FBT001 - parametrized
) -> None:
    """Amounts, ranges, currencies, free; times, ages and turns of phrase are no amounts."""
    price = price_of(text)
    expected = [None if amount is None else Decimal(str(amount)) for amount in (low, high)]
    assert [price.low, price.high] == expected
    assert (price.currency, price.is_free, price.text) == (currency, is_free, text)


@pytest.mark.parametrize(
    ("said", "name", "description", "expected"),
    [
        ("Salsa, BACHATA", "", "", ("bachata", "salsa")),
        ("", "Bachatango & cuban salsa", "", ("bachata", "salsa")),
        ("", "WCS Social", "", ("west coast swing",)),
        ("", "Ladies night", "We dance forró and zouk.", ("forro", "zouk")),
        ("", "Lindyhop", "salsa", ("lindy hop",)),
        ("other", "Evening", "", ()),
    ],
)
def test_styles_are_a_vocabulary(said: str, name: str, description: str, expected: tuple[str, ...]) -> None:
    """What the source calls them comes before the name, the name before the description."""
    assert dance_styles(said, name, description) == expected


@pytest.mark.parametrize(
    ("said", "name", "expected"),
    [("", "Salsa Class", "class"), ("social dance, live music", "", "social dance"), ("", "Milonga", "social dance"),
     ("DanceEvent", "Bootcamp", "social dance"), ("", "Taller de tango", "workshop"), ("", "Evening", "other")],
)  # fmt: skip
def test_kinds_of_event_are_a_vocabulary(said: str, name: str, expected: str) -> None:
    """One kind for each event."""
    assert event_type(said, name) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Swans Pub", "Swans Hotel, 506 Pandora Ave, Victoria"),
        (
            "Russian Hall, 600 Campbell Avenue, Vancouver, BC V6A 3K1",
            "600 Campbell Ave., Vancouver, British Columbia",
        ),
        ("ANZA Club, #3 West 8th Avenue, Vancouver, BC", "Anza Club, Vancouver, BC"),
        (
            "Dance Loft, Unit 2 - 77 Hastings Street, Vancouver BC",
            "Dance Loft, 77 Hastings St, Vancouver, BC, Canada",
        ),
        ("Café Olé, 12 Dock St, Victoria, BC", "CAFE OLE - 12 Dock Street, Victoria BC"),
    ],
)
def test_several_texts_mean_one_venue(one: str, other: str) -> None:
    """Aliases, street normalisation, units, accents, a name alone: the same venue in either order."""
    says = [sighting(location=text, reference=text) for text in (one, other)]
    for order in (says, says[::-1]):
        drafts = drafts_of(Seen(said.reference, "", NOW, live=True, said=said) for said in order)
        assert len({made.venue and made.venue.key for made in drafts}) == 1
        assert drafts[0].venue is not None


def test_a_venues_address_is_what_the_sources_say() -> None:
    """The data file fills gaps and joins names; where it is out of date it changes neither address nor duplicates."""
    says = [
        sighting(location=text, reference=text)
        for text in ("Swans Pub", "Swans Hotel, 1 Elsewhere St, Victoria")
    ]
    drafts = drafts_of(Seen(said.reference, "", NOW, live=True, said=said) for said in says)
    assert {made.venue and made.venue.street for made in drafts} == {"1 Elsewhere St"}
    (alone,) = drafts_of([Seen("one", "", NOW, live=True, said=says[0])])
    assert alone.venue is not None
    assert (alone.venue.street, alone.venue.postal_code) == ("506 Pandora Ave", None)


def test_a_city_tells_two_halls_of_one_name_apart() -> None:
    """The same street and number in two cities is two venues."""
    says = [
        sighting(location=f"Hall, 100 Main St, {city}, BC", reference=city)
        for city in ("Duncan", "Vancouver")
    ]
    drafts = drafts_of(Seen(said.reference, "", NOW, live=True, said=said) for said in says)
    assert len({made.venue and made.venue.key for made in drafts}) == 2


def test_an_address_is_taken_apart() -> None:
    """Name, street, city, province, postal code and country."""
    venue = draft(location="Lantern Ballroom, 868 E Broadway, Vancouver, BC v5t1y3, Canada").venue
    assert venue is not None
    assert (venue.name, venue.street, venue.city) == ("Lantern Ballroom", "868 E Broadway", "Vancouver")
    assert (venue.region, venue.postal_code, venue.country) == ("BC", "V5T 1Y3", "CA")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://X.example/a/?utm_source=mail&id=7#top", "https://x.example/a/?id=7"),
        ("https://x.example/a/", "https://x.example/a"),
        ("https://x.example/", "https://x.example"),
        ("www.x.example/a", "https://www.x.example/a"),
        ("https://x.example/a?fbclid=1", "https://x.example/a"),
        ("https://x.example/a?b=2&a=1", "https://x.example/a?a=1&b=2"),
        ("mailto:a@x.example", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("see our page", None),
    ],
)
def test_links_have_one_form(url: str, expected: str | None) -> None:
    """Host, tracking, order of parameters, fragments; what is no page is none."""
    assert canonical(url) == expected


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"start_date": date(2026, 5, 20)}, "past"),
        ({"start_date": date(2026, 5, 20), "end_date": date(2026, 6, 3), "start_time": None}, None),
        ({"start_date": date(2027, 5, 20)}, "too far ahead"),
        ({"location": "Century Hall, Seattle, WA"}, "outside the region"),
        ({"location": "Somewhere"}, None),
        ({"location": "Luv-A-Fair, Vancouver, BC"}, "closed venue"),
        ({"url": "https://www.10times.com/x"}, "blocked domain"),
        ({"url": "https://not10times.com/x"}, None),
        ({}, None),
    ],
)
def test_the_rules_of_clean_up(fields: dict[str, Any], rule: str | None) -> None:
    """Each rule drops what it names and nothing beside it."""
    made = draft(**fields)
    assert next((one.name for one in rules_at(NOW) if one.applies(made)), None) == rule


@pytest.mark.parametrize(
    ("name", "relevant"),
    [("Salsa Social", True), ("Hatha Yoga", False), ("Pub Trivia", False), ("Kids Ballet", False),
     ("Milonga La Luna", True), ("Private Party: salsa", False), ("An Evening", None), ("Swing Gala", True)],
)  # fmt: skip
def test_relevance_by_vocabulary(name: str, relevant: bool | None) -> None:  # noqa: FBT001 - parametrized
    """What the words tell; None is what only a language model could."""
    rule = decide(draft(name, dance_style=""))
    assert (rule and rule.relevant) is relevant


@given(st.text(st.characters(max_codepoint=127)))
def test_folding_ascii_is_folding(text: str) -> None:
    """Keys of events are made of it, so its quick way gives what the words of a text give: `é` takes the other one."""
    assert (
        fold(text)
        == " ".join(re.findall("[a-z0-9]+", text.lower()))
        == fold(f"é {text}").removeprefix("e").lstrip()
    )


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_breaks_normalising(name: str, place: str, price: str, url: str) -> None:
    """Anything that a sighting can hold becomes a draft that the tables take."""
    said = Sighting(
        source="a", kind="csv", place="p", reference="1", name=f"x{name}"[:400], start_date=date(2026, 6, 5),
        start_time=time(20), location=place, price=price, url=url, description=name, time_zone=price or None,
        city=place, region=name, country=price, postal_code=url, weekday=name,
    )  # fmt: skip
    (made,) = drafts_of([Seen("1", "1", NOW, live=True, said=said)])
    assert made.name.strip()
    assert made.url is None or made.url.startswith(("http://", "https://"))
    assert made.price.low is None or Decimal(0) <= made.price.low <= (made.price.high or 0)
    assert made.venue is None or made.venue.name


@given(st.text())
def test_a_clean_line_is_one_line_without_what_cannot_be_seen(text: str) -> None:
    """One line, no invisible characters, no doubled spaces."""
    once = clean_line(text)
    assert "\n" not in once
    assert "  " not in once
    assert not any(ord(letter) < 32 for letter in once)
