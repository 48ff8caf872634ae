"""The write matrix: every attempt against every set of layers, the effect looked up from another connection.

`writer` is the control, which shows that the attempts have teeth. `reader` and `pooled` connect as
a superuser, so nothing but this project's own layers holds; `pooled` goes through a PgBouncer that
silently drops libpq's options. `role` and `role pooled` are the full set, with the reading role.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Final

import pytest
from sqlalchemy import Select, column, literal_column, select

from app.database.embedded import Major
from app.database.engines import open_production_reader, open_production_writer
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.permits import Purpose, grant
from app.database.roles import READER, apply, set_password, statements_for
from app.errors import AppError
from settings import DatabaseSettings, DatabaseTarget
from tests.attacks import ATTEMPTS, EFFECT, PREPARE, PROMISE, Attempt, Door
from tests.pgbouncer import needs_pgbouncer, pgbouncer
from tests.postgres import Servers, Trio

pytestmark = needs_pgbouncer

PROD: Final = DatabaseTarget.RENDER_PROD
Open = Callable[[], ReadOnlyDatabase | WritableDatabase]


class Arena:
    """A production database with everything that the attempts aim at, and the ways to it."""

    def __init__(self, trio: Trio, stack: ExitStack) -> None:
        """Prepare the objects, the roles and the pooler."""
        trio.query("render_prod", PREPARE)
        self._observer = open_production_writer(
            trio.settings(), grant(Purpose.STAMPING, PROD), process="observer"
        )
        stack.callback(self._observer.dispose)
        with self._observer.write() as transaction:
            apply(transaction, statements_for(transaction))
            password = set_password(transaction, READER)
        trio.query("render_prod", PROMISE)
        stack.callback(
            trio.query, "render_prod", "DROP OWNED BY dance_reader, dance_writer; DROP ROLE powerful"
        )
        stack.callback(self._forget_prepared, trio)
        pooler = stack.enter_context(pgbouncer(trio.server, ignore_options=True, roles={READER: password}))
        name = trio.render_prod.rsplit("/", 1)[1]

        def reader(url: str) -> Open:
            settings = DatabaseSettings.from_environ({**trio.environ(), "RENDER_EXTERNAL_DB_URL": url})
            return lambda: open_production_reader(settings, process="attack")

        self.ways: dict[str, Open] = {
            "writer": lambda: open_production_writer(trio.settings(), grant(Purpose.PROMOTION, PROD), process="attack"),
            "reader": reader(trio.render_prod),
            "pooled": reader(pooler.url(name)),
            "role": reader(trio.server.url(name, role=READER, password=password)),
            "role pooled": reader(pooler.url(name, role=READER)),
        }  # fmt: skip

    @staticmethod
    def _forget_prepared(trio: Trio) -> None:
        pending = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
        for gid in trio.query("render_prod", pending):
            trio.query("render_prod", f"ROLLBACK PREPARED $${gid}$$")

    def effect(self) -> str:
        """Everything that may change, as one value."""
        statement: Select[str] = select(literal_column(f"({EFFECT})", column("e").type))
        with self._observer.read() as transaction:
            return str(transaction.select(statement).scalar_one())

    def passes(self, way: str, attempt: Attempt) -> bool:
        """Whether its statements raise nothing through the public door."""
        database = self.ways[way]()
        try:
            Door(database).public(*attempt.statements)
        except AppError:
            return False
        else:
            return True
        finally:
            database.dispose()

    def changed(self, way: str, attempt: Attempt) -> bool:
        """Try, and tell whether anything is different afterwards."""
        before = self.effect()
        database = self.ways[way]()
        with suppress(Exception):  # how it fails is the server's or the driver's business
            attempt.act(Door(database))
        database.dispose()
        return self.effect() != before


@pytest.fixture(scope="module", params=[16, 18], ids=["postgres16", "postgres18"])
def arena(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Arena]:
    """One arena for each version."""
    version: Major = request.param
    with servers.trio(version) as trio, ExitStack() as stack:
        yield Arena(trio, stack)


named = pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)


@named
@pytest.mark.parametrize("way", ["role", "role pooled"])
def test_with_all_layers_nothing_changes(arena: Arena, way: str, attempt: Attempt) -> None:
    """Zero changed rows in production, whatever is tried, directly and through the pooler."""
    assert not arena.changed(way, attempt)


@named
@pytest.mark.parametrize("way", ["reader", "pooled"])
def test_without_a_reading_role_only_work_by_hand_gets_through(
    arena: Arena, way: str, attempt: Attempt
) -> None:
    """Even a superuser's reader changes nothing, unless somebody takes the driver apart on purpose."""
    assert arena.changed(way, attempt) is attempt.by_hand


@named
def test_the_attempts_have_teeth(arena: Arena, attempt: Attempt) -> None:
    """Through a writer each attempt changes what it says it changes: the matrix can fail."""
    if attempt.writes:
        assert arena.changed("writer", attempt)


@pytest.mark.parametrize("attempt", [a for a in ATTEMPTS if a.statements], ids=lambda attempt: attempt.name)
def test_what_still_passes_is_known(arena: Arena, attempt: Attempt) -> None:
    """What a reading role may do, none of which changes a row, is what docs/guards.md lists."""
    assert arena.passes("role", attempt) is attempt.passes
