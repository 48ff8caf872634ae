"""The pipeline against reading and a bare COPY, storing against the ORM and others, duplicates against splink.

`python -m benchmarks pipeline [SIZE [LARGEST]]`: 20,000 sightings and the growth up to four times as many take
three minutes. PostgreSQL 18 on this machine, fsync on.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from app.database.embedded import EmbeddedServer
from app.database.engines import open_writer
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp
from app.pipeline.event import Finding, Sighting
from app.pipeline.memory import StoredMemory
from app.pipeline.run import Plan, Result, run
from app.pipeline.sources import Entry, Fetcher, FetchMemory, Remembered, SourceList, collect
from app.pipeline.stage import SILENT
from benchmarks import linking, storing
from benchmarks.generated import CARDINALITY, write
from benchmarks.measure import Sample, ratio, table, take_turns
from settings import DatabaseSettings, DatabaseTarget

SIZE: Final = 20_000
ROUNDS: Final = 3
NOW: Final = datetime(2026, 6, 1, 18, tzinfo=UTC)
_TABLES: Final = ("sightings", "venues", "events", "provenance")


@dataclass(frozen=True)
class Bench:
    """A working database on a server of its own."""

    opened: WritableDatabase
    server: EmbeddedServer

    def cpu(self) -> float:
        """Seconds of the processor that this process and the server have used: other work does not lengthen them."""
        postmaster = psutil.Process(self.server.pid)
        used = time.process_time()
        for process in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[: 4 if process == postmaster else 2])
        return used

    def timed(self, work: Callable[[], object]) -> "Cost":
        """What a piece of work takes."""
        began, used = time.perf_counter(), self.cpu()
        work()
        return Cost(time.perf_counter() - began, self.cpu() - used)


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of both processors together."""

    clock: float
    cpu: float

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.clock + other.clock, self.cpu + other.cpu)


