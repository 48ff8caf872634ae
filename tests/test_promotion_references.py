"""Foreign keys: first copies beside other changes, circles, and rows that swap what has to be unique."""

from collections.abc import Sequence

import pytest

from app.promotion import rollback
from app.promotion.plan import Strategy
from app.promotion.script import Limits
from tests.postgres import Trio
from tests.promoting import ORIGIN, Scene, scene, seed_events


def there_and_back(here: Scene) -> Sequence[Strategy]:
    """Promote, promote again, undo: equal, nothing, as before. Returns how each table's changes travelled."""
    before = here.contents("render_prod")
    outcome = here.assert_promotes()
    assert not here.promote(full=True).changed
    rollback.apply(rollback.plan(here.production, None), here.writable, origin=ORIGIN, limits=Limits())
    assert here.contents("render_prod") == before
    here.assert_promotes()
    return [table.strategy for table in outcome.plan.tables]


def test_a_first_copy_beside_other_changes(any_trio: Trio) -> None:
    """An empty table is filled straight while others change in rows, unless it references what changes."""
    tables = [("public", name) for name in ("venues", "events", "notes", "marks")]
    with scene(any_trio, tables=tables) as here:
        here.both(
            "CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, venue text REFERENCES venues);"
            "CREATE TABLE marks (id serial PRIMARY KEY, note int REFERENCES notes, mark text)"
        )
        here.working(seed_events(100))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e3'; DELETE FROM events WHERE key = 'e5'")
        here.working(
            "INSERT INTO notes (venue) VALUES ('v1'), (NULL); INSERT INTO marks (note) SELECT i % 2 + 1 FROM generate_series(1, 50) AS i"
        )
        how = there_and_back(here)
        assert how == [Strategy.NOTHING, Strategy.ROWS, Strategy.FIRST, Strategy.FIRST]
        assert here.live("INSERT INTO marks (mark) VALUES ('the next') RETURNING id") == ["51"]
        here.both("TRUNCATE notes, marks")
        here.working(
            "INSERT INTO venues (key, name) VALUES ('new', 'New'); INSERT INTO notes (venue) VALUES ('new');"
            "INSERT INTO marks (note) SELECT max(id) FROM notes"
        )
        assert there_and_back(here) == [Strategy.ROWS, Strategy.NOTHING, Strategy.WHOLE, Strategy.WHOLE]


@pytest.mark.parametrize("deferrable", ["", "DEFERRABLE"])
def test_tables_that_reference_each_other(trio: Trio, deferrable: str) -> None:
    """A circle of foreign keys, deferrable or not: filled, changed and undone."""
    with scene(trio, tables=[("public", "hens"), ("public", "eggs")]) as here:
        here.both(
            "CREATE TABLE hens (id int PRIMARY KEY, egg int); CREATE TABLE eggs (id int PRIMARY KEY, hen int NOT NULL"
            f" REFERENCES hens {deferrable}); ALTER TABLE hens ADD FOREIGN KEY (egg) REFERENCES eggs {deferrable}"
        )
        here.working(
            "INSERT INTO hens SELECT i FROM generate_series(1, 20) AS i; INSERT INTO eggs SELECT i, i FROM generate_series(1, 20) AS i;"
            "UPDATE hens SET egg = 21 - id"
        )
        assert there_and_back(here) == [Strategy.FIRST if deferrable else Strategy.WHOLE] * 2
        here.working(
            "UPDATE hens SET egg = 1; DELETE FROM eggs WHERE id > 10; DELETE FROM hens WHERE id > 10;"
            "INSERT INTO hens VALUES (30); INSERT INTO eggs VALUES (30, 30); UPDATE hens SET egg = 30"
        )
        there_and_back(here)
