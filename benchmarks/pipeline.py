"""The pipeline against a bare COPY, pandas `to_sql`, the ORM, `execute_values` and, for duplicates, splink.

`python -m benchmarks pipeline 20000` for the small size; 100,000 sightings otherwise, and with `1000000` the
growth up to that many. PostgreSQL 18 on this machine, fsync on.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from psycopg2.extras import execute_values
from pydantic import TypeAdapter
from pydantic_core import to_json
from sqlalchemy import insert

from app.database import tables
from app.database.embedded import EmbeddedServer
from app.database.engines import open_writer
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp
from app.pipeline.event import Sighting
from app.pipeline.run import Plan, Result, run
from app.pipeline.seen import Seen
from app.pipeline.stage import SILENT
from app.pipeline.stages.deduplicate import compare_all
from app.pipeline.stages.normalise import drafts_of
from benchmarks.generated import Source, by_source, sightings
from benchmarks.measure import table
from settings import DatabaseSettings, DatabaseTarget

SIZE: Final = 100_000
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


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _empty(opened: WritableDatabase) -> None:
    with opened.write() as transaction, transaction.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)}, control.runs CASCADE")


def _run(opened: WritableDatabase, sources: Sequence[Source], **plan: Any) -> Result:
    return run(opened, Plan(sources=sources, now=NOW, **plan), SILENT)


def _bare_copy(opened: WritableDatabase) -> float:
    """COPY out what the pipeline stored, empty the tables, and time nothing but COPY of the same bytes back."""
    with tempfile.TemporaryDirectory() as folder:
        with opened.read() as transaction, transaction.cursor() as cursor:
            for name in _TABLES:
                with (Path(folder) / name).open("wb") as file:
                    cursor.copy_expert(f"COPY {name} TO STDOUT", file)
        _empty(opened)

        def back() -> None:
            with opened.write() as transaction, transaction.cursor() as cursor:
                for name in _TABLES:
                    with (Path(folder) / name).open("rb") as file:
                        cursor.copy_expert(f"COPY {name} FROM STDIN", file)

        return _timed(back)


def _reading(says: Sequence[Sighting]) -> float:
    """Turning the same sightings into JSON and back: what reading them takes at least."""
    adapter = TypeAdapter(list[Sighting])
    return _timed(lambda: adapter.validate_json(b"[" + b",".join(map(to_json, says)) + b"]"))


def _rivals(opened: WritableDatabase) -> list[tuple[str, float]]:
    """Storing the same events by the ways that people use."""
    with opened.read() as transaction:
        columns = [column.name for column in tables.events.columns]
        rows = [tuple(row) for row in transaction.select(tables.events.select())]
    found: list[tuple[str, float]] = []

    def values() -> None:
        with opened.write() as transaction, transaction.cursor() as cursor:
            execute_values(
                cursor, f"INSERT INTO events ({', '.join(columns)}) VALUES %s", rows, page_size=1000
            )

    def orm() -> None:
        from sqlalchemy.orm import Session, registry  # noqa: PLC0415 - only here

        mapper = registry()
        kind = type("StoredEvent", (), {})
        mapper.map_imperatively(kind, tables.events)
        with opened.write() as transaction, Session(transaction.connection) as session:
            objects = []
            for row in rows:
                one = kind()
                for name, value in zip(columns, row, strict=True):
                    setattr(one, name, value)
                objects.append(one)
            session.add_all(objects)
            session.flush()
        mapper.dispose()

    def core() -> None:
        with opened.write() as transaction:
            transaction.execute(insert(tables.events), [dict(zip(columns, row, strict=True)) for row in rows])

    def pandas() -> None:
        frame_of = import_module("pandas").DataFrame
        with opened.write() as transaction:
            frame_of(rows, columns=columns).to_sql(
                "events",
                transaction.connection,
                if_exists="append",
                index=False,
                method="multi",
                chunksize=500,
            )

    ways = {
        "SQLAlchemy ORM, add_all": orm,
        "SQLAlchemy Core, insertmanyvalues": core,
        "psycopg2 execute_values": values,
    }
    if find_spec("pandas"):
        ways["pandas to_sql, multi"] = pandas
    for name, way in ways.items():
        with opened.write() as transaction, transaction.cursor() as cursor:
            cursor.execute("DELETE FROM events")
        found.append((name, _timed(way)))
    return found


def _splink(says: Sequence[Sighting]) -> list[tuple[str, float]]:
    """Finding the pairs: ours, and splink's on DuckDB with the same blocking, when it is installed."""
    drafts = drafts_of(Seen(str(n), "", NOW, live=True, said=said) for n, said in enumerate(says))
    days: dict[date, list[Any]] = {}
    for draft in drafts:
        days.setdefault(draft.start_date, []).append(draft)
    ours = _timed(lambda: [compare_all(day) for day in days.values()])
    found = [("deduplicate, this project", ours)]
    if not find_spec("splink"):
        return found
    splink, likeness = import_module("splink"), import_module("splink.comparison_library")

    frame = import_module("pandas").DataFrame(
        [
            (d.key, d.name.casefold(), str(d.start_date), str(d.start_time), d.venue.key if d.venue else "")
            for d in drafts
        ],
        columns=["unique_id", "name", "day", "hour", "venue"],
    )
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[likeness.JaroWinklerAtThresholds("name", [0.9, 0.7]), likeness.ExactMatch("hour")],
        blocking_rules_to_generate_predictions=[splink.block_on("day", "venue")],
    )
    linker = splink.Linker(frame, settings, splink.DuckDBAPI())
    found.append(
        ("splink on DuckDB", _timed(lambda: linker.inference.predict(threshold_match_probability=0.9)))
    )
    return found


