"""Making a plan: describe both sides, ask the guards, compare, take samples."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.errors import TemporaryFailure
from app.promotion import guard
from app.promotion.catalog import Side, describe
from app.promotion.changes import Difference
from app.promotion.fingerprint import differences
from app.promotion.guard import Tolerance
from app.promotion.hashing import Hashing
from app.promotion.known import Knowledge, knowledge
from app.promotion.plan import Plan, TablePlan, same_columns
from app.promotion.quoting import identifier
from app.promotion.relation import Relation
from app.promotion.rowwise import CollisionError
from app.promotion.samples import sampled
from app.promotion.scans import into_empty
from app.promotion.younger import since

_ATTEMPTS: Final = 8
"""Seeds that are tried when keys collide: with 64 bits hardly ever a second one."""
_NEVER_ANALYZED: Final = 1_000
"""Bytes that a row is taken to have in a table without statistics."""


class IndistinctError(TemporaryFailure):
    """No hash told all keys of the tables apart. Try again."""


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
        key_bits: of the hashes that stand for keys.
        phase: told what happens now.
        moved: told of rows and bytes on their way.
    """

    tables: Sequence[tuple[str, str]]
    tolerance: Tolerance = field(default_factory=Tolerance)
    full: bool = False
    verify_full: bool = False
    samples: bool = True
    key_bits: int = 64
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
        seed=secrets.randbits(31) if seed is None else seed,
        portable=sides[0].probe != sides[1].probe,
        key_bits=request.key_bits,
    )
    relations = _shared(*sides, names)
    request.phase("compare")
    with timed(seconds, "compare"):
        careful = request.full or request.verify_full
        known = None if careful else knowledge(*sides, relations)
        hashing, found = _told_apart(
            hashing, lambda tried: _compared((source, destination), relations, sides, tried, known)
        )
    tables = [TablePlan(r, d) for r, d in zip(relations, found, strict=True)]
    if request.samples and any(table.changes for table in tables):
        with timed(seconds, "samples"):
            tables = sampled(source, destination, tables, hashing)
    plan = Plan(*sides, hashing, tuple(tables), tuple(findings), seconds, incremental=known is not None)
    return replace(plan, findings=(*findings, *guard.changes(plan, request.tolerance)))


def _told_apart(
    first: Hashing, compared: Callable[[Hashing], list[Difference]]
) -> tuple[Hashing, list[Difference]]:
    """The differences of all tables, with the first hashing whose key hashes do not collide.

    Raises:
        IndistinctError: there was none.
    """
    hashing = first
    for _ in range(_ATTEMPTS):
        with suppress(CollisionError):
            return hashing, compared(hashing)
        hashing = hashing.again()
    raise IndistinctError


def _compared(
    cursors: tuple[Cursor, Cursor],
    relations: Sequence[Relation],
    sides: tuple[Side, Side],
    hashing: Hashing,
    known: Knowledge | None,
) -> list[Difference]:
    """The differences of all tables."""
    empty = _never_filled(sides[1], relations)
    filled = [relation for relation in relations if relation not in empty]
    found = compare(*cursors, filled, hashing, known)
    first = _copied_first(
        sides[1], empty, {name for name, difference in found.items() if any(difference.counts)}
    )
    found |= compare(*cursors, [relation for relation in empty if relation not in first], hashing, None)
    found |= into_empty(cursors[0], first, hashing.seed)
    return [found[relation.quoted] for relation in relations]


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


def compare(
    source: Cursor,
    destination: Cursor,
    relations: Sequence[Relation],
    hashing: Hashing,
    known: Knowledge | None,
) -> dict[str, Difference]:
    """Compare every table, skipping what is known."""
    found = {} if known is None else since(source, destination, relations, known, hashing)
    rest = [relation for relation in relations if relation.quoted not in found]
    compared = differences(source, destination, rest, hashing) if rest else []
    return found | {relation.quoted: difference for relation, difference in zip(rest, compared, strict=True)}


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
        destination_oid=theirs.oid,
        files=theirs.files,
        triggers=theirs.triggers,
    )
