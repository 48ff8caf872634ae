"""A promotion between two of a test's databases, and the one helper that says what it must leave behind."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from app.database.engines import open_production_reader, open_production_writer, open_reader
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.origin import Origin
from app.database.permits import Active, Production, Purpose, grant
from app.database.tables import Owner, tables_of
from app.promotion import promote, rollback
from app.promotion.guard import Tolerance
from app.promotion.plan import Plan
from app.promotion.planning import Request
from app.promotion.promote import Outcome
from app.promotion.script import Limits
from settings import DatabaseTarget
from tests.postgres import Trio

ORIGIN = Origin(who="tester", host="here", commit="c0ffee")
CHANGES = """
INSERT INTO venues (key, name) VALUES ('v100', 'The new hall');
UPDATE events SET venue_key = 'v100' WHERE venue_key = 'v7';
DELETE FROM venues WHERE key = 'v7';
UPDATE events SET name = name || ' moved' WHERE key LIKE 'e1%';
DELETE FROM events WHERE key LIKE 'e2%';
"""
"""Every kind of change, with a child that moves from a deleted parent to a new one."""
ANYTHING = Tolerance(shrink=1, change=1, small=0, overrides={"emptied": "a test"})
"""For tests that change a table beyond what the guards allow."""


@dataclass
class Scene:
    """A working database, a production, and the tables to promote.

    Attributes:
        trio: the databases; `local` is the source.
        tables: schema and name, parents first.
        tolerance: of the guards.
    """

    trio: Trio
    tables: Sequence[tuple[str, str]] = field(
        default_factory=lambda: [("public", table.name) for table in tables_of(Owner.PIPELINE)]
    )
    tolerance: Tolerance = ANYTHING

    def __post_init__(self) -> None:
        """Open both databases to be read."""
        settings = self.trio.settings()
        self.source: ReadOnlyDatabase[Active] = open_reader(settings, process="tests")
        self.production: ReadOnlyDatabase[Production] = open_production_reader(settings, process="tests")

    def writable(self) -> WritableDatabase[Production]:
        """Production as the promotion gets it."""
        permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
        return open_production_writer(self.trio.settings(), permit, process="tests")

    def close(self) -> None:
        """Give the connections back."""
        self.source.dispose()
        self.production.dispose()

    def working(self, sql: str) -> list[str]:
        """Run SQL in the working database as its superuser."""
        return self.trio.query("local", sql)

    def live(self, sql: str) -> list[str]:
        """Run SQL in production as its superuser."""
        return self.trio.query("render_prod", sql)

    def both(self, sql: str) -> None:
        """Run SQL in both."""
        self.working(sql)
        self.live(sql)

    @property
    def request(self) -> Request:
        """What to promote."""
        return Request(tables=self.tables, tolerance=self.tolerance)

    def plan(self, **changes: object) -> Plan:
        """The plan now."""
        return promote.plan(self.source, self.production, replace(self.request, **changes))  # type: ignore[arg-type]  # fields of Request

    def plan_with(self, seed: int, **changes: object) -> Plan:
        """The plan now, with a seed."""
        request = replace(self.request, **changes)  # type: ignore[arg-type]  # fields of Request
        return promote.plan(self.source, self.production, request, seed=seed)

    def promote(
        self,
        *,
        consent: Callable[[Plan], None] = lambda _: None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        seed: int | None = None,
        **changes: object,
    ) -> Outcome:
        """Promote; consent is given unless a test says otherwise."""
        production = self.writable()
        try:
            return promote.promote(
                self.source,
                production,
                replace(self.request, **changes),  # type: ignore[arg-type]  # fields of Request
                origin=ORIGIN,
                consent=consent,
                limits=limits,
                seed=seed,
            )
        finally:
            production.dispose()

    def undo(self, promotion: int | None = None) -> None:
        """Plan and apply a rollback."""
        made = rollback.plan(self.production, promotion)
        production = self.writable()
        try:
            rollback.apply(made, production, origin=ORIGIN, limits=Limits())
        finally:
            production.dispose()

    def contents(self, database: str) -> list[str]:
        """Every row of the promoted tables, as text."""
        rows = self.trio.query(database, ";".join(_dump(f'"{s}"."{t}"') for s, t in self.tables))
        return sorted(rows)  # here, because two servers may not agree on an order

    def surroundings(self) -> list[str]:
        """What a promotion must leave as it is in production: web-owned rows, rights, definitions."""
        return self.live(
            f"{_dump('event_reports')};"
            "SELECT oid, relname, relacl, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY oid;"
            "SELECT attrelid, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL ORDER BY 1, 2;"
            "SELECT tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname;"
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2;"
            "SELECT objoid, objsubid, description FROM pg_description WHERE classoid = 'pg_class'::regclass ORDER BY 1, 2"
        )

    def assert_promotes(self, **changes: object) -> Outcome:
        """Promote, then hold both databases against what a promotion promises."""
        source, around = self.contents("local"), self.surroundings()
        outcome = self.promote(**changes)  # type: ignore[arg-type]  # keywords of promote
        assert self.contents("local") == source, "the source changed"
        assert self.contents("render_prod") == source, "production is not what the source is"
        assert self.surroundings() == around, "something else of production changed"
        return outcome


def _dump(table: str) -> str:
    return f"SELECT '{table}', t::text FROM {table} AS t ORDER BY t::text COLLATE \"C\""


@contextmanager
def scene(trio: Trio, **parts: object) -> Iterator[Scene]:
    """A scene that closes its connections."""
    opened = Scene(trio, **parts)  # type: ignore[arg-type]  # fields of Scene
    try:
        yield opened
    finally:
        opened.close()


def seed_events(count: int, venues: int = 10) -> str:
    """SQL that fills the pipeline's own tables."""
    return f"""INSERT INTO venues (key, name) SELECT 'v' || i, 'Hall ' || i FROM generate_series(1, {venues}) AS i;
INSERT INTO events (key, name, starts_at, time_zone, local_start_date, venue_key, event_type, source, price_low)
SELECT 'e' || i, 'Evening ' || i, '2026-12-01 20:00+00'::timestamptz + i * interval '1 hour', 'UTC', '2026-12-01',
  'v' || 1 + i % {venues}, 'social', 'calendar', (i % 20)::numeric FROM generate_series(1, {count}) AS i;"""
