"""Comparing rows: whatever is read, in one level or two, known or not, tells exactly what differs."""

import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.apply import UnverifiedError
from app.promotion.catalog import PINNED
from app.promotion.changes import Difference
from app.promotion.fingerprint import differences
from app.promotion.hashing import Hashing
from app.promotion.known import knowledge
from app.promotion.plan import Plan
from app.promotion.planning import IndistinctError
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError
from app.promotion.younger import since
from tests.postgres import Trio
from tests.promoting import Scene, scene, seed_events

ROWS = 6_000
EDITS = {
    "nothing": "SELECT",
    "one row": "UPDATE events SET name = 'x' WHERE key = 'e77'",
    "a value swapped by two rows": "UPDATE events SET name = CASE key WHEN 'e5' THEN 'Evening 9' ELSE 'Evening 5' END"
    " WHERE key IN ('e5', 'e9')",
    "some of everything": "UPDATE events SET name = name || 'x' WHERE key LIKE 'e11_3'; UPDATE events SET name = name"
    " WHERE key LIKE 'e12_3'; DELETE FROM events WHERE key LIKE 'e1_77'; UPDATE events SET key = key || 'n' WHERE key LIKE 'e77_'",
    "a tenth": "UPDATE events SET name = name || 'x' WHERE key LIKE 'e%3'; DELETE FROM events WHERE key LIKE 'e%77'",
    "a fifth by others": "UPDATE events SET key = key || 'n' WHERE key LIKE 'e%3' OR key LIKE 'e%7'",
    "every row": "UPDATE events SET name = name || 'x'",
    "some gone": "DELETE FROM events WHERE key LIKE 'e%7'; UPDATE events SET name = 'x' WHERE key LIKE 'e_3'",
    "all gone": "DELETE FROM events",
}
"""What was done to the source."""


@contextmanager
def cursors(here: Scene) -> Iterator[tuple[Cursor, Cursor]]:
    """Both sides, each in one snapshot, with pinned settings."""
    with (
        here.source.read(snapshot=True) as ours,
        here.production.read(snapshot=True) as theirs,
        ours.cursor() as left,
        theirs.cursor() as right,
    ):
        for cursor in (left, right):
            cursor.execute(PINNED)
        yield left, right


def told(difference: Difference) -> tuple[object, ...]:
    """Everything that a difference says of a table's rows."""
    return (
        difference.rows, difference.counts, difference.kept,
        list(difference.inserted), list(difference.updated), list(difference.deleted),
    )  # fmt: skip


def truth(here: Scene) -> tuple[set[str], set[str], set[str]]:
    """Keys of inserted, updated and deleted events, by comparing their text."""
    ours, theirs = (
        dict(line.split("|", 1) for line in run("SELECT key, e::text FROM events AS e"))
        for run in (here.working, here.live)
    )
    both = ours.keys() & theirs.keys()
    return ours.keys() - both, {key for key in both if ours[key] != theirs[key]}, theirs.keys() - both


def found(here: Scene, relation: Relation, difference: Difference) -> tuple[set[str], ...]:
    """The keys that a difference names by place: inserted, updated (in both databases), deleted."""

    def keys(run: Callable[[str], list[str]], there: Relation, places: Sequence[int]) -> set[str]:
        return set(run(f"SELECT key FROM events AS t WHERE {there.at_places('t', places) or 'false'}"))

    updated = keys(here.working, relation, difference.updated.column(4))
    assert keys(here.live, relation.there, difference.updated.column(3)) == updated
    return (
        keys(here.working, relation, difference.inserted.column(2)),
        updated,
        keys(here.live, relation.there, difference.deleted.column(2)),
    )


def events(plan: Plan) -> Relation:
    """The events' table as the plan saw it."""
    return plan.tables[1].relation


@pytest.mark.parametrize("edits", EDITS)
def test_every_way_of_comparing_finds_the_truth(trio: Trio, edits: str) -> None:
    """One level, two levels, and both from what the last promotion proved: they name exactly the rows that differ."""
    with scene(trio) as here:
        here.working(seed_events(ROWS))
        here.promote()
        here.both("ANALYZE events")
        here.working(EDITS[edits])
        plan = here.plan(samples=False)
        relations, hashing = [events(plan)], Hashing(7)
        known = knowledge(plan.source, plan.destination, relations)
        assert known is not None
        with cursors(here) as both:
            ways = [differences(*both, relations, hashing, small=small)[0] for small in (0, 10**6)]
            ways.append(since(*both, relations, known, hashing)[relations[0].quoted])
        assert [told(way) for way in ways] == [told(ways[0])] * 3
        assert found(here, relations[0], ways[0]) == truth(here)


