"""Foreign keys: first copies beside other changes, circles, and rows that swap what has to be unique."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from app.promotion.apply import ConstraintError
from app.promotion.plan import Strategy
from tests.postgres import Trio
from tests.promoting import Scene, scene, seed_events


def there_and_back(here: Scene) -> Sequence[Strategy]:
    """Promote, promote again, undo: equal, nothing, as before. Returns how each table's changes travelled."""
    before = here.contents("render_prod")
    outcome = here.assert_promotes()
    assert not here.promote(full=True).changed
    here.undo()
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
        assert there_and_back(here) == [Strategy.ROWS, Strategy.NOTHING, Strategy.ROWS, Strategy.ROWS]


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
        assert there_and_back(here) == [Strategy.FIRST if deferrable else Strategy.ROWS] * 2
        here.working(
            "UPDATE hens SET egg = 1; DELETE FROM eggs WHERE id > 10; DELETE FROM hens WHERE id > 10;"
            "INSERT INTO hens VALUES (30); INSERT INTO eggs VALUES (30, 30); UPDATE hens SET egg = 30"
        )
        there_and_back(here)


@contextmanager
def things(trio: Trio, slot: str, rows: int = 12) -> Iterator[Scene]:
    """A promoted table; production alone says that slots are unique."""
    with scene(trio, tables=[("public", "things")]) as here:
        here.working(
            f"CREATE TABLE things (id int PRIMARY KEY, slot int {'NOT NULL' * ('NOT NULL' in slot)}, note text)"
        )
        here.live(f"CREATE TABLE things (id int PRIMARY KEY, {slot}, note text)")
        here.working(f"INSERT INTO things SELECT i, i, 'x' FROM generate_series(1, {rows}) AS i")
        here.promote()
        yield here


SWAP = "UPDATE things SET slot = 11 - slot, note = 'swapped' WHERE id <= 10; DELETE FROM things WHERE id = 3;"


@pytest.mark.parametrize("rows", [12, pytest.param(60_000, marks=pytest.mark.deep)])
def test_unique_values_are_swapped_where_a_foreign_key_acts(trio: Trio, rows: int) -> None:
    """Visitors' rows that a deletion would take along stay as they are: values are parked, no row is deleted."""
    actions = ["CASCADE", "SET NULL", "RESTRICT"]
    with things(trio, "slot int UNIQUE", rows) as here:
        for n, action in enumerate(actions):
            here.live(
                f"CREATE TABLE likes{n} (thing int REFERENCES things ON DELETE {action}); INSERT INTO likes{n} VALUES (1), (10), (5)"
            )
        here.working(
            SWAP
            + "UPDATE things SET slot = NULL WHERE id = 7; UPDATE things SET slot = slot + 1 WHERE id > 10"
        )
        assert there_and_back(here) == [Strategy.ROWS if rows == 12 else Strategy.WHOLE]
        for n in range(len(actions)):
            assert here.live(f"SELECT * FROM likes{n} ORDER BY 1") == ["1", "5", "10"]


def test_unique_values_are_swapped_beside_production_s_own_columns(trio: Trio) -> None:
    """A row that is deleted and inserted again takes production's own columns with it."""
    with things(trio, "slot int NOT NULL UNIQUE") as here:
        here.live(
            "ALTER TABLE things ADD COLUMN clicks int DEFAULT 0, ADD COLUMN twice int GENERATED ALWAYS AS (slot * 2) STORED; UPDATE things SET clicks = id"
        )
        here.working(SWAP + "INSERT INTO things VALUES (13, 8, 'new')")
        here.promote()
        assert here.live("SELECT id, slot, note FROM things ORDER BY id") == here.working(
            "SELECT id, slot, note FROM things ORDER BY id"
        )
        assert here.live("SELECT count(*) FROM things WHERE clicks = id AND twice = slot * 2") == ["11"]
        assert here.live("SELECT clicks FROM things WHERE id = 13") == ["0"]


def test_a_swap_that_production_cannot_make_is_refused_with_the_constraint(trio: Trio) -> None:
    """NOT NULL, unique, and a foreign key that cascades: named, with the remedy, and DEFERRABLE is one."""
    with things(trio, "slot int NOT NULL CONSTRAINT one_slot UNIQUE") as here:
        here.live(
            "CREATE TABLE likes (thing int REFERENCES things ON DELETE CASCADE); INSERT INTO likes VALUES (1)"
        )
        here.working(SWAP)
        before = here.contents("render_prod")
        with pytest.raises(
            ConstraintError, match=r"(?s)things: production's constraint one_slot .*DEFERRABLE"
        ):
            here.promote()
        assert here.contents("render_prod") == before
        here.live(
            "ALTER TABLE things DROP CONSTRAINT one_slot, ADD CONSTRAINT one_slot UNIQUE (slot) DEFERRABLE"
        )
        there_and_back(here)
        assert here.live("SELECT * FROM likes") == ["1"]
