"""Promotion against the ways that people copy a database.

`python -m benchmarks promotion 20000` for the small size; 1,000,000 rows otherwise.
"""

import multiprocessing
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from app.promotion.promote import Outcome
from benchmarks.clusters import Bench, bench, promoted, take
from benchmarks.copying import original, pgcopydb, raw, scan, scan_both, single_transaction
from benchmarks.link import linked
from benchmarks.measure import table
from settings import DatabaseSettings

ORIGINAL: Final = "pg_dump -Fc + pg_restore --clean (the original)"
CLOCK: Final = ("seconds", "processor: working + production + client")


def peak_memory(settings_source: str, settings_production: str, *, full: bool) -> int:
    """Peak resident memory of a promotion in a process of its own, in MB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (settings_source, settings_production, full))


def _peak(source: str, production: str, full: bool) -> int:  # noqa: FBT001 - called through a pool
    settings = DatabaseSettings.from_environ({
        "DATABASE_TARGET": "local", "DATABASE_CONNECTION_STRING": source, "RENDER_EXTERNAL_DB_URL": production,
    })  # fmt: skip
    promoted(settings, full=full)
    # Not getrusage: what it reports survives exec, so it would be the parent's peak.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    """Print the figures of docs/promotion.md."""
    sizes = [int(argument) for argument in sys.argv[2:] if argument.isdigit()] or [20_000, 1_000_000]
    for rows in sizes:
        print(f"\n### {rows:,} rows\n")
        with bench(rows) as made:
            for measure in (_peers, _ours, _link, _again):
                print(table(*measure(made)), "\n", flush=True)


def _peers(made: Bench) -> tuple[list[str], list[list[str]]]:
    made.target.sql("CREATE DATABASE pgcopydb")
    peers = {
        ORIGINAL: original,
        "pg_dump -Z0 \\| pg_restore --single-transaction": single_transaction,
        "raw COPY \\| COPY, TRUNCATE first, indexes kept": raw,
        "pgcopydb clone --drop-if-exists": pgcopydb,
    }
    return ["Peer, whatever changed", *CLOCK], [
        [name, *take(made, partial(work, made), times=3).cells()] for name, work in peers.items()
    ]


def _again(made: Bench) -> tuple[list[str], list[list[str]]]:
    """Two peers once more: whether the machine is what it was."""
    times = 3 if made.rows < 100_000 else 1
    return ["Once more", *CLOCK], [
        [ORIGINAL, *take(made, partial(original, made), times=times).cells()],
        ["raw COPY \\| COPY", *take(made, partial(raw, made), times=times).cells()],
    ]


def _ours(made: Bench) -> tuple[list[str], list[list[str]]]:
    times = 5 if made.rows < 100_000 else 1
    lines: list[list[str]] = []

    def line(
        name: str, work: Callable[[], Outcome], before: Callable[[], object], times: int = times
    ) -> None:
        outcomes: list[Outcome] = []
        taken = take(made, lambda: outcomes.append(work()), times=times, before=before)
        locked = made.target.sql(
            "SELECT seconds->>'locked' FROM control.promotions ORDER BY id DESC LIMIT 1",
            database="production",
        ).strip()
        phases = ", ".join(
            f"{phase} {value:.2f}" for phase, value in outcomes[-1].seconds.items() if value >= 0.01
        )
        print(name, file=sys.stderr, flush=True)
        lines.append([name, *taken.cells(), locked if outcomes[-1].changed else "none", phases])

    def changed(share: float) -> None:
        made.change(share)
        for server, database in ((made.source, "working"), (made.target, "production")):
            made.vacuum(server, database)  # autovacuum is off

    line("first copy into empty tables", lambda: made.promote(full=True), lambda: made.empty("production"), 1)
    line("nothing at all written since a promotion", lambda: made.promote(full=False), lambda: None, 5)
    made.vacuum(made.target, "production")
    events = made.promote(full=False).plan.tables[1]
    production = made.target.url("production")
    for name, work in {
        "one hash scan of production": partial(scan, made, events, url=production, processes=1),
        "the same by two processes": partial(scan, made, events, url=production, processes=2),
        "one hash scan of each side, at once": partial(scan_both, made, events),
    }.items():
        lines.append([name, *take(made, work, times=3).cells(), "", ""])
    line("nothing changed, nothing known", lambda: made.promote(full=True), lambda: None, 3)
    line("nothing changed since a promotion", lambda: made.promote(full=False), made.write_elsewhere, 3)
    for share in (0.001, 0.01, 0.1):
        for full in (False, True):
            name = f"{share:.1%} changed, {'nothing known' if full else 'after a promotion'}"
            turns = times if share >= 0.1 else max(3, times)
            line(name, partial(made.promote, full=full), partial(changed, share), turns)
    for full in (False, True):
        made.change(0.01)
        peak = peak_memory(made.source.url("working"), made.target.url("production"), full=full)
        name = f"peak memory of the client, 1.0% changed, {'nothing known' if full else 'known'}"
        lines.append([name, f"{peak} MB", "", "", ""])
    line("100% changed", lambda: made.promote(full=True), lambda: changed(1), 1)
    for server, database in ((made.source, "working"), (made.target, "production")):
        made.vacuum(server, database, how="FULL,")
    made.promote(full=True)
    return ["Promotion", *CLOCK, "lock held", "phases"], lines


def _link(made: Bench) -> tuple[list[str], list[list[str]]]:
    lines = []

    def line(name: str, work: Callable[[int], object]) -> None:
        with linked(made.target.port, delay=0.02, rate=10e6) as link:
            taken = take(made, lambda: work(link.entrance), times=1)
            lines.append([name, *taken.cells(), f"{(link.up + link.down) / 1e6:.1f}", str(link.turns)])

    for name, full in (("after a promotion", False), ("nothing known", True)):
        made.change(0.01)
        line(f"1.0% changed, {name}", lambda port, full=full: made.promote(full=full, port=port))  # type: ignore[misc]  # bound per turn
    url = made.target.url("peer")
    line("the original", lambda port: original(made, url.replace(f":{made.target.port}/", f":{port}/")))
    return ["10 MB/s, 40 ms round trip to production", *CLOCK, "MB on the wire", "round trips"], lines