def test_what_others_wrote_in_production_is_compared_in_full(trio: Trio) -> None:
    """Younger versions in production: nothing is taken from the last promotion."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        here.live("UPDATE events SET name = 'x' WHERE key = 'e7'")
        plan = here.plan()
        known = knowledge(plan.source, plan.destination, [events(plan)])
        assert known is not None
        with cursors(here) as both:
            assert since(*both, [events(plan)], known, Hashing(7)) == {}
        assert plan.tables[1].difference.counts == (0, 1, 0)


def test_keys_that_collide_are_told_apart_by_another_seed(trio: Trio) -> None:
    """With hashes of few bits some seeds cannot tell keys apart: the plan moves on and is what wide hashes give."""
    with collided(trio) as (here, changed):
        plans = [here.plan_with(seed, key_bits=9, full=True) for seed in range(0, 400, 40)]
        assert all(plan.tables[1].difference.counts == (0, changed, 0) for plan in plans)
        assert len({plan.hashing.seed % 40 for plan in plans}) > 1, "no seed collided: the test tests nothing"


def test_keys_that_collide_never_give_a_wrong_answer_from_what_is_known(trio: Trio) -> None:
    """With hashes of few bits the comparison of younger rows notices, or tells exactly what was changed."""
    with collided(trio) as (here, _):
        here.working(
            "DELETE FROM events WHERE key LIKE 'e9%'; UPDATE events SET key = 'new' WHERE key = 'e1'"
        )
        plan = here.plan(samples=False)
        known = knowledge(plan.source, plan.destination, [events(plan)])
        assert known is not None
        inserted, updated, deleted = map(len, truth(here))
        assert (inserted, deleted) == (1, 12)
        answers = []
        with cursors(here) as both:
            for seed in range(60):
                with suppress(CollisionError):
                    found = since(*both, [events(plan)], known, Hashing(seed, key_bits=14))
                    answers.append(found[events(plan).quoted].counts)
        assert set(answers) == {(inserted, updated, deleted)}
        assert len(answers) < 60, "no seed collided: the test tests nothing"


@contextmanager
def collided(trio: Trio) -> Iterator[tuple[Scene, int]]:
    """Three hundred promoted events, and how many of them were changed since."""
    chance = random.Random(3)  # noqa: S311 - which rows, no secret
    with scene(trio) as here:
        here.working(seed_events(300))
        here.promote()
        changed = chance.sample(range(1, 301), 24)
        here.working(f"UPDATE events SET name = 'x' WHERE substr(key, 2)::int IN {tuple(changed)}")
        yield here, len(changed)


def test_a_collision_across_the_two_sides_is_never_applied(trio: Trio) -> None:
    """A new key that hashes like a deleted one looks like an update: nothing is written, and another seed works."""
    with scene(trio) as here:
        here.working(seed_events(5))
        here.promote()
        here.working("UPDATE events SET key = 'renamed' WHERE key = 'e3'")
        before = here.contents("render_prod")
        seed = next(s for s in range(1000) if here.plan_with(s, key_bits=6).tables[1].updated)
        with pytest.raises(UnverifiedError):
            here.promote(seed=seed, key_bits=6)
        assert here.contents("render_prod") == before
        here.assert_promotes()


def test_hashes_that_tell_nothing_apart_are_given_up(trio: Trio) -> None:
    """A table whose keys collide under every seed is not compared for ever."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.live(seed_events(50))
        here.working("UPDATE events SET name = 'x'")
        with pytest.raises(IndistinctError, match="Try again"):
            here.plan_with(7, key_bits=1)


def test_the_client_does_not_hold_the_table(trio: Trio) -> None:
    """Twice the rows and twice the changes take the client a few bytes more for each change, not the rows."""

    def peak(here: Scene) -> int:
        tracemalloc.start()
        plan = here.plan(full=True, samples=False)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert plan.tables[1].difference.kept
        assert plan.tables[1].updated == int(here.working("SELECT count(*) FROM events WHERE name = 'x'")[0])
        return taken

    with scene(trio) as here:
        here.both(seed_events(20_000))
        here.working("UPDATE events SET name = 'x' WHERE key ~ '^e1[12]'")
        here.both("ANALYZE events")
        least = peak(here)
        here.both(
            "INSERT INTO events (key, name, starts_at, time_zone, local_start_date, event_type, source)"
            " SELECT 'f' || key, 'y', starts_at, time_zone, local_start_date, event_type, source FROM events; ANALYZE events"
        )
        here.working("UPDATE events SET name = 'x' WHERE key ~ '^fe1[12]'")
        assert peak(here) - least < 500_000
