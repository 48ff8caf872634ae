"""The ways that people copy a database, and the floors under any comparison: peers of the promotion's benchmark."""

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.promotion.hashing import Hashing
from app.promotion.plan import TablePlan
from benchmarks.clusters import Bench, command, environment, run


def original(made: Bench, url: str | None = None) -> None:
    """pg_dump -Fc, then pg_restore --clean: the first implementation."""
    with tempfile.TemporaryDirectory() as directory:
        file = str(Path(directory) / "dump")
        run(made.target, "pg_dump", "-Fc", "-n", "bench", "-f", file, made.source.url("working"))
        run(
            made.target,
            "pg_restore",
            "--no-owner",
            "--clean",
            "--if-exists",
            "-d",
            url or made.target.url("peer"),
            file,
        )


def single_transaction(made: Bench) -> None:
    """pg_dump -Z0 piped into pg_restore --single-transaction."""
    _pipe(
        made,
        ["pg_dump", "-Fc", "-Z0", "-n", "bench", made.source.url("working")],
        ["pg_restore", "--no-owner", "--clean", "--if-exists", "-1", "-d", made.target.url("peer")],
    )


def pgcopydb(made: Bench) -> None:
    """Pgcopydb clone --drop-if-exists, two jobs."""
    with tempfile.TemporaryDirectory() as directory:
        run(
            made.target, "pgcopydb", "clone", "--source", made.source.url("working"), "--target",
            made.target.url("pgcopydb"), "--table-jobs", "2", "--index-jobs", "2", "--no-owner", "--no-acl",
            "--not-consistent", "--drop-if-exists", "--dir", f"{directory}/work",
        )  # fmt: skip


def raw(made: Bench) -> None:
    """Raw binary COPY into the emptied, indexed tables, in one transaction."""
    for name in ("venues", "events"):
        truncate = f"TRUNCATE bench.{name} CASCADE" if name == "venues" else "SELECT"
        _pipe(
            made,
            [
                "psql",
                "-qXd",
                made.source.url("working"),
                "-c",
                f"COPY bench.{name} TO STDOUT (FORMAT binary)",
            ],
            [
                "psql",
                "-qX1d",
                made.target.url("peer"),
                "-c",
                truncate,
                "-c",
                f"COPY bench.{name} FROM STDIN (FORMAT binary)",
            ],
        )


def _pipe(made: Bench, first: list[str], second: list[str]) -> None:
    with subprocess.Popen(
        command(made.target, first), stdout=subprocess.PIPE, env=environment(made.target)
    ) as producer:
        subprocess.run(
            command(made.target, second), stdin=producer.stdout, env=environment(made.target), check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


def scan_both(made: Bench, rows: TablePlan) -> None:
    """One hash of every row on each side, at once: what a comparison has to do when nothing is known."""
    with ThreadPoolExecutor(1) as thread:
        source = thread.submit(scan, made, rows, url=made.source.url("working"), processes=1)
        scan(made, rows, url=made.target.url("production"), processes=1)
        source.result()


def scan(made: Bench, rows: TablePlan, *, url: str, processes: int) -> None:
    """One hash of every row on one side."""
    hash_ = Hashing(1).row(rows.relation, "t")
    run(
        made.target, "psql", "-qXd", url, "-c",
        f"SET jit = off; SET max_parallel_workers_per_gather = {processes - 1};"
        f" SELECT bit_xor({hash_}) FROM {rows.relation.quoted} AS t",
    )  # fmt: skip
