"""Undoing a promotion: the inverse, planned, atomic and verified like a promotion.

Rows that were changed again since are conflicts; everything else that came later stays.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.origin import Origin
from app.errors import Refused
from app.promotion.apply import stage_and_run
from app.promotion.catalog import Side, describe
from app.promotion.changes import Difference
from app.promotion.failures import noted
from app.promotion.hashing import Hashing, total
from app.promotion.ledger import Entry
from app.promotion.plan import TablePlan
from app.promotion.quoting import literal
from app.promotion.relation import Relation
from app.promotion.script import Limits, message
from app.promotion.staging import Staging, stagings
from settings import DatabaseTarget

_SHOWN: Final = 20
"""Conflicting rows that a refusal lists."""


class NotUndoableError(Refused):
    """This promotion cannot be undone; nothing was changed. `dance promotions` lists those that can."""


class ConflictError(Refused):
    """Rows of this promotion were changed again since; nothing was changed. Undo the later promotion first."""


@dataclass(frozen=True)
class RollbackPlan:
    """What undoing a promotion would do.

    Attributes:
        promotion: the ledger's row.
        destination: production as it is.
        tables: the inverse changes.
        hashing: of the promotion.
    """

    promotion: Mapping[str, Any]
    destination: Side
    tables: tuple[TablePlan, ...]
    hashing: Hashing

    @property
    def digest(self) -> str:
        """Names this rollback of this promotion in this production."""
        said = f"{self.destination.stamp_id} {self.promotion['run_id']} {[t.difference.counts for t in self.tables]}"
        return f"{self.promotion['id']}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def plan(production: ReadOnlyDatabase[Any], promotion: int | None) -> RollbackPlan:
    """What undoing a promotion would do now.

    Args:
        production: read only.
        promotion: its id in the ledger; None for the newest one that was not undone.

    Raises:
        NotUndoableError: there is no such promotion, it was undone, or its undo images are gone.
        ConflictError: rows of it were changed again; lists them.
    """
    label = f"{production.environment} ({production.label})"
    with production.read(snapshot=True) as transaction, transaction.cursor() as cursor:
        chosen = _ledger_row(cursor, promotion)
        names = [_split(table) for table in chosen["columns"]]
        side = describe(cursor, label, names)
        if side.stamped_as != DatabaseTarget.RENDER_PROD:
            raise NotUndoableError(f"{label} is stamped {side.stamped_as or 'nothing'}, not render_prod.")
        hashing = Hashing.from_stored(int(chosen["seed"]))
        relations = [_relation(side, table, columns) for table, columns in chosen["columns"].items()]
        _refuse_conflicts(cursor, chosen["id"], relations, hashing)
        tables = tuple(TablePlan(r, _difference(cursor, chosen["id"], r)) for r in relations)
    return RollbackPlan(chosen, side, tables, hashing)


def apply(
    made: RollbackPlan,
    production: WritableDatabase[Any],
    *,
    origin: Origin,
    limits: Limits,
) -> None:
    """Undo a promotion in one transaction, verified, with a row of its own in the ledger.

    Args:
        made: the plan.
        production: written.
        origin: who undoes it.
        limits: of waiting.

    Raises:
        StalePlanError: production changed since the plan.
        TemporaryFailure: see `stage_and_run`.
    """
    staged = stagings(made.tables, made.destination.relations)
    entry = Entry(
        kind="rollback",
        origin=origin,
        from_environment=made.promotion["from_environment"],
        from_stamp=made.destination.stamp_id,
        digest=made.digest,
        seed=made.hashing.stored,
        columns=made.promotion["columns"],
        source_as_of=None,
        counts={
            t.relation.quoted: {"inserted": t.inserted, "updated": t.updated, "deleted": t.deleted}
            for t in made.tables
        },
        seconds={},
        overrides={},
        known={},
    )
    undone = made.promotion["id"]
    marks = (
        f"UPDATE control.promotions SET undone_by = NULL WHERE undone_by = {undone};"
        f" UPDATE control.promotions SET undone_by = _promotion WHERE id = {undone};"
    )
    script = message(entry, staged, made.hashing, made.destination, limits, before_commit=marks)
    fill = " ".join(_fill(staging, undone, made.hashing) for staging in staged)
    with noted(production, entry):
        stage_and_run(
            production, None, staged, made.hashing, script=lambda: script, run_id=entry.run_id, fill=fill,
            moved=lambda _rows, _bytes: None, phase=lambda _phase: None,
        )  # fmt: skip


def _ledger_row(cursor: Cursor, promotion: int | None) -> dict[str, Any]:
    which = (
        f"p.id = {int(promotion)}" if promotion is not None else "p.kind = 'promotion' AND undone_by IS NULL"
    )
    cursor.execute(
        "SELECT to_json(p), (SELECT count(*) FROM control.promotion_undo u WHERE u.promotion_id = p.id)"
        f" FROM control.promotions AS p WHERE {which} ORDER BY p.id DESC LIMIT 1"
    )
    row = cursor.fetchone()
    if row is None:
        raise NotUndoableError(f"There is no such promotion. {NotUndoableError.__doc__}")
    chosen: dict[str, Any] = row[0]
    if chosen["undone_by"] is not None:
        raise NotUndoableError(f"Promotion {chosen['id']} was undone by {chosen['undone_by']} already.")
    if not row[1]:
        raise NotUndoableError(
            f"The rows that promotion {chosen['id']} replaced are no longer kept (PROMOTION_KEEP_UNDO)."
        )
    return chosen


def _split(quoted: str) -> tuple[str, str]:
    """Schema and name of a quoted name."""
    schema, _, name = quoted[1:-1].partition('"."')
    return schema.replace('""', '"'), name.replace('""', '"')


def _relation(side: Side, table: str, columns: Sequence[str]) -> Relation:
    relation = side.relations.get(table)
    there = {column.name for column in relation.columns} if relation else set()
    if relation is None or not there.issuperset(columns):
        missing = sorted(set(columns) - there)
        raise NotUndoableError(
            f"{table} has changed since: {', '.join(missing)} is missing. Migrate back first."
        )
    return relation.only(columns)


def _undo(
    relation: Relation, promotion: int, operations: Sequence[str] = ("insert", "update", "delete")
) -> str:
    """SQL for a subquery with the undo images of one table and their keys."""
    wanted = ", ".join(literal(operation) for operation in operations)
    return relation.parsed_keys(
        "",
        "row_key",
        ", k.operation, k.before, k.after_hash FROM control.promotion_undo AS k"
        f" WHERE k.promotion_id = {promotion} AND k.table_name = {literal(relation.quoted)}"
        f" AND k.operation IN ({wanted})",
    )


def _refuse_conflicts(
    cursor: Cursor, promotion: int, relations: Sequence[Relation], hashing: Hashing
) -> None:
    """Every row of the promotion must be as the promotion left it."""
    conflicts: list[str] = []
    for relation in relations:
        if _filled(cursor, promotion, relation) is not None:
            cursor.execute(
                "SELECT row_key <> n::text OR after_hash <> s FROM control.promotion_undo,"
                f" (SELECT count(*) AS n, {total(hashing.row(relation, 't'))} AS s FROM {relation.quoted} AS t) AS now"
                f" WHERE promotion_id = {promotion} AND table_name = {literal(relation.quoted)}"
            )
            if cursor.fetchone() != (False,):
                conflicts.append(
                    f"  {relation.label}: it was copied into an empty table and is not what it was then"
                )
            continue
        key = relation.of(relation.key)[0].quoted
        # A key that is equal and not identical ('Abc', 'abc') was deleted and inserted: the row that has
        # the deleted key is the promotion's own, and checked as such.
        own = f"EXISTS (SELECT FROM {_undo(relation, promotion, ('insert',))} AS i WHERE {relation.matches('t', 'i')})"
        cursor.execute(
            f"SELECT k.key FROM {_undo(relation, promotion)} AS k"
            f" LEFT JOIN {relation.quoted} AS t ON {relation.matches('t', 'k')} WHERE CASE k.operation"
            f" WHEN 'delete' THEN t.{key} IS NOT NULL AND NOT {own}"
            f" ELSE {hashing.row(relation, 't')} IS DISTINCT FROM k.after_hash END"
            f" ORDER BY 1 LIMIT {_SHOWN + 1}"
        )
        conflicts += [f"  {relation.label} {row[0]}" for row in cursor.fetchall()]
    if conflicts:
        more = "\n  ..." if len(conflicts) > _SHOWN else ""
        raise ConflictError(
            f"These rows were changed again after promotion {promotion}; nothing was changed:\n"
            + "\n".join(conflicts[:_SHOWN])
            + f"{more}\nUndo the later promotion first (dance promotions), or promote the rows that you want."
        )


def _filled(cursor: Cursor, promotion: int, relation: Relation) -> int | None:
    """How many rows a first copy put into a table; None when it was no first copy."""
    cursor.execute(
        f"SELECT row_key::bigint FROM control.promotion_undo WHERE promotion_id = {promotion}"
        f" AND table_name = {literal(relation.quoted)} AND operation = 'fill'"
    )
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def _difference(cursor: Cursor, promotion: int, relation: Relation) -> Difference:
    filled = _filled(cursor, promotion, relation)
    if filled is not None:  # all rows go
        return Difference(rows=(0, filled), sums=(0, 0), counts=(0, 0, filled), kept=False)
    cursor.execute(
        f"SELECT count(*) FILTER (WHERE operation = 'delete'), count(*) FILTER (WHERE operation = 'update'),"
        f" count(*) FILTER (WHERE operation = 'insert'), (SELECT count(*) FROM {relation.quoted})"
        f" FROM {_undo(relation, promotion)} AS k"
    )
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - aggregates give one row
    inserted, updated, deleted, rows = row
    return Difference(
        rows=(rows + inserted - deleted, rows), sums=None, counts=(inserted, updated, deleted), kept=True
    )


def _fill(staging: Staging, promotion: int, hashing: Hashing) -> str:
    """SQL that stages what the promotion replaced, from production's own undo images."""
    relation = staging.table.relation
    values = ", ".join(
        f"k.before[{n + 1}]{'' if column.as_text else '::' + column.declared} AS c{n}"
        for n, column in enumerate(relation.columns)
    )
    names = [f"c{n}" for n in range(len(relation.columns))]
    keys = ", ".join(f"k.k{n}" for n in range(len(relation.key)))
    hash_ = hashing.of(relation, names, texts="before")
    return (
        f"INSERT INTO {staging.rows} SELECT {', '.join(names)}, {hash_}, r.key, t.tableoid, t.ctid FROM (SELECT {values},"
        f" k.before, k.key, {keys} FROM {_undo(relation, promotion, ('update', 'delete'))} AS k) AS r"
        f' LEFT JOIN {relation.quoted} AS t ON {relation.matches("t", "r")} AND {relation.key_text("t")} COLLATE "C" = r.key;'
        f" INSERT INTO {staging.gone} SELECT t.tableoid, t.ctid FROM {relation.quoted} AS t"
        f" JOIN {_undo(relation, promotion, ('insert',))} AS k ON {relation.matches('t', 'k')};"
    )
