"""What the last promotion proved, and when the next one may rely on it.

After a promotion both sides hold the same rows. A row version that was part of that state and is still there
has not been written since, so it need not be hashed again: its `xmin` says so. That needs both databases to be
the ones of that promotion, with an unbroken history (system identifier, timeline, WAL position, the newest run
of then), the same tables with the same columns, and fewer than 2^30 transactions since, so that a 32-bit xmin
cannot be mistaken. Whenever any of this cannot be shown, every row is hashed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.promotion.catalog import Side
from app.promotion.plan import Plan
from app.promotion.relation import Relation

_MOST_TRANSACTIONS: Final = 2**30
"""A quarter of the 32-bit circle of transaction ids."""


@dataclass(frozen=True)
class Knowledge:
    """What may be relied on.

    Attributes:
        source: SQL that is true of a source row `t` that was part of the promoted state.
        destination: the same for production.
        rows: by table, how many rows that state had; tables whose definition has changed are left out.
        untouched: no transaction at all has begun on either side since.
    """

    source: str
    destination: str
    rows: Mapping[str, int]
    untouched: bool


def knowledge(source: Side, destination: Side, relations: Sequence[Relation]) -> Knowledge | None:
    """What the last promotion from this source to this destination allows to skip; None when nothing."""
    known: Mapping[str, Any] = (destination.knowledge or {}).get("known", {})
    if not known or not all(
        _continuous(side, known[name]) for name, side in (("source", source), ("destination", destination))
    ):
        return None
    if known["source"]["run"] not in (None, *source.runs):
        return None
    then, there = known["source"], known["destination"]
    rows = {
        relation.quoted: table["rows"]
        for relation in relations
        if (table := known["tables"].get(relation.quoted))
        and table["signatures"] == _signatures(source, destination, relation)
    }
    return Knowledge(
        source=_older("t", then["xmin"]),
        # Rows that the promotion wrote itself carry its own transaction id.
        destination=f"({_older('t', there['xmin'])} OR t.xmin = '{there['xid'] % 2**32}'::xid)",
        rows=rows,
        untouched=then["xmin"] == then["xmax"] == source.snapshot_xmax
        and destination.snapshot_xmin == destination.snapshot_xmax == there["xid"] + 1,
    )


def remembered(plan: Plan) -> dict[str, Any]:
    """What this plan's promotion will have proved, for the ledger; the script adds its transaction id."""
    source, destination = plan.source, plan.destination
    if source.timeline is None or destination.timeline is None:
        return {}
    return {
        "source": {**_state(source), "run": source.runs[0] if source.runs else None},
        "destination": _state(destination),
        "tables": {
            table.relation.quoted: {
                "rows": table.difference.rows[0],
                "signatures": _signatures(source, destination, table.relation),
            }
            for table in plan.tables
        },
    }


def _state(side: Side) -> dict[str, Any]:
    return {
        "system_identifier": side.system_identifier,
        "timeline": side.timeline,
        "database_oid": side.database_oid,
        "wal": side.wal,
        "xmin": side.snapshot_xmin,
        "xmax": side.snapshot_xmax,
    }


def _continuous(side: Side, then: Mapping[str, Any]) -> bool:
    """Whether a database is what it was then, only later."""
    same = (side.system_identifier, side.timeline, side.database_oid) == (
        then["system_identifier"], then["timeline"], then["database_oid"],
    )  # fmt: skip
    return same and side.wal >= then["wal"] and 0 <= side.snapshot_xmax - then["xmin"] < _MOST_TRANSACTIONS


def _older(alias: str, xmin: int) -> str:
    """SQL: the row version was committed before that transaction id was given out."""
    return f"age({alias}.xmin) > (SELECT age('{xmin % 2**32}'::xid))"


def _signatures(source: Side, destination: Side, relation: Relation) -> list[str]:
    """What the table's definition is on each side, as far as it decides what a row reads as."""
    names = [column.name for column in relation.columns]
    return [
        hashlib.sha256(side.relations[relation.quoted].only(names).signature.encode()).hexdigest()[:16]
        for side in (source, destination)
    ]
