"""The plan: what production would change, with a digest that stands for exactly that."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.promotion.catalog import Side
from app.promotion.changes import Difference
from app.promotion.hashing import Hashing
from app.promotion.relation import Relation


class Strategy(StrEnum):
    """How a table's changes reach production."""

    NOTHING = "nothing"
    ROWS = "changed rows"
    WHOLE = "whole table"
    """Every row is sent and compared there: too many differ to name them one by one."""
    FIRST = "first copy"
    """Production's table is empty: every row is copied straight into it."""


@dataclass(frozen=True)
class Sample:
    """One change, for people.

    Attributes:
        key: of the row.
        before: column to text; empty for an insert.
        after: column to text; empty for a delete.
    """

    key: str
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]


@dataclass(frozen=True)
class TablePlan:
    """What would change in one table."""

    relation: Relation
    difference: Difference
    samples: tuple[Sample, ...] = ()

    @property
    def strategy(self) -> Strategy:
        """How its changes travel."""
        if not self.changes:
            return Strategy.NOTHING
        if self.difference.empty:
            return Strategy.FIRST
        return Strategy.ROWS if self.difference.kept else Strategy.WHOLE

    @property
    def inserted(self) -> int:
        """Rows to insert."""
        return self.difference.counts[0]

    @property
    def updated(self) -> int:
        """Rows to update."""
        return self.difference.counts[1]

    @property
    def deleted(self) -> int:
        """Rows to delete."""
        return self.difference.counts[2]

    @property
    def changes(self) -> int:
        """Rows to touch."""
        return sum(self.difference.counts)

    @property
    def unchanged(self) -> int:
        """Rows of production that stay."""
        return self.difference.rows[1] - self.updated - self.deleted

    @property
    def sends(self) -> int:
        """Rows that have to reach production."""
        if self.strategy is Strategy.WHOLE:
            return self.difference.rows[0]
        return self.inserted + self.updated

    @property
    def bytes_to_move(self) -> int:
        """About what the rows to send weigh, from the table's average row."""
        return self.sends * self.relation.bytes // max(1, self.difference.rows[0])


@dataclass(frozen=True)
class Finding:
    """A gate that would refuse, or a warning.

    Attributes:
        gate: its name for `--override`; empty for a warning.
        message: what it found, with the remedy.
    """

    gate: str
    message: str


@dataclass(frozen=True)
class Plan:
    """Everything that a promotion would do, and why it might be refused."""

    source: Side
    destination: Side
    hashing: Hashing
    tables: tuple[TablePlan, ...]
    findings: tuple[Finding, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    incremental: bool = False

    @property
    def changes(self) -> int:
        """Rows to touch in all tables."""
        return sum(table.changes for table in self.tables)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that refuse."""
        return tuple(finding for finding in self.findings if finding.gate)

    @property
    def digest(self) -> str:
        """Names this plan: the seed of its hashes, then a hash of both databases and every change.

        The same states of both databases give the same digest when the plan is made with the same seed.
        """
        content = hashlib.sha256()
        for side in (self.source, self.destination):
            content.update(f"{side.stamp_id} {side.system_identifier} {side.database_oid}\n".encode())
        for table in self.tables:
            difference = table.difference
            content.update(f"{table.relation.quoted} {difference.counts}\n".encode())
            if not difference.kept:
                state = difference.versions if difference.empty else difference.sums
                content.update(f"{difference.rows} {state}\n".encode())
            for changes, numbers in (
                (difference.inserted, 2),
                (difference.updated, 3),
                (difference.deleted, 2),
            ):
                for number in range(numbers):  # keys and hashes, not places
                    content.update(changes.column(number))
        return f"{self.hashing.seed:08x}-{content.hexdigest()[:16]}"


def seed_of(digest: str) -> int | None:
    """The seed that a digest was made with; None when it isn't one."""
    seed, dash, content = digest.strip().partition("-")
    try:
        return int(seed, 16) if dash and content else None
    except ValueError:
        return None


def same_columns(source: Relation, destination: Relation) -> Sequence[str]:
    """Names of the columns that both tables have, in the source's order."""
    there = {column.name for column in destination.columns}
    return [column.name for column in source.columns if column.name in there]
