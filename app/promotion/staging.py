"""Temporary tables of the destination's session: the rows to write and the keys to delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.promotion.hashing import Hashing
from app.promotion.plan import Strategy, TablePlan
from app.promotion.quoting import text_array
from app.promotion.relation import Column, Relation


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
        """The table of rows to write: c0, c1, ... as sent, hash, key, is_new."""
        return f"pg_temp.promoted_{self.number}"

    @property
    def gone(self) -> str:
        """The table of keys to delete."""
        return f"pg_temp.gone_{self.number}"

    def create(self) -> str:
        """SQL that makes both, with the keys to delete."""
        if self.table.strategy is Strategy.FIRST:
            return ""
        columns = ", ".join(
            f"c{n} {'text' if column.as_text else column.carrier}"
            for n, column in enumerate(self.table.relation.columns)
        )
        keys = text_array(self.table.difference.deleted)
        return (
            f"CREATE TEMP TABLE promoted_{self.number} ({columns}, hash bigint, key text, is_new boolean)"
            f" ON COMMIT DROP; CREATE TEMP TABLE gone_{self.number} (key text) ON COMMIT DROP;"
            f" INSERT INTO {self.gone} SELECT unnest({keys});"
        )

    def query(self, hashing: Hashing) -> str:
        """SQL that reads the rows to write from the source."""
        relation = self.table.relation
        if self.table.strategy is Strategy.FIRST:
            return f"SELECT {relation.sent('t')} FROM {relation.quoted} AS t"
        read = f"SELECT {relation.sent('t')}, {hashing.row(relation, 't')}, {relation.key_text('t')}"
        if self.table.strategy is Strategy.WHOLE:
            return f"{read}, NULL::boolean FROM {relation.quoted} AS t"
        parts = [
            f"{read}, {is_new} FROM {relation.keys(list(keys))} AS k JOIN {relation.quoted} AS t"
            f" ON {relation.matches('t', 'k')}"
            for keys, is_new in (
                (self.table.difference.inserted, "true"),
                (self.table.difference.updated, "false"),
            )
            if keys
        ]
        return " UNION ALL ".join(parts)

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
        """SQL: row `t` has the key of the staged row `s`."""
        relation = self.table.relation
        return " AND ".join(f"t.{c.quoted} = {self.value(c)}" for c in relation.of(relation.key))

    def analyze(self) -> str:
        """SQL that lets the planner know how many rows wait and which keys they have."""
        if self.table.strategy is Strategy.FIRST:
            return ""
        relation = self.table.relation
        names = [column.name for column in relation.columns]
        keys = ", ".join(f"c{names.index(name)}" for name in relation.key)
        return f"ANALYZE {self.rows} ({keys}); ANALYZE {self.gone};"


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
