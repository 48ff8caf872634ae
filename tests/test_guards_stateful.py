"""Random lives of three databases; production's rows change only in steps that held a permit for exactly it.

Each step is what a person or a scheduled job does with some configuration, sensible or not. Around
each step the rows and the stamp of every database are read by psql as the superuser, past every guard.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import insert, text

from app.cli.promote import promote_after_run
from app.database.embedded import Major
from app.database.engines import (
    open_production_reader,
    open_production_writer,
    open_reader,
    open_writer,
)
from app.database.guards import refuse_production
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp, replace_stamp
from app.database.tables import venues
from app.errors import AppError
from settings import ConfigurationError, DatabaseTarget, Settings
from tests.postgres import Servers
from tests.sightings import one_source, run_all, sighting

PROD: Final = DatabaseTarget.RENDER_PROD
VARIABLES: Final = {
    DatabaseTarget.LOCAL: "DATABASE_CONNECTION_STRING",
    DatabaseTarget.RENDER_DEV: "RENDER_DEV_EXTERNAL_DB_URL",
    DatabaseTarget.RENDER_PROD: "RENDER_EXTERNAL_DB_URL",
}
STATE: Final = """
SELECT md5(coalesce(string_agg(x, ',' ORDER BY x), '')),
       (SELECT environment FROM control.stamp),
       coalesce((SELECT database_oid = oid AND database_name = datname FROM control.stamp, pg_database
                 WHERE datname = current_database()), false)
FROM (SELECT 'v' || v::text AS x FROM venues v UNION ALL SELECT 'e' || e::text FROM events e
      UNION ALL SELECT 'r' || r::text FROM event_reports r) AS everything
"""


@dataclass(frozen=True)
class State:
    """A database as the superuser sees it.

    Attributes:
        rows: of the tables that people read, as one value.
        stamp: the environment that its stamp names, blank without one.
        own: whether the stamp is its own and not one that came with a copy.
    """

    rows: str
    stamp: str
    own: bool

    def is_valid_for(self, environment: DatabaseTarget) -> bool:
        """Whether it is that environment's database."""
        return self.own and self.stamp == environment


