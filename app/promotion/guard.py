"""Every reason to refuse a promotion: one function each, each with a name to override it by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.errors import Refused
from app.promotion.catalog import Side
from app.promotion.plan import Finding, Plan
from app.promotion.relation import Relation
from settings import DatabaseTarget


class GuardedError(Refused):
    """A guard refused the promotion; nothing was changed. Mend the cause, or override the guard by its name."""


@dataclass(frozen=True)
class Tolerance:
    """How much a promotion may change before a guard asks.

    Attributes:
        shrink: share of a table's rows in production that may go.
        change: share of a table's rows in production that may change in any way.
        small: tables with fewer rows in production than this may change as they like, short of being emptied.
        during: the pipeline run that this promotion is part of.
        overrides: gate to reason.
    """

    shrink: float = 0.2
    change: float = 0.5
    small: int = 100
    during: UUID | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


def sides(source: Side, destination: Side, tolerance: Tolerance) -> Iterator[Finding]:
    """What is wrong with the two databases, before their rows are compared."""
    for gate in (_same_database, _stamps, _older, _run):
        yield from gate(source, destination, tolerance)


def _same_database(source: Side, destination: Side, _: Tolerance) -> Iterator[Finding]:
    if destination.locked:
        yield Finding(
            "same-database",
            f"{source.label} and {destination.label} are one and the same database."
            " Mend the settings; this cannot be overridden.",
        )


def _stamps(source: Side, destination: Side, _: Tolerance) -> Iterator[Finding]:
    for side, wanted in (
        (source, (DatabaseTarget.LOCAL, DatabaseTarget.RENDER_DEV)),
        (destination, (DatabaseTarget.RENDER_PROD,)),
    ):
        if side.stamped_as is None:
            yield Finding("stamp", f"{side.label} has no stamp. Declare what it is: dance stamp.")
        elif side.stamped_as not in wanted:
            yield Finding(
                "stamp",
                f"{side.label} is stamped {side.stamped_as}, not {' or '.join(wanted)}. Check the URLs.",
            )
    if source.stamp_id is not None and source.stamp_id == destination.stamp_id:
        yield Finding("stamp", "Both databases carry one stamp: one is a copy of the other. Stamp it anew.")


def _older(source: Side, destination: Side, _: Tolerance) -> Iterator[Finding]:
    last = (destination.last_promotion or {}).get("source_as_of")
    ours = (source.last_run or {}).get("finished_at")
    if last and ours and ours < last:
        yield Finding(
            "older",
            f"The last promotion came from a run that ended at {last}; this source's last run ended at {ours}."
            " Run the pipeline here first.",
        )


def _run(source: Side, _: Side, tolerance: Tolerance) -> Iterator[Finding]:
    for run in source.unfinished_runs:
        if str(tolerance.during) != run["id"]:
            yield Finding(
                "run",
                f"A pipeline run is in progress on the source since {run['started_at']} ({run['host']})."
                " Wait until it has ended; a run that was killed is closed by the next one.",
            )
    if tolerance.during is None and (source.last_run or {}).get("outcome") == "failed":
        yield Finding("run", "The last pipeline run on the source failed. Run it again: dance pipeline.")


def schemas(source: Side, destination: Side, tables: Sequence[str]) -> Iterator[Finding]:
    """How the tables differ, as far as it matters."""
    for table in tables:
        ours, theirs = source.relations.get(table), destination.relations.get(table)
        for side, relation in ((source, ours), (destination, theirs)):
            if relation is None:
                yield Finding("schema", f"{table} does not exist in {side.label}. dance migrate makes it.")
            elif not relation.key:
                yield Finding("schema", f"{relation.label} has no primary key in {side.label}. Give it one.")
        if ours and theirs:
            yield from _columns(ours, theirs)


def _columns(ours: Relation, theirs: Relation) -> Iterator[Finding]:
    there = {column.name: column for column in theirs.columns}
    if ours.key != theirs.key:
        yield Finding("schema", f"{ours.label}: primary key {ours.key} here, {theirs.key} in production.")
    for column in ours.columns:
        other = there.pop(column.name, None)
        if other is None:
            yield Finding("schema", f"{ours.label}.{column.name} is missing in production. Migrate it first.")
        elif (column.declared, column.as_text) != (other.declared, other.as_text):
            yield Finding(
                "schema",
                f"{ours.label}.{column.name} is {column.declared} here, {other.declared} in production.",
            )
        elif other.required and not column.required:
            yield Finding("schema", f"{ours.label}.{column.name} may be null here and not in production.")
    for column in there.values():
        demanding = column.required and not column.has_default
        yield Finding(
            "schema" if demanding else "",
            f"{ours.label}.{column.name} exists only in production"
            f"{' and is required' if demanding else ': left alone'}.",
        )
    if theirs.triggers:
        yield Finding("", f"{ours.label} has triggers in production: {', '.join(theirs.triggers)}.")


def changes(plan: Plan, tolerance: Tolerance) -> Iterator[Finding]:
    """Whether a plan changes suspiciously much."""
    for table in plan.tables:
        before, label = table.difference.rows[1], table.relation.label
        after = table.difference.rows[0]
        if before and not after:
            yield Finding(
                "emptied", f"{label} would be emptied: the source has no rows, production {before:,}."
            )
        elif before >= tolerance.small:
            if before - after > before * tolerance.shrink:
                yield Finding(
                    "shrunk",
                    f"{label} would shrink from {before:,} to {after:,} rows, by {1 - after / before:.0%}.",
                )
            if table.updated + table.deleted > before * tolerance.change:
                share = (table.updated + table.deleted) / before
                yield Finding(
                    "changes", f"{label}: {share:.0%} of production's {before:,} rows would change."
                )


FATAL: Final = ("same-database",)
"""Gates that nobody can override."""


def refuse(findings: Sequence[Finding], overrides: Mapping[str, str]) -> None:
    """Stop at the gates that were not overridden.

    Raises:
        GuardedError: naming each gate, what it found and how to override it.
    """
    blocking = [f for f in findings if f.gate and (f.gate in FATAL or not overrides.get(f.gate, "").strip())]
    if blocking:
        lines = [f"  {finding.gate}: {finding.message}" for finding in blocking]
        gates = sorted({f.gate for f in blocking} - set(FATAL))
        ways = "".join(f"\n  --override {gate}='why'" for gate in gates)
        remedy = (
            f"\nIf it is meant, repeat with the reason, which production's ledger will keep:{ways}"
            if ways
            else ""
        )
        raise GuardedError("Refused; nothing was changed:\n" + "\n".join(lines) + remedy)