def main() -> None:
    """Print the tables."""
    asked = [int(argument) for argument in sys.argv[2:] if argument.isdecimal()]
    size = min(asked[0], SIZE) if asked else SIZE
    says = sightings(size)
    sources = by_source(says)
    with database() as opened:
        first = _timed(lambda: _run(opened, sources))
        again = _timed(lambda: _run(opened, sources))
        forced = _timed(lambda: _run(opened, sources, first="normalise"))
        store = next(r.seconds for r in _fresh(opened, sources).reports if r.stage == "store")
        rivals = _rivals(opened)
        _fresh(opened, sources)
        copied = _bare_copy(opened)
    bound = copied + _reading(says)
    print(f"{size:,} sightings through all stages\n")
    print(table(["what", "seconds", "to the first run"], [
        ["first run", f"{first:.2f}", "1.00"],
        ["bare COPY of the same rows, and reading them", f"{bound:.2f}", f"{bound / first:.2f}"],
        ["again, nothing changed", f"{again:.2f}", f"{again / first:.2f}"],
        ["again, every stage forced to work", f"{forced:.2f}", f"{forced / first:.2f}"],
    ]))  # fmt: skip
    print(f"\nFirst run to its bound: {first / bound:.2f}; first to unchanged: {first / again:.1f}.\n")
    print(table(["storing", "seconds", "to ours"], [
        ["stage store (venues, events and provenance)", f"{store:.2f}", "1.0"],
        *[[f"{name} (events alone)", f"{seconds:.2f}", f"{seconds / store:.1f}"] for name, seconds in rivals],
    ]))  # fmt: skip
    print()
    print(
        table(
            ["finding duplicates", "seconds"], [[name, f"{seconds:.2f}"] for name, seconds in _splink(says)]
        )
    )
    print()
    _growth(max(asked, default=4 * size))


def _fresh(opened: WritableDatabase, sources: Sequence[Source]) -> Result:
    _empty(opened)
    return _run(opened, sources)


def _growth(largest: int) -> None:
    sizes: list[int] = []
    size = largest
    while size >= max(largest // 16, 1_000) and len(sizes) < 4:
        sizes.append(size)
        size //= 2
    lines: list[list[str]] = []
    before = 0.0
    for size in reversed(sizes):
        sources = by_source(sightings(size))
        with database() as opened:
            seconds = _timed(lambda opened=opened, sources=sources: _run(opened, sources))  # type: ignore[misc]  # mypy infers no lambda with defaults
        lines.append([f"{size:,}", f"{seconds:.1f}", f"{seconds / before:.2f}" if before else ""])
        before = seconds
    print(table(["sightings", "seconds", "to half as many"], lines))
