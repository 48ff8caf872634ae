"""Any table: every column type, every key, every constraint, from any state to any other."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.postgres import Trio
from tests.promoting import Scene, scene
from tests.promotion_schemas import DEFINITIONS, KEYS, TYPES, Rows, Shape, contents, shapes

PLAIN = Shape(
    name="plain", key=("integer",), columns=("integer",), unique=False, parent=False, deferrable=False,
    partitions=False, generated=False, extra=False,
)  # fmt: skip


def check(here: Scene, shape: Shape, ours: Rows, theirs: Rows) -> None:
    """Promote, promote again, roll back: equal, nothing, as before."""
    definitions = "DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s;" + DEFINITIONS.format(schema="s")
    here.working(definitions + shape.create("s", production=False) + shape.insert("s", ours))
    here.live(definitions + shape.create("s", production=True) + shape.insert("s", theirs))
    here.tables = [("s", shape.name)]
    before = here.live(shape.dump("s"))
    wanted = here.working(shape.dump("s"))
    changed = here.promote().changed
    assert here.live(shape.dump("s")) == wanted
    assert here.working(shape.dump("s")) == wanted
    assert not here.promote().changed
    assert not here.promote(full=True).changed
    assert changed == (before != wanted)
    if changed:
        here.undo()
        assert here.live(shape.dump("s")) == before


EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # each example is a database's work: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@EXAMPLES
@given(data=st.data())
def test_any_table_from_any_state_to_any_other(any_trio: Trio, data: st.DataObject) -> None:
    """Random tables and contents: promoted they are equal, again is nothing, rolled back they are as before."""
    shape = data.draw(shapes())
    with scene(any_trio) as here:
        check(here, shape, data.draw(contents(shape)), data.draw(contents(shape)))


@pytest.mark.deep
@settings(EXAMPLES, max_examples=400, derandomize=False)
@given(data=st.data())
def test_four_hundred_tables(any_trio: Trio, data: st.DataObject) -> None:
    """The same, longer."""
    shape = data.draw(shapes())
    with scene(any_trio) as here:
        check(here, shape, data.draw(contents(shape)), data.draw(contents(shape)))


def test_every_value_of_every_type(any_trio: Trio) -> None:
    """One table with a column of each type: every value is inserted, replaced by every next one, and undone."""
    kinds = tuple(TYPES)
    shape = replace(PLAIN, columns=kinds)
    ours: Rows = {}
    theirs: Rows = {}
    for n in range(max(map(len, TYPES.values()))):
        ours[str(n),] = tuple(TYPES[kind][n % len(TYPES[kind])] for kind in kinds)
        theirs[str(n),] = tuple(TYPES[kind][(n + 1) % len(TYPES[kind])] for kind in kinds)
    ours["99",] = ("NULL",) * len(kinds)
    with scene(any_trio) as here:
        check(here, shape, ours, theirs)


ALIKE = (
    ("bigint", "0", "4294967297"),  # PostgreSQL hashes both halves, one upon the other
    ("timestamptz", "'2000-01-01 00:00:00+00'", "'2000-01-01 01:11:34.967297+00'"),
    ("timestamp", "'2000-01-01'", "'2000-01-01 01:11:34.967297'"),
    ("numeric", "1.0", "1.00"),
    ("float8", "0", "'-0'"),
    ("interval", "'1 day'", "'24:00'"),
    ("jsonb", "'[1.0]'", "'[1.00]'"),
    ("character(4)[]", "'{ab,NULL}'", "'{NULL,ab}'"),
    ("integer[]", "'{1,2}'", "'[0:1]={1,2}'"),
    ("integer[]", "'{1,2}'", "'{{1,2}}'"),
    ("numrange", "'[1.0,2)'", "'[1.00,2)'"),
    ("text", "''", "NULL"),
    ("boolean", "false", "NULL"),
    ("integer", "0", "NULL"),
)
"""Two values of a type that are equal, or hash alike, or nearly, and are not identical."""


def test_values_that_hash_alike_are_told_apart(any_trio: Trio) -> None:
    """Each becomes the other: an update of each row, in a table that had been promoted and in one that had not."""
    columns = ", ".join(f"v{n} {kind}" for n, (kind, _, _) in enumerate(ALIKE))
    make = f"CREATE SCHEMA s; CREATE TABLE s.things (key integer PRIMARY KEY, {columns});"
    fill = "".join(
        f"INSERT INTO s.things (key, v{n}) VALUES ({n}, {a});" for n, (_, a, _) in enumerate(ALIKE)
    )
    edit = "".join(f"UPDATE s.things SET v{n} = {b} WHERE key = {n};" for n, (_, _, b) in enumerate(ALIKE))
    with scene(any_trio) as here:
        here.tables = [("s", "things")]
        here.working(make + fill)
        here.live(make)
        here.promote()
        here.working(edit)
        assert [here.plan(full=full).tables[0].difference.counts for full in (False, True)] == [
            (0, 14, 0)
        ] * 2
        here.promote()
        question = "SELECT t::text FROM s.things AS t ORDER BY key"
        assert here.live(question) == here.working(question)


def test_values_that_change_places_are_seen(trio: Trio) -> None:
    """Two rows swap a value, and two columns of one row do: sums of hashes don't stay what they were."""
    make = "CREATE SCHEMA s; CREATE TABLE s.things (key integer PRIMARY KEY, a text, b text, c bigint, d bigint);"
    with scene(trio) as here:
        here.tables = [("s", "things")]
        here.working(
            make + "INSERT INTO s.things SELECT n, 'a' || n, 'b' || n, n, -n FROM generate_series(1, 40) AS n"
        )
        here.live(make)
        here.promote()
        here.working("UPDATE s.things SET a = b, b = a, c = d, d = c WHERE key = 7;"
                     "UPDATE s.things SET a = 'a' || (19 - key), c = 19 - key WHERE key IN (9, 10)")  # fmt: skip
        assert here.plan(full=True).tables[0].difference.counts == (0, 3, 0)
        assert here.plan(full=False).tables[0].difference.counts == (0, 3, 0)


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_every_kind_of_key(trio: Trio, kind: str) -> None:
    """Rows are found again by keys of each type."""
    shape = replace(PLAIN, key=(kind,), unique=True)
    keys = KEYS[kind]
    with scene(trio) as here:
        check(
            here,
            shape,
            {(key,): ("1", str(n)) for n, key in enumerate(keys)},
            {(key,): ("2", str(len(keys) - n)) for n, key in enumerate(keys[:-1])},
        )


def test_from_one_version_to_another(servers: "object", trio: Trio) -> None:
    """PostgreSQL 16 to 18: the same hashes, so nothing that is equal travels."""
    from tests.postgres import Servers  # noqa: PLC0415 - only for the type of a fixture

    assert isinstance(servers, Servers)
    with servers.trio(16) as older:
        mixed = Trio(trio.server, older.local, trio.render_dev, trio.render_prod)
        kinds = tuple(TYPES)
        shape = replace(PLAIN, columns=kinds)
        rows: Rows = {(str(n),): tuple(TYPES[kind][n % len(TYPES[kind])] for kind in kinds) for n in range(9)}
        with scene(mixed) as here:
            definitions = "CREATE SCHEMA s;" + DEFINITIONS.format(schema="s")
            made = definitions + shape.create("s", production=False) + shape.insert("s", rows)
            older.query("local", made)
            here.live(made)
            here.tables = [("s", shape.name)]
            assert not here.promote().changed
            older.query("local", f'UPDATE s.{shape.quoted} SET "c 0" = 5 WHERE k0 = 3')
            assert here.promote().plan.tables[0].difference.counts == (0, 1, 0)
            assert here.live(shape.dump("s")) == older.query("local", shape.dump("s"))
