"""What the last promotion proved: relying on it gives the same plan as comparing every row."""

import random
from dataclasses import replace

import pytest

from app.database.engines import open_reader
from app.promotion import promote
from tests.postgres import Trio
from tests.promoting import CHANGES, Scene, scene, seed_events

EDITS = [
    "UPDATE {t} SET name = name || 'x' WHERE key = '{k}'",
    "UPDATE {t} SET name = name WHERE key = '{k}'",
    "DELETE FROM {t} WHERE key = '{k}' AND (SELECT count(*) FROM events WHERE venue_key = '{k}') = 0",
    "INSERT INTO venues (key, name) VALUES ('{k}', 'again') ON CONFLICT DO NOTHING",
    "UPDATE events SET venue_key = 'v1' WHERE venue_key = '{k}'",
    "VACUUM FREEZE {t}",
    "VACUUM FULL {t}",
]


def both_ways(here: Scene) -> tuple[str, str]:
    """The plan's digest with and without knowledge, with one seed."""
    with_knowledge, without = (
        promote.plan(here.source, here.production, replace(here.request, full=full), seed=7)
        for full in (False, True)
    )
    assert with_knowledge.incremental
    assert not without.incremental
    return with_knowledge.digest, without.digest


@pytest.mark.parametrize("round_", range(4))
def test_knowledge_gives_the_plan_of_a_full_comparison(any_trio: Trio, round_: int) -> None:
    """Random edits, rewrites and vacuums on both sides: the digest is the same with and without."""
    chance = random.Random(round_)  # noqa: S311 - which edit, no secret
    with scene(any_trio) as here:
        here.working(seed_events(60))
        here.promote()
        for _ in range(3):
            for run in (here.working, here.live):
                for _ in range(chance.randrange(4)):
                    table = chance.choice(["events", "venues"])
                    key = f"{table[0]}{chance.randrange(1, 13)}"
                    run(chance.choice(EDITS).format(t=table, k=key))
            known, full = both_ways(here)
            assert known == full
            if chance.random() < 0.5:
                here.assert_promotes()


def test_a_scan_of_row_headers_finds_nothing_to_do(trio: Trio) -> None:
    """Right after a promotion no row is hashed; a full comparison hashes them all."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        here.working("CREATE TABLE other (a int); INSERT INTO other VALUES (1)")  # a transaction, elsewhere
        assert [t.difference.sums for t in here.plan().tables] == [None, None]
        assert all(t.difference.sums for t in here.plan(full=True).tables)


@pytest.mark.parametrize("side", ["working", "live"])
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE events ADD COLUMN mood text DEFAULT 'fine'",
        """CREATE TABLE copy (LIKE events INCLUDING ALL); INSERT INTO copy SELECT * FROM events;
        ALTER TABLE events RENAME TO old; ALTER TABLE copy RENAME TO events""",
    ],
)
def test_a_changed_table_is_compared_in_full(trio: Trio, side: str, statement: str) -> None:
    """Rows may read differently, or be others, without a new row version: nothing is known then."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        if "mood" in statement:
            here.both(statement.replace("fine", "bad"))
            here.promote()
            # The value that rows older than the column read as is another one on one side now.
            here.both("ALTER TABLE events DROP COLUMN mood")
        getattr(here, side)(statement)
        if "mood" in statement:
            getattr(here, "live" if side == "working" else "working")(statement.replace("fine", "sad"))
            assert here.plan().tables[1].updated == 50
        else:
            assert here.plan().tables[1].difference.sums is not None


def test_another_source_knows_nothing(trio: Trio) -> None:
    """What was proved for one working database is not taken for another one."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        trio.query("render_dev", seed_events(50))
        source = open_reader(trio.settings(2), process="tests")
        plan = promote.plan(source, here.production, here.request)
        source.dispose()
        assert not plan.incremental
        assert plan.changes == 0


def test_changes_of_every_kind_after_a_promotion(any_trio: Trio) -> None:
    """Inserts, updates, deletes and moved references are found without hashing what was known."""
    with scene(any_trio) as here:
        here.working(seed_events(400))
        here.promote()
        here.working(CHANGES)
        outcome = here.assert_promotes()
        assert outcome.plan.incremental
        assert [t.difference.sums for t in outcome.plan.tables] == [None, None]
