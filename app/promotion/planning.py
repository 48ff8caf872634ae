"""Making a plan: describe both sides, ask the guards, compare, take samples."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion import guard
from app.promotion.catalog import Side, describe
from app.promotion.fingerprint import Compared, Difference, differences
from app.promotion.guard import Tolerance
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge, knowledge
from app.promotion.plan import Plan, Sample, TablePlan, same_columns
from app.promotion.quoting import identifier
from app.promotion.relation import Relation
from app.promotion.scans import into_empty, unwritten
from app.promotion.waiting import at_once

_SAMPLES: Final = 3
"""Changes of each kind shown for a table."""
_NEVER_ANALYZED: Final = 1_000
"""Bytes that a row is taken to have in a table without statistics."""


def _silent(_: str) -> None:
    return None


def _uncounted(_: int, __: int) -> None:
    return None


@dataclass(frozen=True)
class Request:
    """What to promote and how carefully.

    Attributes:
        tables: schema and name, parents before the tables that reference them.
        tolerance: of the guards.
        full: compare every row, whatever an earlier promotion knows.
        verify_full: compare whole tables again after they were written, before COMMIT.
        samples: show some of the changes.
        phase: told what happens now.
        moved: told of rows and bytes on their way.
    """

    tables: Sequence[tuple[str, str]]
    tolerance: Tolerance = field(default_factory=Tolerance)
    full: bool = False
    verify_full: bool = False
    samples: bool = True
    phase: Callable[[str], None] = _silent
    moved: Callable[[int, int], None] = _uncounted


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note how long a phase took."""
    begun = time.monotonic()
    yield
    seconds[phase] = round(seconds.get(phase, 0) + time.monotonic() - begun, 3)


