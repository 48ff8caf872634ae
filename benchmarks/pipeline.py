"""The pipeline against reading and a bare COPY, storing against the ORM and others, duplicates against splink.

`python -m benchmarks pipeline [SIZE [LARGEST]]`: 20,000 sightings and the growth up to four times as many take
three minutes. PostgreSQL 18 on this machine, fsync on.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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


@contextmanager
def database() -> Iterator[WritableDatabase]:
    """A working database on a server of its own."""
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
            yield opened
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


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _bare_copy(opened: WritableDatabase) -> float:
    """COPY out what the pipeline stored, empty the tables, and time nothing but COPY of the same bytes back."""
    with tempfile.TemporaryDirectory() as folder:
        with opened.read() as transaction, transaction.cursor() as cursor:
            for name in _TABLES:
                with (Path(folder) / name).open("wb") as file:
                    cursor.copy_expert(f"COPY {name} TO STDOUT", file)
        empty(opened, *_TABLES)

        def back() -> None:
            with opened.write() as transaction, transaction.cursor() as cursor:
                for name in _TABLES:
                    with (Path(folder) / name).open("rb") as file:
                        cursor.copy_expert(f"COPY {name} FROM STDIN", file)

        return _timed(back)


def _runs(opened: WritableDatabase, listed: SourceList) -> dict[str, float]:
    """One round of runs and their bound, and the seconds that each took."""
    empty(opened)
    return {
        "reading alone": _timed(lambda: sum(1 for _ in read(listed))),
        "first run": _timed(lambda: whole_run(opened, listed)),
        "again, the same files": _timed(lambda: whole_run(opened, listed)),
        "again, every file read": _timed(lambda: whole_run(opened, listed, forget=True)),
        "again, every stage forced": _timed(lambda: whole_run(opened, listed, first="normalise")),
        "bare COPY": _bare_copy(opened),
    }


def _compared(opened: WritableDatabase, listed: SourceList) -> str:
    rounds = [_runs(opened, listed) for _ in range(ROUNDS)]
    taken = {name: Sample([one[name] for one in rounds]) for name in rounds[0]}
    bound = Sample([one["bare COPY"] + one["reading alone"] for one in rounds])
    first = taken["first run"]
    return table(
        ["what", "seconds", "to the bound", "to the first run"],
        [
            [name, f"{one.median:.2f}", f"{ratio(one, bound):.2f}", f"{ratio(one, first):.3f}"]
            for name, one in {"the bound: reading alone and bare COPY": bound, **taken}.items()
        ],
    )


def _against(samples: dict[str, Sample], ours: str, head: str) -> str:
    return table(
        [head, "seconds", "to ours"],
        [[name, f"{one.median:.2f}", f"{ratio(one, samples[ours]):.1f}"] for name, one in samples.items()],
    )


def main() -> None:
    """Print the tables."""
    asked = [int(argument) for argument in sys.argv[2:] if argument.isdecimal()]
    size = asked[0] if asked else SIZE
    with tempfile.TemporaryDirectory() as folder:
        listed = write(Path(folder), size)
        with database() as opened:
            print(f"{size:,} sightings through all stages, medians of {ROUNDS} rounds. {CARDINALITY}\n")
            print(_compared(opened, listed))
            ways = storing.ways(opened)
            print("\n" + _against(take_turns(ways, rounds=1), storing.OURS, "storing the events"))
        linked = linking.ways(linking.drafts(list(read(listed))))
        print("\n" + _against(take_turns(linked, rounds=ROUNDS), linking.OURS, "finding duplicates") + "\n")
    _growth(asked[1] if len(asked) > 1 else 4 * size)


def _growth(largest: int) -> None:
    """Ever twice as many, up to the largest; a line as soon as it is measured."""
    heads = [
        "sightings",
        "all stages, s",
        "to half",
        "deduplicate, s",
        "to half",
        "store, s",
        "to half",
        "peak GiB",
    ]
    print(table(heads, []), flush=True)
    before: list[float] = []
    for size in (largest // 8, largest // 4, largest // 2, largest):
        with tempfile.TemporaryDirectory() as folder, database() as opened:
            listed = write(Path(folder), size)
            began = time.perf_counter()
            stages = {report.stage: report.seconds for report in whole_run(opened, listed).reports}
            now = [time.perf_counter() - began, stages["deduplicate"], stages["store"]]
        factors = (
            [f"{mine / half:.2f}" for mine, half in zip(now, before, strict=True)] if before else [""] * 3
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        cells = [text for pair in zip((f"{one:.1f}" for one in now), factors, strict=True) for text in pair]
        print("| " + " | ".join([f"{size:,}", *cells, f"{memory:.1f}"]) + " |", flush=True)
        before = now
