"""A plan and its outcome, for people and for machines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.promotion.catalog import Side
from app.promotion.plan import Plan, Sample, Strategy, TablePlan
from app.promotion.rollback import RollbackPlan

_WIDTH: Final = 60
"""Characters of a value shown in a sample."""
_HOW: Final = {
    Strategy.WHOLE: ", all rows: too many differ to send only those",
    Strategy.FIRST: ", straight into the empty table",
}


def lines(plan: Plan) -> Iterator[str]:
    """The plan as lines of text."""
    for word, side in (("From", plan.source), ("To", plan.destination)):
        yield f"{word:<5} {side.label}, stamp {side.stamp_id or 'none'}"
    if plan.hashing.portable:
        yield "The two servers hash differently: compared by md5 of text."
    yield ""
    if not plan.changes:
        yield f"Nothing to promote: {sum(t.difference.rows[0] for t in plan.tables):,} rows are the same."
    else:
        yield from _table(plan.tables)
        for table in plan.tables:
            yield from _samples(table)
    for finding in plan.findings:
        yield f"{'! ' + finding.gate if finding.gate else 'Note'}: {finding.message}"
    if plan.changes:
        yield f"Plan {plan.digest}"


def rollback_lines(plan: RollbackPlan) -> Iterator[str]:
    """A rollback's plan as lines of text."""
    row = plan.promotion
    yield f"Undo  {row['kind']} {row['id']} of {row['finished_at'][:19].replace('T', ' ')} UTC by {row['who']}@{row['host']}"
    yield f"In    {plan.destination.label}, stamp {plan.destination.stamp_id}"
    yield ""
    yield from _table(plan.tables)
    yield f"Rollback {plan.digest}"


def _table(tables: Sequence[TablePlan]) -> Iterator[str]:
    width = max(len(table.relation.label) for table in tables)
    yield f"{'':{width}} {'insert':>9} {'update':>9} {'delete':>9} {'unchanged':>10}   to move"
    for t in tables:
        how = _size(t.bytes_to_move) + _HOW.get(t.strategy, "")
        yield (
            f"{t.relation.label:{width}} {t.inserted:>9,} {t.updated:>9,} {t.deleted:>9,} {t.unchanged:>10,}   {how}"
        )


def _samples(table: TablePlan) -> Iterator[str]:
    for sample in table.samples:
        sign = "~" if sample.before and sample.after else "+" if sample.after else "-"
        yield f"  {sign} {table.relation.label} {sample.key}"
        yield from (f"      {line}" for line in _fields(sample))


def _fields(sample: Sample) -> Iterator[str]:
    if sample.before and sample.after:
        for name, after in sample.after.items():
            if sample.before[name] != after:
                yield f"{name}: {_short(sample.before[name])} → {_short(after)}"
    else:
        present = {n: v for n, v in (sample.after or sample.before).items() if v not in (None, "", "{}")}
        yield ", ".join(f"{name}: {_short(value)}" for name, value in list(present.items())[:6])


def _short(value: str | None) -> str:
    if value is None:
        return "null"
    line = " ".join(value.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - SI prefixes
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def done(plan: Plan, seconds: Mapping[str, float]) -> str:
    """What was done, in a line."""
    counts = [sum(t.difference.counts[n] for t in plan.tables) for n in range(3)]
    return (
        f"Promoted: {counts[0]:,} inserted, {counts[1]:,} updated, {counts[2]:,} deleted, verified,"
        f" in {sum(seconds.values()):.2f} s ({', '.join(f'{k} {v:.2f}' for k, v in seconds.items() if v)})."
    )


def to_send(plan: Plan) -> tuple[int, int]:
    """Rows, and about how many bytes, that have to reach production."""
    return sum(table.sends for table in plan.tables), sum(table.bytes_to_move for table in plan.tables)


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for machines."""
    return {
        "digest": plan.digest if plan.changes else None,
        "from": _side(plan.source),
        "to": _side(plan.destination),
        "tables": [
            {
                "table": table.relation.label,
                "inserted": table.inserted,
                "updated": table.updated,
                "deleted": table.deleted,
                "unchanged": table.unchanged,
                "bytes": table.bytes_to_move,
                "strategy": str(table.strategy),
                "samples": [
                    {"key": s.key, "before": dict(s.before), "after": dict(s.after)} for s in table.samples
                ],
            }
            for table in plan.tables
        ],
        "findings": [{"gate": f.gate or None, "message": f.message} for f in plan.findings],
        "seconds": dict(plan.seconds),
    }


def _side(side: Side) -> dict[str, str | None]:
    return {"environment": side.stamped_as, "database": side.label, "stamp_id": side.stamp_id}
