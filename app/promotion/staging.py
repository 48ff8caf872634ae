"""Temporary tables of the destination's session: rows to write, and where the rows to replace and to delete are."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.promotion.hashing import Hashing
from app.promotion.plan import Strategy, TablePlan
from app.promotion.quoting import bigint_array
from app.promotion.relation import Column, Relation

_AT_ONCE: Final = 2_000
"""Rows that one statement names; bounds the client's memory."""


@dataclass(frozen=True)
class Staging:
    """Where one table's changes wait for their transaction.

    Attributes:
        number: of the table in the plan.
        table: what is to change.
        rekeying: columns whose change makes a row be deleted and inserted again: unique ones, so that rows may
            swap their values, and those that an UPDATE may not set.
        own: columns that the destination has alone; a row that is deleted and inserted again keeps them.
        parking: unique columns that are null for a moment, where a row must not be deleted because a foreign
            key acts on that.
    """

    number: int
    table: TablePlan
    rekeying: tuple[Column, ...]
    own: tuple[Column, ...]
    parking: tuple[Column, ...]

    @property
    def rows(self) -> str:
        """The table of rows to write: c0, c1, ... as sent, hash, key, and where the row to replace is, if that is known."""
        return f"pg_temp.promoted_{self.number}"

    @property
    def found(self) -> str:
        """The table of those that differ from what is there: staged place, key, hash, and the row's place or null."""
        return f"pg_temp.found_{self.number}"

    @property
    def gone(self) -> str:
        """The table of the places of rows to delete."""
        return f"pg_temp.gone_{self.number}"

    def create(self, hashing: Hashing) -> str:
        """SQL that makes them, with the rows to delete: where the plan saw them, if they still are what it saw."""
        if self.table.strategy is Strategy.FIRST:
            return ""
        columns = ", ".join(
            f"c{n} {'text' if column.as_text else column.carrier}"
            for n, column in enumerate(self.table.relation.columns)
        )
        relation, deleted = self.table.relation, self.table.difference.deleted
        fill = (
            f" INSERT INTO {self.gone} SELECT d.part, d.at"
            f" FROM unnest({relation.there.unnested(deleted.column(2))}, {bigint_array(deleted.column(1))}) AS d(part, at, hash)"
            f" JOIN {relation.quoted} AS t ON t.tableoid = d.part AND t.ctid = d.at WHERE {hashing.row(relation, 't')} = d.hash;"
            if deleted
            else ""
        )
        return (
            f"CREATE TEMP TABLE promoted_{self.number} ({columns}, hash bigint, key text, part oid, at tid)"
            f" ON COMMIT DROP; CREATE TEMP TABLE gone_{self.number} (part oid, at tid) ON COMMIT DROP;{fill}"
        )

    def queries(self, hashing: Hashing) -> Iterator[str]:
        """SQL that reads the rows to write from the source, some of them at a time."""
        relation, difference = self.table.relation, self.table.difference
        rows = f"FROM {relation.quoted} AS t"
        read = f"SELECT {relation.sent('t')}, {hashing.row(relation, 't')}, {relation.key_text('t')}"
        if self.table.strategy is Strategy.FIRST:
            yield f"SELECT {relation.sent('t')} {rows}"
        elif self.table.strategy is Strategy.WHOLE:
            yield f"{read}, NULL::oid, NULL::tid {rows}"
        for places in _some(difference.inserted.column(2)):
            yield f"{read}, NULL::oid, NULL::tid {rows} WHERE {relation.at_places('t', places)}"
        replaced = zip(_some(difference.updated.column(3)), _some(difference.updated.column(4)), strict=True)
        for there, here in replaced:
            yield (
                f"{read}, d.part_there, d.there {rows} JOIN"
                f" unnest({relation.unnested(here)}, {relation.there.unnested(there)})"
                " AS d(part, here, part_there, there) ON t.tableoid = d.part AND t.ctid = d.here"
            )

    @property
    def into(self) -> str:
        """SQL for where the query's rows are copied to."""
        if self.table.strategy is not Strategy.FIRST:
            return self.rows
        return f"{self.table.relation.quoted} ({', '.join(c.quoted for c in self.table.relation.columns)})"

    def value(self, column: Column) -> str:
        """SQL for a staged column with the destination's type."""
        number = [c.name for c in self.table.relation.columns].index(column.name)
        return f"s.c{number}::{column.declared}" if column.as_text else f"s.c{number}"

    @property
    def matches(self) -> str:
        """SQL: row `t` has the key of the staged row `s`, and in the same words: `Abc` may equal `abc`, also by its collation."""
        relation = self.table.relation
        same = " AND ".join(f"t.{c.quoted} = {self.value(c)}" for c in relation.of(relation.key))
        return f'{same} AND {relation.key_text("t")} COLLATE "C" = s.key'

    def find(self, hashing: Hashing) -> str:
        """SQL that finds the rows to replace, before the lock is taken.

        Under the lock no row may be younger than the plan and no table another file: whatever is at these places
        then is what was found.
        """
        if self.table.strategy is not Strategy.WHOLE:
            return (
                f"CREATE TEMP TABLE found_{self.number} ON COMMIT DROP AS"
                f" SELECT ctid AS staged, key, hash, part, at FROM {self.rows}; ANALYZE {self.found}; ANALYZE {self.gone};"
            )
        relation = self.table.relation
        names = [column.name for column in relation.columns]
        keys = ", ".join(f"c{names.index(name)}" for name in relation.key)
        differ = f" WHERE t.ctid IS NULL OR {hashing.row(relation, 't')} <> s.hash"
        gone = (
            f" INSERT INTO {self.gone} SELECT t.tableoid, t.ctid FROM {relation.quoted} AS t"
            f" WHERE NOT EXISTS (SELECT FROM {self.rows} AS s WHERE {self.matches});"
        )
        return (
            f"ANALYZE {self.rows} ({keys}); CREATE TEMP TABLE found_{self.number} ON COMMIT DROP AS"
            f" SELECT s.ctid AS staged, s.key, s.hash, t.tableoid AS part, t.ctid AS at FROM {self.rows} AS s"
            f" LEFT JOIN {relation.quoted} AS t ON {self.matches}{differ if self.table.unchanged else ''};"
            f"{gone if self.table.deleted else ''} ANALYZE {self.found}; ANALYZE {self.gone};"
        )

    @property
    def at(self) -> str:
        """SQL: row `t` was found for the staged row `s`, as `f` says."""
        return "t.ctid = f.at AND t.tableoid = f.part AND s.ctid = f.staged"


def stagings(tables: Sequence[TablePlan], destination: Mapping[str, Relation]) -> list[Staging]:
    """A staging for each table that changes.

    Args:
        tables: of the plan.
        destination: its relations as the destination has them.
    """
    return [
        _staging(n, table, destination[table.relation.quoted])
        for n, table in enumerate(tables)
        if table.changes
    ]


def _staging(number: int, table: TablePlan, there: Relation) -> Staging:
    relation = table.relation
    shared = {column.name for column in relation.columns}
    unique = [c for c in relation.columns if c.name not in relation.key and c.name in relation.unique]
    always = [c for c in relation.columns if c.name not in relation.key and c.always and c not in unique]
    return Staging(
        number,
        table,
        rekeying=() if relation.acted_upon else (*unique, *always),
        own=tuple(column for column in there.columns if column.name not in shared),
        parking=tuple(column for column in unique if column.parkable) if relation.acted_upon else (),
    )


def _some(places: "array[int]") -> Iterator["array[int]"]:
    """As many as one statement names."""
    return (places[at : at + _AT_ONCE] for at in range(0, len(places), _AT_ONCE))
