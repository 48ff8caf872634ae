"""What holds for any sightings: a second run changes nothing, order doesn't matter, nor in how many pieces."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database.handles import WritableDatabase
from app.pipeline.event import Sighting
from app.pipeline.run import STAGES
from tests.postgres import Servers, Trio
from tests.sightings import Saying, run_all, state, working

_WORDS = st.sampled_from(
    [
        "Salsa",
        "Bachata",
        "Night",
        "Noche",
        "Social",
        "Class",
        "Friday",
        "at",
        "Gala",
        "Room 1",
        "Room 2",
        "ballet",
        "é",
    ]
)
_PLACES = st.sampled_from(
    [
        "",
        "TBA",
        "Swans",
        "Swans Pub, Victoria, BC",
        "506 Pandora Ave, Victoria, BC V8W 1N6",
        "Hall, Seattle, WA",
        "\\N",
    ]
)
_ANYTHING = st.text(max_size=30)
_DAYS = st.sampled_from(
    [date(2026, 6, 5), date(2026, 6, 6), date(2026, 5, 1), date(2028, 1, 1), date(1999, 1, 1)]
)
_CLOCK = st.none() | st.sampled_from([time(20), time(20, 30), time(1), time(23, 59)])


@st.composite
def sightings(draw: Any) -> Sighting:
    """Sightings that collide often, and now and then hold anything."""
    name = " ".join(draw(st.lists(_WORDS, min_size=1, max_size=4)))
    return Sighting(
        source=draw(st.sampled_from(["a", "b", "c"])),
        kind="csv",
        place="x.csv",
        reference=str(draw(st.integers(0, 30))),
        name=draw(st.just(name) | _ANYTHING.map(lambda text: f"{name} {text}")),
        start_date=draw(_DAYS),
        start_time=draw(_CLOCK),
        end_date=draw(st.none() | _DAYS),
        end_time=draw(_CLOCK),
        time_zone=draw(st.sampled_from([None, "UTC", "-08:00", "Mars/Base", "America/Toronto"])),
        weekday=draw(st.sampled_from(["", "Friday", "lundi", "?"])),
        location=draw(_PLACES | _ANYTHING),
        price=draw(st.sampled_from(["", "$10", "free", "10 - 20", "€5,50"]) | _ANYTHING),
        url=draw(st.sampled_from(["", "https://x.example/1", "http://[::1", "ftp://x"]) | _ANYTHING),
        dance_style=draw(st.sampled_from(["", "salsa", "tango, waltz"])),
        description=draw(_ANYTHING),
        cancelled=draw(st.booleans()),
    )


def by_source(says: list[Sighting]) -> list[Saying]:
    """The sources that say it."""
    return [Saying(name, [said for said in says if said.source == name]) for name in ("a", "b", "c")]


@pytest.fixture(scope="module")
def shared(servers: Servers) -> Iterator[tuple[Trio, WritableDatabase]]:
    """One database for many examples."""
    with servers.trio(18) as trio, working(trio) as database:
        yield trio, database


def emptied(shared: tuple[Trio, WritableDatabase]) -> tuple[Trio, WritableDatabase]:
    """The database without a row of the pipeline."""
    with shared[1].write() as transaction, transaction.cursor() as cursor:
        cursor.execute(
            "DELETE FROM events; DELETE FROM venues; DELETE FROM provenance; DELETE FROM sightings"
        )
        cursor.execute("DELETE FROM rejects; DELETE FROM control.runs")
    return shared


_SAYS = st.lists(sightings(), max_size=15)
_SEEDS = st.integers(0, 2**32)
_CUTS = st.sets(st.sampled_from(list(STAGES)[:-1]))
_FIRST = st.lists(sightings(), min_size=1, max_size=10)
_LATER = st.lists(sightings(), max_size=5)
_BOUNDED = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_BOUNDED
@given(_SAYS)
def test_any_run_twice_changes_nothing(shared: tuple[Trio, WritableDatabase], says: list[Sighting]) -> None:
    """Again at once, and again with every stage forced to work: not a row differs."""
    trio, database = emptied(shared)
    run_all(database, *by_source(says))
    before = state(trio)
    run_all(database, *by_source(says))
    assert state(trio) == before
    forced = run_all(database, *by_source(says), first="normalise", days_later=0)
    assert state(trio) == before
    counts = forced.reports[-1].counts
    assert (counts["inserted"], counts["updated"], counts["deleted"]) == (0, 0, 0)


@_BOUNDED
@given(_SAYS, _SEEDS)
def test_the_order_of_sightings_does_not_matter(
    shared: tuple[Trio, WritableDatabase], says: list[Sighting], seed: int
) -> None:
    """Sightings and sources in any order give the same events under the same keys."""
    trio, database = emptied(shared)
    run_all(database, *by_source(says))
    expected = state(trio)
    emptied(shared)
    shuffler = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    shuffled = shuffler.sample(says, len(says))
    sources = by_source(shuffled)
    shuffler.shuffle(sources)
    run_all(database, *sources)
    assert state(trio) == expected


@_BOUNDED
@given(_SAYS, _CUTS)
def test_the_pieces_of_a_run_do_not_matter(
    shared: tuple[Trio, WritableDatabase], says: list[Sighting], cuts: set[str]
) -> None:
    """A run cut after any stages stores what a whole one stores."""
    trio, database = emptied(shared)
    run_all(database, *by_source(says))
    expected = state(trio)
    emptied(shared)
    names = list(STAGES)
    first = names[0]
    for cut in [name for name in names if name in cuts] + [names[-1]]:
        run_all(database, *by_source(says), first=first, last=cut)
        first = names[min(names.index(cut) + 1, len(names) - 1)]
    assert state(trio) == expected


@_BOUNDED
@given(_FIRST, _LATER)
def test_keys_survive_whatever_duplicates_come_and_go(
    shared: tuple[Trio, WritableDatabase], says: list[Sighting], later: list[Sighting]
) -> None:
    """A visit of other sightings and their going again leaves the events and their keys as they were."""
    trio, database = emptied(shared)
    run_all(database, *by_source(says))
    keys = trio.query("local", "SELECT key FROM events ORDER BY key")
    visitors = [replace(said, source="c", place="visit.csv") for said in later]
    # A moment later: of sightings first seen at one moment the identity names the event, not who was first.
    run_all(database, *by_source(says + visitors), days_later=0.001)
    run_all(database, *by_source(says), days_later=0.002)
    assert trio.query("local", "SELECT key FROM events ORDER BY key") == keys


LONGER = {
    test_any_run_twice_changes_nothing: (_SAYS,),
    test_the_order_of_sightings_does_not_matter: (_SAYS, _SEEDS),
    test_the_pieces_of_a_run_do_not_matter: (_SAYS, _CUTS),
    test_keys_survive_whatever_duplicates_come_and_go: (_FIRST, _LATER),
}


@pytest.mark.deep
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("holds", LONGER, ids=lambda holds: holds.__name__)
def test_the_same_holds_for_many_more(shared: tuple[Trio, WritableDatabase], holds: Any) -> None:
    """Each property above with two hundred examples."""
    longer = given(*LONGER[holds])(holds.hypothesis.inner_test)
    settings(_BOUNDED, max_examples=200)(longer)(shared)
