"""A table as the catalog describes it, and the SQL that names its columns, key and rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.promotion.quoting import identifier


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: unquoted.
        declared: its type with modifiers, as `format_type` prints it.
        carrier: the type without modifiers that a staging table gives it.
        as_text: its binary form holds object ids of one database (enums, domains, composites, types of
            extensions, reg* types) or it has none: it is hashed and sent as text.
        sender: the function that gives a value's exact binary form; None where it is hashed as it is, because its
            type's own hash is over every bit of it.
        details: what else decides which values it may hold or how they are read: enum labels, the value of
            rows older than the column.
        required: NOT NULL.
        has_default: an INSERT may leave it out.
        generated: computed by the server: neither compared nor sent.
        always: GENERATED ALWAYS AS IDENTITY: an UPDATE may not set it.
        parkable: it may be null for a moment: no foreign key looks at it, and nulls are no duplicates.
    """

    name: str
    declared: str
    carrier: str
    as_text: bool
    sender: str | None
    details: str
    required: bool
    has_default: bool
    generated: bool
    always: bool
    parkable: bool

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return identifier(self.name)

    def image(self, value: str) -> str:
        """SQL for what stands for a value in the row's hash: the same for identical values only."""
        if self.as_text:
            return f'({value})::text COLLATE "C"'
        if self.sender:
            return f"{self.sender}({value})"
        # With a collation, text that is equal and not identical would hash alike.
        return f'{value} COLLATE "C"' if self.carrier in {"text", "character varying"} else value


@dataclass(frozen=True)
class Reference:
    """A foreign key.

    Attributes:
        name: of the constraint.
        table: that it references, as a qualified name in SQL.
        deferrable: it may be checked at COMMIT.
    """

    name: str
    table: str
    deferrable: bool


