"""Random tables and random contents for both sides of a promotion."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

TYPES: Final = {
    "smallint": ["0", "-32768", "7"],
    "integer": ["0", "2147483647", "-1"],
    "bigint": ["0", "4294967297", "-9223372036854775808"],
    "numeric": ["1.0", "1.00", "'NaN'", "'Infinity'", "123456789.123456789", "0"],
    "numeric(8,3)": ["1", "1.5", "-99999.999"],
    "real": ["0", "'-0'", "'NaN'", "1.1", "'Infinity'"],
    "double precision": ["0", "'-0'", "'NaN'", "0.1", "1e300"],
    "boolean": ["true", "false"],
    "text": [
        "''",
        "'a'",
        r"'\'",
        r"'a\''b'",
        "'é ß 日本'",
        "E'line\\nline\\ttab'",
        "'{\"x\"}'",
        "'!005C'",
        "'NULL'",
    ],
    "varchar(5)": ["''", "'ab   '", "'ab'"],
    "char(3)": ["'a'", "'abc'", "''"],
    "bytea": [r"'\x'", r"'\x00ff5c27'"],
    "date": ["'2026-01-02'", "'infinity'", "'0044-03-15 BC'"],
    "time": ["'00:00'", "'24:00'", "'03:04:05.678901'"],
    "timetz": ["'03:04+02'", "'03:04-08'"],
    "timestamp": ["'2026-01-02 03:04:05.678901'", "'-infinity'"],
    "timestamptz": ["'2026-01-02 03:04+00'", "'2026-01-02 03:04-08'", "'infinity'"],
    "interval": ["'1 day'", "'24 hours'", "'-1 mon 2 days 3.5 s'"],
    "uuid": ["'00000000-0000-0000-0000-000000000001'"],
    "json": ["'{\"a\": 1}'", "'{\"a\" :1}'", '\'{"a":1,"a":2}\'', "'null'"],
    "jsonb": ["'{\"a\": [1.0, null]}'", "'{\"a\": [1.00, null]}'", "'null'", "'\"é\"'"],
    "integer[]": ["'{}'", "'{1,NULL}'", "'[0:1]={1,2}'", "'{{1},{2}}'"],
    "text[]": ["'{}'", "'{a,\"b c\",NULL}'", r"""'{"a\"b"}'"""],
    "int4range": ["'empty'", "'[1,5)'", "'(,3)'"],
    "tstzrange": ["'[2026-01-01,2026-02-01)'"],
    "int4multirange": ["'{}'", "'{[1,2),[5,9)}'"],
    "inet": ["'10.0.0.1/8'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "bit(3)": ["B'101'"],
    "varbit": ["B''", "B'1'"],
    "tsvector": ["'a:1 b:2A'", "''"],
    "tsquery": ["'a & b'"],
    "point": ["'(1,2)'", "'(0,-0)'"],
    "box": ["'(1,2),(3,4)'"],
    "polygon": ["'((0,0),(1,1),(1,0))'"],
    "money": ["'1.50'"],
    "oid": ["1", "4294967295"],
    "pg_lsn": ["'0/16B3748'"],
    '"char"': ["'x'"],
    "name": ["'a name'"],
    "jsonpath": ["'$.a'"],
    "regclass": ["'pg_class'"],
    "{schema}.mood": ["'sad'", "'it''s \"ok\"'"],
    "{schema}.mood[]": ["'{sad}'", "'{}'"],
    "{schema}.positive": ["1", "2.50"],
    "{schema}.pair": ["ROW(1, 'a,\"b')", "ROW(NULL, '')"],
    "{schema}.pair[]": ["ARRAY[ROW(1, 'x')]::{schema}.pair[]"],
}
"""SQL type to constants of it."""
KEYS: Final = {
    "integer": ["1", "2", "3", "-4"],
    "bigint": ["1", "4294967297", "2", "3"],
    "text": ["''", "'a'", "'A'", r"'\'", r"'it''s \''x'", "'{\"'", "'a,b'"],
    "uuid": ["'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"],
    "timestamptz": ["'2026-01-02 03:04+00'", "'infinity'"],
    "numeric": ["1.5", "2", "3.25"],
    "char(3)": ["'a'", "'ab'"],
    "{schema}.mood": ["'sad'", "'it''s \"ok\"'"],
    "bytea": [r"'\x'", r"'\x5c27'"],
}
"""Types of keys; no two constants of one are equal."""
DEFINITIONS: Final = """CREATE TYPE {schema}.mood AS ENUM ('sad', 'it''s "ok"');
CREATE DOMAIN {schema}.positive AS numeric(8,2) CHECK (VALUE > 0);
CREATE TYPE {schema}.pair AS (a integer, b text);"""
NAMES: Final = ['we"ird Näme', "select", "plain", "Upper", "a b'c"]

Rows = dict[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Shape:
    """A table to be made on both sides.

    Attributes:
        name: unquoted.
        key: types of the key's columns.
        columns: types of the others.
        unique: it has a column `slot` whose values rows swap.
        parent: it has a column `up` that references its own key (a single one).
        deferrable: that reference is.
        partitions: by hash of the key, in two.
        generated: it has a stored generated column.
        extra: production has a column of its own, and its columns in another order.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    unique: bool
    parent: bool
    deferrable: bool
    partitions: bool
    generated: bool
    extra: bool

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def names(self) -> list[str]:
        """Every column that both sides have, in SQL."""
        names = [f'"k{n}"' for n in range(len(self.key))] + [f'"c {n}"' for n in range(len(self.columns))]
        return names + ["slot"] * self.unique + ["up"] * self.parent

    def create(self, schema: str, *, production: bool) -> str:
        """SQL that makes it."""
        key = ", ".join(f'"k{n}"' for n in range(len(self.key)))
        parts = [f'"k{n}" {kind} NOT NULL' for n, kind in enumerate(self.key)]
        others = [f'"c {n}" {kind}' for n, kind in enumerate(self.columns)]
        if self.unique:
            others.append("slot integer UNIQUE")
        if self.parent:
            deferrable = " DEFERRABLE" if self.deferrable else ""
            others.append(f"up {self.key[0]} REFERENCES {{schema}}.{self.quoted}{deferrable}")
        if self.generated:
            others.append(
                "made text GENERATED ALWAYS AS (CASE WHEN \"k0\" IS NULL THEN '' ELSE 'x' END) STORED"
            )
        if production and self.extra:
            others = [*others[::-1], "own text DEFAULT 'mine'"]
        split = " PARTITION BY HASH (k0)" if self.partitions else ""
        made = f"CREATE TABLE {{schema}}.{self.quoted} ({', '.join([*parts, *others])}, PRIMARY KEY ({key})){split};"
        if self.partitions:
            for n in (0, 1):
                made += (
                    f"CREATE TABLE {{schema}}.part{n} PARTITION OF {{schema}}.{self.quoted}"
                    f" FOR VALUES WITH (MODULUS 2, REMAINDER {n});"
                )
        return made.replace("{schema}", schema)

    def insert(self, schema: str, rows: Rows) -> str:
        """SQL that fills it, in one statement."""
        if not rows:
            return ""
        values = ", ".join(f"({', '.join([*key, *row])})" for key, row in rows.items())
        return f"INSERT INTO {{schema}}.{self.quoted} ({', '.join(self.names)}) VALUES {values};".replace(
            "{schema}", schema
        )

    def dump(self, schema: str) -> str:
        """SQL that shows what both sides must have in common."""
        return f"SELECT {', '.join(f'quote_nullable({name}::text)' for name in self.names)} FROM {schema}.{self.quoted} ORDER BY 1, 2"


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """A random table."""
    key = tuple(draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2)))
    partitions = draw(st.booleans()) and key[0] in ("integer", "text", "uuid")
    return Shape(
        name=draw(st.sampled_from(NAMES)),
        key=key,
        columns=tuple(draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=6))),
        unique=draw(st.booleans()) and not partitions,
        parent=draw(st.booleans()) and len(key) == 1 and not partitions,
        deferrable=draw(st.booleans()),
        partitions=partitions,
        generated=draw(st.booleans()),
        extra=draw(st.booleans()),
    )


@st.composite
def contents(draw: st.DrawFn, shape: Shape) -> Rows:
    """Random rows of a table."""
    keys = draw(
        st.lists(st.tuples(*(st.sampled_from(KEYS[kind]) for kind in shape.key)), unique=True, max_size=6)
    )
    slots = draw(st.permutations(range(len(keys))))
    rows: Rows = {}
    for key, slot in zip(keys, slots, strict=True):
        row = [draw(st.sampled_from(["NULL", *TYPES[kind]])) for kind in shape.columns]
        if shape.unique:
            row.append(str(slot))
        if shape.parent:
            row.append(draw(st.sampled_from(["NULL", *(other[0] for other in keys)])))
        rows[key] = tuple(row)
    return rows
