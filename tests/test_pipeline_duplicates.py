"""Duplicates: which sightings become one event, under which key, and what a merged event says."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.draft import Draft, Event
from app.pipeline.event import Sighting
from app.pipeline.matching import compare
from app.pipeline.merging import merge
from app.pipeline.seen import Seen, identity_of
from app.pipeline.stages.deduplicate import group
from app.pipeline.stages.normalise import drafts_of
from benchmarks.duplicates import SETS, Pair, found_same, pairs, precision_and_recall
from tests.postgres import Trio
from tests.sightings import NOW, Saying, names, one_source, run_all, sighting, working

PAIRS = pairs()


def drafted(says: Iterable[Sighting], first_seen: datetime = NOW) -> list[Draft]:
    """The drafts of sightings, each under its reference as its key."""
    return drafts_of(
        Seen(said.reference, identity_of(said), first_seen, live=True, said=said) for said in says
    )


def test_the_labelled_pairs_are_told_apart() -> None:
    """At least 300 pairs, precision at least 0.99, recall at least 0.9, without a language model."""
    for name in SETS:
        labelled = pairs(name)
        precision, recall, wrong = precision_and_recall(labelled)
        assert precision >= 0.99, (name, wrong)
        assert recall >= 0.9, (name, wrong)
    assert len(pairs("duplicates")) >= 300
    assert len(pairs("heldout")) >= 300


@given(st.sampled_from(PAIRS))
def test_a_verdict_does_not_depend_on_the_side(pair: Pair) -> None:
    """Left and right exchanged: the same."""
    one, other = drafted([replace(pair.one, reference="1"), replace(pair.other, reference="2")])
    assert compare(one, other) == compare(other, one)
    assert found_same(pair) == found_same(replace(pair, one=pair.other, other=pair.one))


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(chosen: list[Pair], shuffler: object) -> None:
    """Sightings of one day in any order fall into the same groups."""
    says = [
        replace(said, start_date=date(2026, 6, 5), end_date=None, reference=f"{number}{side}")
        for number, pair in enumerate(chosen)
        for side, said in (("a", pair.one), ("b", pair.other))
    ]
    drafts = drafted(says)
    expected = {frozenset(draft.key for draft in members) for members in group(drafts)}
    shuffler.shuffle(drafts)  # type: ignore[attr-defined]  # hypothesis' Random
    assert {frozenset(draft.key for draft in members) for members in group(drafts)} == expected


def test_a_merged_event_has_the_best_of_each_in_any_order() -> None:
    """Time from the one that has it, address from another, the longest description, every style, a price."""
    says = [
        sighting("Salsa Social", reference="1", start_time=None, description="A long evening of salsa."),
        sighting("Salsa Social", reference="2", source="b", end_time=time(23), dance_style="salsa"),
        sighting(
            "Salsa Social",
            reference="3",
            source="c",
            price="$12",
            dance_style="bachata",
            url="https://c.example/1",
        ),
    ]
    drafts = drafted(says)
    merged = [merge("key", list(order)) for order in permutations(drafts)]
    facts = merged[0].facts
    assert facts.start_time == time(20)
    assert facts.end_time == time(23)
    assert facts.ends_at == datetime(2026, 6, 6, 6, tzinfo=UTC)
    assert facts.description == "A long evening of salsa."
    assert facts.dance_styles == ("bachata", "salsa")
    assert (facts.price.text, facts.url) == ("$12", "https://c.example/1")
    assert {_told(event) for event in merged} == {_told(merged[0])}


def _told(event: Event) -> tuple[object, ...]:
    facts = event.facts
    return (
        facts.name, facts.starts_at, facts.ends_at, facts.venue, facts.description, facts.url, facts.price,
        facts.source, [member.key for member in event.members].__repr__(),
    )  # fmt: skip


def test_a_duplicate_that_appears_changes_no_key(trio: Trio) -> None:
    """Whatever comes later is merged into the event that is there, and its key stays."""
    first = sighting("Salsa Social")
    later = sighting("Friday Salsa Social", source="club", url="https://club.example/salsa", price="$10")
    with working(trio) as database:
        run_all(database, one_source(first), Saying("club"))
        key = trio.query("local", "SELECT key FROM events")
        run_all(database, one_source(first), Saying("club", [later]), days_later=1)
    assert trio.query("local", "SELECT key FROM events") == key
    assert trio.query("local", "SELECT price_text FROM events") == ["$10"]


def test_the_duplicate_that_named_an_event_can_go(trio: Trio) -> None:
    """The sighting that the key came from disappears: the event stays under its key, told by the other."""
    first = sighting("Salsa Social")
    other = sighting("Friday Salsa Social", source="club")
    with working(trio) as database:
        run_all(database, one_source(first), Saying("club"))
        key = trio.query("local", "SELECT key FROM events")
        run_all(database, one_source(first), Saying("club", [other]), days_later=1)
        run_all(database, one_source(), Saying("club", [other]), days_later=2)
    assert trio.query("local", "SELECT key, name, source FROM events") == [
        f"{key[0]}|Friday Salsa Social|club"
    ]
    assert trio.query("local", "SELECT rule FROM provenance ORDER BY 1") == ["gone", "unique"]


def test_two_files_that_say_the_same_give_the_same_key(trio: Trio) -> None:
    """The key comes from the event, not from the file or the machine that found it."""
    here = sighting("Salsa Social", place="here.ics", reference="1")
    there = sighting("Salsa Social", place="there.csv", reference="2", source="club")
    with working(trio) as database:
        run_all(database, one_source(here), Saying("club"))
        key = trio.query("local", "SELECT key FROM events")
        run_all(database, one_source(), Saying("club", [there]), days_later=1)
    assert trio.query("local", "SELECT key FROM events") == key


def test_events_that_share_an_identity_keep_two_keys(trio: Trio) -> None:
    """One event moves a day, another takes its place: both are there, and the one that moved keeps its key."""
    moved = sighting("Salsa Social", reference="1")
    successor = sighting("Salsa Social", reference="2", source="club")
    with working(trio) as database:
        run_all(database, one_source(moved), Saying("club"))
        key = trio.query("local", "SELECT key FROM events")
        on_saturday = replace(moved, start_date=moved.start_date + timedelta(days=1))
        run_all(database, one_source(on_saturday), Saying("club", [successor]), days_later=1)
    assert names(trio) == ["Salsa Social", "Salsa Social"]
    assert trio.query("local", "SELECT key FROM events WHERE local_start_date = '2026-06-06'") == key


@pytest.mark.parametrize("where", ["", "TBA", "online"])
def test_a_common_name_without_a_place_is_never_merged(trio: Trio, where: str) -> None:
    """Two "Dance Night"s that name no place are two."""
    with working(trio) as database:
        run_all(
            database,
            one_source(sighting("Dance Night", location=where)),
            Saying("club", [sighting("Dance Night", source="club", location=where)]),
        )
    assert len(names(trio)) == 2