@contextmanager
def database() -> Iterator[Bench]:
    """A migrated database on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="dance-bench-", ignore_cleanup_errors=True) as directory:
        server = EmbeddedServer(
            directory=Path(directory) / "pg", options={"shared_buffers": "512MB", "max_wal_size": "4GB"}
        )
        server.start()
        try:
            server.sql("CREATE DATABASE bench")
            settings = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": server.url("bench")})
            opened = open_writer(
                settings, process="benchmark", permit=grant(Purpose.MIGRATION, DatabaseTarget.LOCAL)
            )
            migrate(opened)
            with opened.write() as transaction:
                put_stamp(transaction, who="benchmark")
            yield Bench(opened, server)
            opened.dispose()
        finally:
            server.remove()


@dataclass(frozen=True)
class _Listed:
    """An entry of the list of sources, ready to be asked."""

    entry: Entry
    fetcher: Fetcher

    @property
    def name(self) -> str:
        return self.entry.name

    def findings(self) -> Iterator[Finding]:
        return collect(self.entry, self.fetcher, NOW.date())


class _Forgetful:
    """A memory that has nothing."""

    def recall(self, source: str, place: str) -> Remembered | None:  # noqa: ARG002 - the protocol's
        return None

    def remember(self, source: str, place: str, page: Remembered) -> None:
        pass


@contextmanager
def _sources(listed: SourceList, memory: FetchMemory) -> Iterator[tuple[_Listed, ...]]:
    with Fetcher(listed.fetch, memory, folder=listed.folder) as fetcher:
        yield tuple(_Listed(entry, fetcher) for entry in listed.sources)


def read(listed: SourceList) -> Iterator[Sighting]:
    """What reading alone gives."""
    with _sources(listed, _Forgetful()) as sources:
        for source in sources:
            yield from (finding for finding in source.findings() if isinstance(finding, Sighting))


def whole_run(opened: WritableDatabase, listed: SourceList, *, forget: bool = False, **plan: Any) -> Result:
    """One run of all stages, as the command does it; `forget`: what the files gave last time."""
    if forget:
        empty(opened, "fetches")
    memory = StoredMemory(opened)
    with _sources(listed, memory) as sources:
        return run(opened, Plan(sources=sources, memory=memory, now=NOW, **plan), SILENT)


def empty(opened: WritableDatabase, *names: str) -> None:
    """Empty tables; all that the pipeline writes unless some are named."""
    with opened.write() as transaction, transaction.cursor() as cursor:
        cursor.execute(
            f"TRUNCATE {', '.join(names or (*_TABLES, 'fetches', 'rejects', 'control.runs'))} CASCADE"
        )


def _bare_copy(bench: Bench) -> Cost:
    """COPY out what the pipeline stored, empty the tables, and time nothing but COPY of the same bytes back."""
    with tempfile.TemporaryDirectory() as folder:
        with bench.opened.read() as transaction, transaction.cursor() as cursor:
            for name in _TABLES:
                with (Path(folder) / name).open("wb") as file:
                    cursor.copy_expert(f"COPY {name} TO STDOUT", file)
        empty(bench.opened, *_TABLES)

        def back() -> None:
            with bench.opened.write() as transaction, transaction.cursor() as cursor:
                for name in _TABLES:
                    with (Path(folder) / name).open("rb") as file:
                        cursor.copy_expert(f"COPY {name} FROM STDIN", file)

        return bench.timed(back)


def _runs(bench: Bench, listed: SourceList) -> dict[str, Cost]:
    """One round of runs and their bound, and what each took."""
    empty(bench.opened)
    reading = bench.timed(lambda: sum(1 for _ in read(listed)))
    taken = {
        "first run": bench.timed(lambda: whole_run(bench.opened, listed)),
        "again, the same files": bench.timed(lambda: whole_run(bench.opened, listed)),
        "again, every file read": bench.timed(lambda: whole_run(bench.opened, listed, forget=True)),
        "again, every stage forced": bench.timed(lambda: whole_run(bench.opened, listed, first="normalise")),
    }
    copying = _bare_copy(bench)
    return {
        "the bound: reading and bare COPY": reading + copying, "reading alone": reading, "bare COPY": copying, **taken,
    }  # fmt: skip


def _compared(bench: Bench, listed: SourceList, times: int) -> str:
    rounds = [_runs(bench, listed) for _ in range(times)]
    clock = {name: Sample([one[name].clock for one in rounds]) for name in rounds[0]}
    cpu = {name: Sample([one[name].cpu for one in rounds]) for name in rounds[0]}
    bound = next(iter(clock))
    heads = [
        "what",
        "seconds",
        "to the bound",
        "first run to it",
        "CPU seconds",
        "to the bound",
        "first run to it",
    ]
    return table(
        heads,
        [
            [
                name,
                *(
                    text
                    for samples in (clock, cpu)
                    for text in (
                        f"{samples[name].median:.2f}",
                        f"{ratio(samples[name], samples[bound]):.2f}",
                        f"{ratio(samples['first run'], samples[name]):.1f}",
                    )
                ),
            ]
            for name in clock
        ],
    )


def main() -> None:
    """Print the tables."""
    asked = [int(argument) for argument in sys.argv[2:] if argument.isdecimal()]
    size = asked[0] if asked else SIZE
    times = ROUNDS if size <= SIZE else 1
    with tempfile.TemporaryDirectory() as folder:
        listed = write(Path(folder), size)
        with database() as bench:
            print(f"{size:,} sightings through all stages, medians of {times} rounds. {CARDINALITY}\n")
            print(_compared(bench, listed, times), flush=True)
            costs = {name: bench.timed(way) for name, way in storing.ways(bench.opened).items()}
            ours = costs[storing.OURS]
            print("\n" + table(
                ["storing the events", "seconds", "to ours", "CPU seconds", "to ours"],
                [
                    [name, f"{one.clock:.2f}", f"{one.clock / ours.clock:.1f}", f"{one.cpu:.2f}", f"{one.cpu / ours.cpu:.1f}"]
                    for name, one in costs.items()
                ],
            ), flush=True)  # fmt: skip
        linked = linking.ways(linking.drafts(list(read(listed))))
        samples = take_turns(linked, rounds=ROUNDS)
        ours_median = samples[linking.OURS].median
        print("\n" + table(
            ["finding duplicates", "seconds", "to ours"],
            [[name, f"{one.median:.2f}", f"{one.median / ours_median:.1f}"] for name, one in samples.items()],
        ) + "\n", flush=True)  # fmt: skip
    _growth(asked[1] if len(asked) > 1 else 4 * size)


def _growth(largest: int) -> None:
    """Ever twice as many, up to the largest; a line as soon as it is measured."""
    parts = ["all stages, s", "CPU s", "deduplicate, s", "store, s"]
    print(
        table(["sightings", *(text for part in parts for text in (part, "to half")), "peak GiB"], []),
        flush=True,
    )
    before: list[float] = []
    for size in (largest // 8, largest // 4, largest // 2, largest):
        with tempfile.TemporaryDirectory() as folder, database() as bench:
            listed = write(Path(folder), size)
            results: list[Result] = []
            cost = bench.timed(lambda: results.append(whole_run(bench.opened, listed)))  # noqa: B023 - called at once
            stages = {report.stage: report.seconds for report in results[0].reports}
        now = [cost.clock, cost.cpu, stages["deduplicate"], stages["store"]]
        factors = (
            [f"{mine / half:.2f}" for mine, half in zip(now, before, strict=True)] if before else [""] * 4
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        cells = [text for pair in zip((f"{one:.1f}" for one in now), factors, strict=True) for text in pair]
        print("| " + " | ".join([f"{size:,}", *cells, f"{memory:.1f}"]) + " |", flush=True)
        before = now
