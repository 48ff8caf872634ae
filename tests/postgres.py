"""Real PostgreSQL for the tests: one server for each version, three fresh databases for each test."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import pytest

from app.database.embedded import Major
from app.database.engines import open_production_writer, open_writer
from app.database.handles import WritableDatabase
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp
from settings import DatabaseSettings, DatabaseTarget
from tests.mishaps import MortalServer

FAST: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_prepared_transactions": "10",
}
"""What a server that lives for one test session need not keep on disk."""
DEBIAN: Final = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
"""The programs of Debian's PostgreSQL: 15 on bookworm, and with every extension of contrib."""
needs_debian: Final = pytest.mark.skipif(
    DEBIAN is None and os.environ.get("CI") != "true", reason="no PostgreSQL of Debian's on this machine"
)
"""Left out only where it is missing, and never in CI: .ci/run installs it."""
Version = Major | Literal["debian"]


@dataclass(frozen=True)
class Trio:
    """Three databases that stand for local, Render dev and production.

    Attributes:
        server: where they are.
        local: its URL, and those of the others.
        elsewhere: the servers of those that are on another one.
    """

    server: MortalServer
    local: str
    render_dev: str
    render_prod: str
    elsewhere: Mapping[str, MortalServer] = field(default_factory=dict, kw_only=True)

    def environ(self, mode: int = 1) -> dict[str, str]:
        """The variables of an execution mode (design, section 2); production is always named.

        Args:
            mode: 1 local, 2 laptop to dev, 3 cron to dev, 4 web service.
        """
        target = {1: "local", 2: "render_dev", 3: "render_dev", 4: "render_prod"}[mode]
        urls = {
            "DATABASE_CONNECTION_STRING": self.local,
            "RENDER_DEV_EXTERNAL_DB_URL": self.render_dev,
            "RENDER_EXTERNAL_DB_URL": self.render_prod,
        }
        if mode in (3, 4):
            urls["RENDER"] = "true"
        return {"DATABASE_TARGET": target, **urls}

    def settings(self, mode: int = 1) -> DatabaseSettings:
        """The typed settings of an execution mode."""
        return DatabaseSettings.from_environ(self.environ(mode))

    def query(self, database: str, sql: str) -> list[str]:
        """Ask one of the three as the superuser, past every guard: a line a row, `|` between columns.

        Args:
            database: "local", "render_dev" or "render_prod".
            sql: the question.
        """
        name = getattr(self, database).rsplit("/", 1)[1]
        return self.elsewhere.get(database, self.server).sql(sql, database=name).splitlines()


def migrate_and_stamp(open_for: Callable[[Purpose], WritableDatabase]) -> None:
    """Make an empty database ready; it is opened for each of the two purposes."""
    for purpose in (Purpose.MIGRATION, Purpose.STAMPING):
        _put(open_for(purpose), stamped=purpose is Purpose.STAMPING)


@dataclass
class Servers:
    """The embedded servers of a test session, started when first asked for."""

    directory: Path
    _running: dict[Version, MortalServer] = field(default_factory=dict)

    def get(self, version: Version) -> MortalServer:
        """The running server of a version, with one migrated template for each environment."""
        if version not in self._running:
            directory = self.directory / f"pg{version}"
            if version == "debian":
                server = MortalServer(directory=directory, programs=DEBIAN, options=FAST)
            else:
                server = MortalServer(directory=directory, version=version, options=FAST)
            server.start()
            self._running[version] = server
            for target in DatabaseTarget:
                server.sql(f"CREATE DATABASE template_{target}")
            templates = Trio(server, *(server.url(f"template_{target}") for target in DatabaseTarget))
            _prepare(templates, stamped=False)
        return self._running[version]

    def stop(self) -> None:
        """Stop them all and remove their directories."""
        for server in self._running.values():
            server.remove()

    @contextmanager
    def pair(
        self, source: Version, production: Version, *, options: tuple[str, str] = ("", "")
    ) -> Iterator[Trio]:
        """A working database on one server and production on another; Render dev is beside the former.

        Args:
            source: the working database's version.
            production: production's.
            options: of CREATE DATABASE, for both.
        """
        with (
            self.trio(source, options=options[0]) as working,
            self.trio(production, options=options[1]) as live,
        ):
            yield Trio(
                working.server, working.local, working.render_dev, live.render_prod,
                elsewhere={"render_prod": live.server},
            )  # fmt: skip

    @contextmanager
    def trio(self, version: Version = 18, *, options: str = "") -> Iterator[Trio]:
        """Three fresh databases, migrated and stamped, dropped afterwards.

        Args:
            version: of the server.
            options: of CREATE DATABASE, for another encoding or collation than the server's.
        """
        server = self.get(version)
        suffix = uuid4().hex[:12]
        names = [f"{target}_{suffix}" for target in DatabaseTarget]
        server.sql(
            "\n".join(
                f'CREATE DATABASE "{name}" TEMPLATE template0 {options};'
                if options
                else f'CREATE DATABASE "{name}" TEMPLATE template_{target} STRATEGY file_copy;'
                for target, name in zip(DatabaseTarget, names, strict=True)
            )
        )
        trio = Trio(server, *(server.url(name) for name in names))
        if options:
            _prepare(trio, stamped=False)
        _prepare(trio, stamped=True)
        try:
            yield trio
        finally:
            server.sql("\n".join(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);' for name in names))


def _prepare(trio: Trio, *, stamped: bool) -> None:
    purpose = Purpose.STAMPING if stamped else Purpose.MIGRATION
    for mode, target in ((1, DatabaseTarget.LOCAL), (2, DatabaseTarget.RENDER_DEV)):
        _put(
            open_writer(trio.settings(mode), process="tests", permit=grant(purpose, target)), stamped=stamped
        )
    permit = grant(purpose, DatabaseTarget.RENDER_PROD)
    _put(open_production_writer(trio.settings(), permit, process="tests"), stamped=stamped)


def _put(database: WritableDatabase, *, stamped: bool) -> None:
    if stamped:
        with database.write() as transaction:
            put_stamp(transaction, who="tests")
    else:
        migrate(database)
    database.dispose()