def make_plan(
    source: Cursor, destination: Cursor, labels: tuple[str, str], request: Request, seed: int | None = None
) -> Plan:
    """Compare both sides, each in its one snapshot.

    Args:
        source: in a REPEATABLE READ transaction that reads.
        destination: likewise.
        labels: of both, for people.
        request: what to compare.
        seed: of an earlier plan that is to be found again; drawn when None.

    Raises:
        GuardedError: the two must not be compared at all, and nobody overrode it.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "describe"):
        sides = _describe(source, destination, labels, request)
    findings = list(guard.sides(*sides, request.tolerance))
    names = [f"{identifier(schema)}.{identifier(name)}" for schema, name in request.tables]
    findings += guard.schemas(*sides, names)
    guard.refuse(findings, request.tolerance.overrides)
    hashing = Hashing(
        seed=secrets.randbits(31) if seed is None else seed, portable=sides[0].probe != sides[1].probe
    )
    relations = _shared(*sides, names)
    request.phase("compare")
    with timed(seconds, "compare"):
        careful = request.full or request.verify_full
        known = None if careful else knowledge(*sides, relations)
        empty = _never_filled(sides[1], relations)
        others = compare(source, destination, [r for r in relations if r not in empty], hashing, known)
        changing = {
            relation.quoted
            for relation, difference in zip([r for r in relations if r not in empty], others, strict=True)
            if difference.counts != (0, 0, 0)
        }
        first = _copied_first(sides[1], empty, changing)
        staged = iter(compare(source, destination, [r for r in empty if r not in first], hashing, None))
        copied = iter(into_empty(source, first, hashing.seed))
        filled = [next(copied) if r in first else next(staged) for r in empty]
        found = _in_order(relations, empty, filled, others)
    tables = [TablePlan(r, d) for r, d in zip(relations, found, strict=True)]
    if request.samples and any(table.changes for table in tables):
        with timed(seconds, "samples"):
            tables = _sampled(source, destination, tables)
    plan = Plan(*sides, hashing, tuple(tables), tuple(findings), seconds, incremental=known is not None)
    return replace(plan, findings=(*findings, *guard.changes(plan, request.tolerance)))


def _never_filled(destination: Side, relations: Sequence[Relation]) -> list[Relation]:
    """Tables of production without a single page, whose rows can be copied as they are."""
    return [
        relation
        for relation in relations
        if not destination.relations[relation.quoted].bytes
        and not any(column.as_text for column in relation.columns)
    ]


def _copied_first(destination: Side, empty: Sequence[Relation], changing: Collection[str]) -> list[Relation]:
    """The empty tables whose references hold as soon as their rows are copied, one table after the other.

    COPY checks what cannot be deferred at its own end; other tables' rows change later, within the message.
    The rest is staged, and takes part in the one statement for all tables.
    """
    names = [relation.quoted for relation in empty]
    first = list(empty)
    while True:
        kept = [
            relation
            for relation in first
            if all(
                reference.deferrable
                or reference.table == relation.quoted
                or (reference.table not in changing and reference.table not in names)
                or reference.table in [earlier.quoted for earlier in first[: first.index(relation)]]
                for reference in destination.relations[relation.quoted].references
            )
        ]
        if kept == first:
            return first
        first = kept


def _in_order(
    relations: Sequence[Relation],
    empty: Sequence[Relation],
    filled: Sequence[Difference],
    others: Sequence[Difference],
) -> list[Difference]:
    """The differences of empty tables and of the others, in the order of all."""
    first, rest = iter(filled), iter(others)
    return [next(first) if relation in empty else next(rest) for relation in relations]


def compare(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    hashing: Hashing,
    known: Knowledge | None,
) -> list[Difference]:
    """Compare every table, skipping what is known."""
    if known is None:
        return differences(source, destination, [Compared(relation) for relation in relations], hashing)
    same = [relation for relation in relations if relation.quoted in known.rows]
    if not known.untouched:
        same = unwritten(source, destination, same, known.rows, (known.source, known.destination))
    rest = [relation for relation in relations if relation not in same]
    compared = [
        Compared(r, known=(known.source, known.destination) if r.quoted in known.rows else None) for r in rest
    ]
    found = dict(
        zip([r.quoted for r in rest], differences(source, destination, compared, hashing), strict=True)
    )
    unchanged = {r.quoted: Difference(rows=(known.rows[r.quoted],) * 2, sums=None) for r in same}
    return [(found | unchanged)[relation.quoted] for relation in relations]


def _describe(
    source: Cursor, destination: Cursor, labels: tuple[str, str], request: Request
) -> tuple[Side, Side]:
    """Both sides; the source holds a random advisory lock that the destination must not see.

    A fixed key would take another promotion for the same database.
    """
    key = secrets.randbits(31)
    request.phase("describe")
    ours = describe(source, labels[0], request.tables, lock=f"(SELECT pg_advisory_xact_lock({key})) IS NULL")
    theirs = describe(
        destination,
        labels[1],
        request.tables,
        lock="EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
        f" WHERE locktype = 'advisory' AND objid = {key} AND d.datname = current_database())",
        source=ours,
    )
    return ours, theirs


def _shared(source: Side, destination: Side, names: Sequence[str]) -> list[Relation]:
    """The tables that both have, with the columns that both have."""
    shared = []
    for name in names:
        ours, theirs = source.relations.get(name), destination.relations.get(name)
        if ours and theirs and ours.key and ours.key == theirs.key:
            shared.append(_as_written(ours.only(same_columns(ours, theirs)), theirs))
    return shared


def _as_written(relation: Relation, theirs: Relation) -> Relation:
    """The source's columns with what decides how the destination's table is written."""
    there = {column.name: column for column in theirs.columns}
    return replace(
        relation,
        columns=tuple(
            replace(
                column,
                always=there[column.name].always,
                declared=there[column.name].declared,
                parkable=there[column.name].parkable,
            )
            for column in relation.columns
        ),
        unique=theirs.unique,
        acted_upon=theirs.acted_upon,
        estimated_rows=max(relation.estimated_rows, theirs.estimated_rows, relation.bytes // _NEVER_ANALYZED),
        sequences=theirs.sequences,
        triggers=theirs.triggers,
    )


def _sampled(source: Cursor, destination: Cursor, tables: Sequence[TablePlan]) -> list[TablePlan]:
    """The plans with a few changes of each kind, as both sides have them."""
    wanted = {
        n: [
            key
            for changes in (table.difference.inserted, table.difference.updated, table.difference.deleted)
            for key in sorted(changes)[:_SAMPLES]
        ]
        for n, table in enumerate(tables)
    }
    query = " UNION ALL ".join(
        f"SELECT {n}, k.key, {tables[n].relation.texts('t')} FROM {tables[n].relation.keys(keys)} AS k"
        f" JOIN {tables[n].relation.quoted} AS t ON {tables[n].relation.matches('t', 'k')}"
        for n, keys in wanted.items()
        if keys
    )
    if not query:
        return list(tables)

    def rows(cursor: Cursor) -> Mapping[tuple[int, str], list[str | None]]:
        cursor.execute(query)
        return {(n, key): values for n, key, values in cursor.fetchall()}

    ours, theirs = at_once(rows, [source, destination])
    return [
        TablePlan(
            table.relation,
            table.difference,
            tuple(
                _sample(table.relation, key, theirs.get((n, key)), ours.get((n, key))) for key in wanted[n]
            ),
        )
        for n, table in enumerate(tables)
    ]


def _sample(
    relation: Relation, key: str, before: Sequence[str | None] | None, after: Sequence[str | None] | None
) -> Sample:
    names = [column.name for column in relation.columns]
    return Sample(
        key, dict(zip(names, before or (), strict=False)), dict(zip(names, after or (), strict=False))
    )