class Lives(RuleBasedStateMachine):
    """The databases, the configuration of the moment, and what may be done with it."""

    servers: ClassVar[Servers]
    version: ClassVar[Major] = 18

    def __init__(self) -> None:
        """Three stamped databases, configured as on a laptop."""
        super().__init__()
        self.stack = ExitStack()
        self.trio = self.stack.enter_context(self.servers.trio(self.version))
        self.names = {target: getattr(self.trio, target).rsplit("/", 1)[1] for target in DatabaseTarget}
        self.databases = list(self.names.values())
        self.pointing = dict(self.names)
        self.target: DatabaseTarget | None = None
        self.on_render = False
        self.promote_to = self._sql("SELECT stamp_id FROM control.stamp", self.names[PROD]).strip()
        self.steps = 0
        self.states = self._states()

    def teardown(self) -> None:
        """Drop what was made."""
        for name in set(self.databases) - set(self.names.values()):
            self.trio.server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        self.stack.close()

    # What somebody configures; nothing happens yet.

    @rule(named=st.sampled_from([None, *DatabaseTarget]), on_render=st.booleans())
    def configure(self, named: DatabaseTarget | None, on_render: bool) -> None:  # noqa: FBT001 - hypothesis' draw
        """Set or leave out DATABASE_TARGET and RENDER."""
        self.target, self.on_render = named, on_render

    @rule(one=st.sampled_from(DatabaseTarget), other=st.sampled_from(DatabaseTarget))
    def swap(self, one: DatabaseTarget, other: DatabaseTarget) -> None:
        """Paste two URLs the wrong way round."""
        self.pointing[one], self.pointing[other] = self.pointing[other], self.pointing[one]

    @rule()
    def correct(self) -> None:
        """Notice it."""
        self.pointing = dict(self.names)

    @precondition(lambda self: len(self.databases) < 5)
    @rule(origin=st.sampled_from(DatabaseTarget), used_as=st.sampled_from(DatabaseTarget))
    def clone(self, origin: DatabaseTarget, used_as: DatabaseTarget) -> None:
        """Copy a database and use the copy in some variable."""
        name = f"clone_{uuid4().hex[:10]}"
        self.trio.server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{self.pointing[origin]}"')
        self.databases.append(name)
        self.states = self._states()
        self.pointing[used_as] = name

    @rule(known=st.booleans())
    def pin(self, known: bool) -> None:  # noqa: FBT001 - hypothesis' draw
        """Set PROMOTE_TO to the stamp of what the production URL leads to, or to something else."""
        found = self._sql("SELECT stamp_id FROM control.stamp", self.pointing[PROD]).strip() if known else ""
        self.promote_to = found or str(uuid4())

    # What somebody does; each is allowed to fail.

    @rule()
    def read_and_try_to_write(self) -> None:
        """Readers of both kinds, with a statement that writes."""

        def act(configured: Settings) -> None:
            for reader in (
                open_reader(configured.database, process="life"),
                open_production_reader(configured.database, process="life"),
            ):
                with suppress(AppError), reader.read() as transaction, transaction.cursor() as cursor:
                    cursor.execute(f"WITH w AS ({self._venue()} RETURNING 1) SELECT 1")
                reader.dispose()

        self._step(act, permit=False)

    @rule()
    def write(self) -> None:
        """A stage that stores something, without a permit."""
        self._step(
            lambda configured: self._insert(open_writer(configured.database, process="life")), permit=False
        )

    @rule()
    def run_pipeline(self) -> None:
        """The real pipeline with one source."""

        def act(configured: Settings) -> None:
            refuse_production(configured.database)
            database = open_writer(configured.database, process="life")
            try:
                run_all(database, one_source(sighting(f"Social {self.steps}")))
            finally:
                database.dispose()

        self._step(act, permit=False)

    @rule()
    def forge(self) -> None:
        """Production, with a permit for another environment or none."""

        def act(configured: Settings) -> None:
            forged: Any
            for forged in (None, "promotion", grant(Purpose.PROMOTION, DatabaseTarget.RENDER_DEV)):
                with suppress(AppError):
                    self._insert(open_production_writer(configured.database, forged, process="life"))

        self._step(act, permit=False)

    @rule()
    def promote(self) -> None:
        """The real promotion, unattended."""
        self._step(lambda configured: promote_after_run(configured, run_id=None), permit=True)

    @rule()
    def report(self) -> None:
        """The web service writes what a visitor reports."""

        def act(configured: Settings) -> None:
            permit = grant(Purpose.WEB_SERVICE, PROD)
            database = open_production_writer(configured.database, permit, process="life")
            try:
                with database.write() as transaction:
                    transaction.execute(
                        text("INSERT INTO event_reports (event_key, kind) VALUES ('e', 'wrong')")
                    )
            finally:
                database.dispose()

        self._step(act, permit=True)

    @rule(stamp_known=st.booleans())
    def go_as_planned(self, stamp_known: bool) -> None:  # noqa: FBT001 - hypothesis' draw
        """A day without mistakes: pipeline, promotion, a visitor's report."""
        self.correct()
        self.pin(known=stamp_known)
        self.configure(named=DatabaseTarget.LOCAL, on_render=False)
        self.run_pipeline()
        self.promote()
        self.configure(named=PROD, on_render=True)
        self.report()

    @rule()
    def migrate_production(self) -> None:
        """`dance migrate --production`."""
        self._permitted(Purpose.MIGRATION, migrate)

    @rule(replace=st.booleans())
    def stamp_production(self, replace: bool) -> None:  # noqa: FBT001 - hypothesis' draw
        """`dance stamp --production`, with or without --replace."""

        def act(database: WritableDatabase) -> None:
            with database.write() as transaction:
                stamped = transaction.declaration().stamp is not None
                (replace_stamp if stamped and replace else put_stamp)(transaction, who="life")

        self._permitted(Purpose.STAMPING, act)

    def _permitted(self, purpose: Purpose, act: Callable[[WritableDatabase], object]) -> None:
        def through(configured: Settings) -> None:
            database = open_production_writer(configured.database, grant(purpose, PROD), process="life")
            try:
                act(database)
            finally:
                database.dispose()

        self._step(through, permit=True, stamping=purpose is Purpose.STAMPING)

    # What must hold.

    def _step(self, act: Callable[[Settings], object], *, permit: bool, stamping: bool = False) -> None:
        self.steps += 1
        before = self.states
        with suppress(AppError, ConfigurationError):
            configured = Settings.from_environ(self._environ())
            target = configured.database.target
            with suppress(AppError):
                act(configured)
        self.states = after = self._states()
        for name, state in before.items():
            changed = state.rows != after[name].rows
            is_production = state.is_valid_for(PROD)
            if changed:
                event(f"rows changed {'with' if permit else 'without'} a permit")
            if changed and permit:
                assert name == self.pointing[PROD], "a permit wrote a database that its URL doesn't lead to"
                assert is_production, "a permit wrote what isn't production"
            if changed and not permit:
                assert not is_production, "production changed without a permit"
                assert name == self.pointing[target]
                assert target is not PROD
                assert state.is_valid_for(target), (
                    "a database was written whose stamp doesn't say that it is the target"
                )
            if (state.stamp, state.own) != (after[name].stamp, after[name].own):
                assert stamping
                assert name == self.pointing[PROD]

    def _environ(self) -> dict[str, str]:
        environ = {VARIABLES[target]: self.trio.server.url(name) for target, name in self.pointing.items()}
        environ["PROMOTE_TO"] = self.promote_to
        if self.target:
            environ["DATABASE_TARGET"] = self.target
        if self.on_render:
            environ["RENDER"] = "true"
        return environ

    def _states(self) -> dict[str, State]:
        found = {}
        for name in self.databases:
            rows, stamp, own = self._sql(STATE, name).strip().split("|")
            found[name] = State(rows, stamp, own == "t")
        return found

    def _sql(self, statement: str, database: str) -> str:
        return self.trio.server.sql(statement, database=database)

    def _insert(self, database: WritableDatabase) -> None:
        try:
            with database.write() as transaction:
                transaction.execute(insert(venues).values(key=uuid4().hex, name="Hall"))
        finally:
            database.dispose()

    def _venue(self) -> str:
        return f"INSERT INTO venues (key, name) VALUES ('{uuid4().hex}', 'Hall')"


def _live(servers: Servers, version: Major, *, lives: int, steps: int) -> None:
    machine = type(f"Lives{version}", (Lives,), {"servers": servers, "version": version})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(300)
def test_production_changes_only_with_a_permit_for_exactly_it(servers: Servers) -> None:
    """A few random lives on PostgreSQL 18."""
    _live(servers, 18, lives=6, steps=12)


@pytest.mark.deep
@pytest.mark.parametrize("version", [16, 18])
def test_production_changes_only_with_a_permit_in_many_lives(servers: Servers, version: Major) -> None:
    """Many random lives, on both versions."""
    _live(servers, version, lives=300, steps=30)
