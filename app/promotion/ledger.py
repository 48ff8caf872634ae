"""The ledger: what production remembers of every promotion, written in the promotion's own transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from app.database.handles import ReadOnlyDatabase
from app.database.origin import Origin
from app.promotion.quoting import literal


@dataclass(frozen=True)
class Entry:
    """A row of control.promotions that is about to be written.

    Attributes:
        kind: "promotion" or "rollback".
        run_id: drawn here; its presence afterwards says whether COMMIT happened.
        origin: who, from where, with which code.
        from_environment: the source's.
        from_stamp: the source's stamp id.
        digest: of the plan.
        seed: of the plan's hashes.
        columns: by table, in the order in which undo images hold them.
        source_as_of: end of the source's last finished run, in ISO 8601.
        counts: by table: inserted, updated, deleted.
        seconds: by phase, up to here.
        overrides: gate to reason.
        known: what the next promotion may rely on, as far as the source is concerned.
        run: the source's last finished run with its stages, whose work is published.
    """

    kind: str
    origin: Origin
    from_environment: str
    from_stamp: str | None
    digest: str
    seed: int
    columns: Mapping[str, list[str]]
    source_as_of: str | None
    counts: Mapping[str, Mapping[str, int]]
    seconds: Mapping[str, float]
    overrides: Mapping[str, str]
    known: Mapping[str, Any]
    run: Mapping[str, Any] | None = None
    run_id: UUID = field(default_factory=uuid4)

    def insert(self) -> str:
        """SQL that inserts it."""
        return self._into(
            "promotions",
            {
                "seed": str(self.seed),
                "columns": json.dumps(self.columns),
                "source_as_of": self.source_as_of,
                "counts": json.dumps(self.counts),
                "seconds": json.dumps(self.seconds),
                "overrides": json.dumps(self.overrides),
                "known": json.dumps(self.known),
            },
        )

    def insert_failure(self, error: str) -> str:
        """SQL that notes that it failed.

        Args:
            error: what the person was told.
        """
        return self._into("promotion_failures", {"error": error})

    def _into(self, table: str, more: Mapping[str, str | None]) -> str:
        values = {
            "run_id": str(self.run_id),
            "kind": self.kind,
            "who": self.origin.who,
            "host": self.origin.host,
            "commit": self.origin.commit,
            "from_environment": self.from_environment,
            "from_stamp": self.from_stamp,
            "digest": self.digest,
            **more,
        }
        names = ", ".join(f'"{name}"' for name in values)
        constants = ", ".join("NULL" if value is None else literal(value) for value in values.values())
        return f"INSERT INTO control.{table} ({names}) VALUES ({constants})"

    def insert_run(self) -> str:
        """SQL that copies the published run to production's own ledger; its end is this entry's `source_as_of`."""
        if self.run is None:
            return ""
        return " ".join(
            f"INSERT INTO control.{table} SELECT * FROM json_populate_recordset(NULL::control.{table},"
            f" {literal(json.dumps(rows))}) ON CONFLICT DO NOTHING;"
            for table, rows in (("runs", [self.run]), ("stage_runs", self.run["stages"]))
        )


def newest(production: ReadOnlyDatabase[Any], limit: int) -> list[dict[str, Any]]:
    """The newest promotions, rollbacks and failures of either, newest first, as JSON.

    Each has its `outcome`: "done", "undone" or "failed"; those of the ledger say whether they are `undoable`.
    """
    with production.read() as transaction, transaction.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(json_agg(said ORDER BY at DESC), '[]') FROM (SELECT at, said FROM ("
            "SELECT finished_at AS at, to_jsonb(p) || jsonb_build_object('undoable', undone_by IS NULL AND EXISTS"
            " (SELECT FROM control.promotion_undo u WHERE u.promotion_id = p.id),"
            " 'outcome', CASE WHEN undone_by IS NULL THEN 'done' ELSE 'undone' END) AS said FROM control.promotions AS p"
            ' UNION ALL SELECT finished_at, to_jsonb(f) || \'{"outcome": "failed"}\' FROM control.promotion_failures AS f'
            f") AS every ORDER BY at DESC LIMIT {limit}) AS newest"
        )
        row = cursor.fetchone()
    return list(row[0]) if row else []


def line(row: Mapping[str, Any]) -> str:
    """A row of the ledger for people."""
    commit = f" at {row['commit'][:8]}" if row["commit"] else ""
    who = (
        f"{row['finished_at'][:19].replace('T', ' ')} UTC  {row['kind']} from {row['from_environment']}"
        f" by {row['who']}@{row['host']}{commit}"
    )
    if row["outcome"] == "failed":
        return f"    -  {who}: failed, nothing was changed, {row['digest']}: {row['error'].splitlines()[0]}"
    counts = [
        sum(table[word] for table in row["counts"].values()) for word in ("inserted", "updated", "deleted")
    ]
    state = (
        f", undone by {row['undone_by']}"
        if row["undone_by"]
        else ""
        if row["undoable"]
        else ", no longer undoable"
    )
    return (
        f"{row['id']:>5}  {who}: +{counts[0]:,} ~{counts[1]:,} -{counts[2]:,}"
        f", locked {row['seconds'].get('locked', 0):.2f} s, {row['digest']}{state}"
    )