@dataclass(frozen=True)
class Relation:
    """A table of one database.

    Attributes:
        schema: unquoted.
        name: unquoted.
        oid: the table's own, and those of its partitions.
        files: the file of each; another one when the table was rewritten and its rows have other places.
        destination_oid: the same table's in the destination.
        columns: in the table's order, without generated ones.
        generated: names of the generated columns.
        key: names of the primary key's columns; empty when there is none.
        unique: names of the columns in other unique or exclusion constraints that are checked at once.
        acted_upon: a foreign key elsewhere cascades, nulls or restricts when rows are deleted here.
        references: its foreign keys.
        estimated_rows: the planner's estimate.
        bytes: of the heap, with partitions.
        sequences: name in SQL and the column it feeds.
        triggers: enabled triggers of users.
    """

    schema: str
    name: str
    oid: tuple[int, ...]
    files: tuple[int, ...]
    columns: tuple[Column, ...]
    generated: tuple[str, ...]
    key: tuple[str, ...]
    unique: tuple[str, ...]
    acted_upon: bool
    references: tuple[Reference, ...]
    estimated_rows: int
    bytes: int
    sequences: tuple[tuple[str, str], ...]
    triggers: tuple[str, ...]
    destination_oid: tuple[int, ...] = ()

    @classmethod
    def from_catalog(cls, said: dict[str, Any]) -> "Relation":
        """Read what catalog.py asked for."""
        columns = [Column(**column) for column in said["columns"]]
        return cls(
            schema=said["schema"],
            name=said["name"],
            oid=tuple(said["oids"]),
            files=tuple(said["files"]),
            columns=tuple(column for column in columns if not column.generated),
            generated=tuple(column.name for column in columns if column.generated),
            key=tuple(said["key"] or ()),
            unique=tuple(said["unique"] or ()),
            acted_upon=said["acted_upon"],
            references=tuple(Reference(**reference) for reference in said["references"] or ()),
            estimated_rows=said["estimated_rows"],
            bytes=said["bytes"],
            sequences=tuple((sequence, column) for sequence, column in said["sequences"] or ()),
            triggers=tuple(said["triggers"] or ()),
        )

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """Its qualified name in SQL."""
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    def of(self, names: Sequence[str]) -> tuple[Column, ...]:
        """Columns by name, in that order."""
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in names)

    def only(self, names: Sequence[str]) -> "Relation":
        """The same table with some of its columns, in that order."""
        return replace(self, columns=self.of(names))

    @property
    def there(self) -> "Relation":
        """The destination's table, as far as places go."""
        return replace(self, oid=self.destination_oid)

    @property
    def signature(self) -> str:
        """Changes whenever a row may read differently although nobody wrote it."""
        return repr((self.oid, [(c.name, c.declared, c.details) for c in self.columns]))

    def key_text(self, alias: str) -> str:
        """SQL for a row's key as one text: the column's own, or an array's when there are several."""
        parts = [f"{alias}.{column.quoted}::text" for column in self.of(self.key)]
        return parts[0] if len(parts) == 1 else f"ARRAY[{', '.join(parts)}]::text"

    def place(self, alias: str) -> str:
        """SQL for where a row version is, in eight bytes: its partition's number, then block and item."""
        if len(self.oid) == 1:
            return f"'\\x0000'::bytea || tidsend({alias}.ctid)"
        oids = ",".join(map(str, self.oid))
        return (
            f"int2send(array_position('{{{oids}}}'::oid[], {alias}.tableoid)::int2) || tidsend({alias}.ctid)"
        )

    def at_places(self, alias: str, places: Sequence[int]) -> str:
        """SQL: the row version is at one of these places."""
        by_part: dict[int, list[int]] = {}
        for place in places:
            by_part.setdefault(place >> 48, []).append(place)
        return " OR ".join(
            f"({f'{alias}.tableoid = {self.oid[part - 1]} AND ' if part else ''}{alias}.ctid = ANY ({_tids(some)}))"
            for part, some in by_part.items()
        )

    def unnested(self, places: Sequence[int]) -> str:
        """SQL for the arguments of an `unnest` that gives each place's table and row."""
        parts = ",".join(str(self.oid[max(0, (place >> 48) - 1)]) for place in places)
        return f"'{{{parts}}}'::oid[], {_tids(places)}"

    def parsed_keys(self, table: str, column: str, more: str = "") -> str:
        """SQL for a subquery with the columns k0, k1, ... of the keys in a text column, and `key`, their text.

        Args:
            table: in SQL.
            column: of the keys.
            more: what else to select from `k`, and from which rows: ", k.x FROM ... AS k WHERE ...".
        """
        return f"(SELECT k.{column} AS key, {self._parsed('k.' + column)} {more or f'FROM {table} AS k'})"

    def _parsed(self, text: str) -> str:
        key = self.of(self.key)
        if len(key) == 1:
            return f"{text}::{key[0].declared} AS k0"
        return ", ".join(f"({text}::text[])[{n + 1}]::{c.declared} AS k{n}" for n, c in enumerate(key))

    def matches(self, alias: str, other: str) -> str:
        """SQL: the row `alias` has the key that `other` holds in k0, k1, ...."""
        return " AND ".join(f"{alias}.{c.quoted} = {other}.k{n}" for n, c in enumerate(self.of(self.key)))

    def sent(self, alias: str) -> str:
        """SQL: every column as it is sent."""
        return ", ".join(f"{alias}.{c.quoted}{'::text' if c.as_text else ''}" for c in self.columns)

    def texts(self, alias: str) -> str:
        """SQL: every column as text, in one array."""
        return f"ARRAY[{', '.join(f'{alias}.{c.quoted}::text' for c in self.columns)}]::text[]"


def _tids(places: Sequence[int]) -> str:
    """SQL for an array of blocks and items."""
    tids = ",".join(f'"({place >> 16 & 0xFFFFFFFF},{place & 0xFFFF})"' for place in places)
    return f"'{{{tids}}}'::tid[]"
