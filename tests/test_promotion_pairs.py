"""Two servers that are not alike: other versions, encodings and collations, and types that only one knows."""

from dataclasses import replace

import pytest

from app.errors import AppError
from tests.postgres import Servers, Version, needs_debian
from tests.promoting import CHANGES, Scene, scene, seed_events
from tests.promotion_schemas import DEFINITIONS, TYPES, Rows
from tests.test_promotion_types import PLAIN

GERMAN = "ENCODING 'UTF8' LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de'"
WORDS = "INSERT INTO venues (key, name) VALUES ('café', 'Größe'), ('ætt', 'Ñandú'), ('Zoë', 'zoë'), ('plain', 'x');"


def there_and_back(here: Scene) -> None:
    """Change, promote, promote again, undo: equal, nothing, as before."""
    before = here.contents("render_prod")
    here.working(CHANGES)
    here.assert_promotes()
    assert not here.promote(full=True).changed
    here.undo()
    assert here.contents("render_prod") == before


@needs_debian
@pytest.mark.parametrize(
    ("source", "production", "options"), [("debian", 18, (GERMAN, "")), (16, "debian", ("", ""))]
)
def test_debian_s_version_on_either_side(
    servers: Servers, source: Version, production: Version, options: tuple[str, str]
) -> None:
    """PostgreSQL 15, sorting as German does, and another version: the same hashes, nothing equal travels."""
    with servers.pair(source, production, options=options) as trio, scene(trio) as here:
        kinds = tuple(TYPES)
        shape = replace(PLAIN, columns=kinds)
        rows: Rows = {(str(n),): tuple(TYPES[kind][n % len(TYPES[kind])] for kind in kinds) for n in range(9)}
        made = "CREATE SCHEMA s;" + DEFINITIONS.format(schema="s") + shape.create("s", production=False)
        here.both(made + shape.insert("s", rows) + WORDS)
        here.tables = [*here.tables, ("s", shape.name)]
        here.working(seed_events(100))
        outcome = here.promote()
        assert not outcome.plan.hashing.portable
        assert [table.updated + table.deleted for table in outcome.plan.tables] == [0, 0, 0]
        there_and_back(here)


def test_another_encoding(servers: Servers) -> None:
    """LATIN1 keeps text in other bytes: hashed by a portable hash, equal is equal; what it lacks is refused whole."""
    latin = "ENCODING 'LATIN1' LOCALE 'C'"
    with servers.pair(18, 16, options=("", latin)) as trio, scene(trio) as here:
        here.both(WORDS)
        plan = here.plan()
        assert plan.hashing.portable
        assert plan.changes == 0
        here.working(seed_events(100))
        here.promote()
        there_and_back(here)
        before = here.contents("render_prod")
        here.working("UPDATE venues SET name = '日本'")
        with pytest.raises(AppError, match="no equivalent in encoding"):
            here.promote()
        assert here.contents("render_prod") == before


EQUAL_KEYS = {
    "citext": ["'Abc'", "'abc'", "'ABC'"],
    "text COLLATE nocase": ["'Abc'", "'abc'", "'ABC'"],
    "numeric": ["1.5", "1.50", "1.500"],
    "interval": ["'1 day'", "'24:00'", "'1 day'"],
    "double precision": ["0", "'-0'", "0"],
}
DEFINE = (
    "CREATE EXTENSION IF NOT EXISTS citext;"
    "CREATE COLLATION nocase (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);"
)


@needs_debian
@pytest.mark.parametrize(
    ("kinds", "rows"),
    [(list(EQUAL_KEYS), 5), pytest.param(["citext", "numeric"], 60_000, marks=pytest.mark.deep)],
    ids=["rows", "whole"],
)
def test_keys_that_are_equal_and_not_identical(servers: Servers, kinds: list[str], rows: int) -> None:
    """'Abc' and 'abc' are one key to the database and two texts: production gets the source's, and its own back."""
    tables = [("public", f"things{n}") for n in range(len(kinds))]
    with servers.trio("debian") as trio, scene(trio, tables=tables) as here:
        here.both(DEFINE)
        for (_, table), kind in zip(tables, kinds, strict=True):
            ours, theirs, third = EQUAL_KEYS[kind]
            here.both(
                f"CREATE TABLE {table} (id {kind}, n int, note text, PRIMARY KEY (id, n));"
                f"INSERT INTO {table} SELECT {third}, i, 'x' FROM generate_series(1, {rows}) AS i"
            )
            here.working(f"INSERT INTO {table} VALUES ({ours}, 0, 'same')")
            here.live(
                f"INSERT INTO {table} VALUES ({theirs}, 0, 'same'); UPDATE {table} SET note = 'y' WHERE n > 2"
            )
        before = here.contents("render_prod")
        here.assert_promotes()
        assert not here.promote(full=True).changed
        here.undo()
        assert here.contents("render_prod") == before
