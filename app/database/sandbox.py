"""The sandbox: one embedded server with three databases that stand for local, Render dev and production."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.database.embedded import EmbeddedServer
from app.database.engines import open_permitted
from app.database.handles import WritableDatabase
from app.database.origin import origin
from app.database.permits import Purpose, grant
from app.database.schema import migrate
from app.database.stamping import put_stamp
from settings import DatabaseSettings, DatabaseTarget
from settings.connections import ConnectionSettings

_PORT: Final = 25432
_SAMPLES: Final = Path(__file__).parents[2] / "samples" / "sources.toml"
_NAMES: Final = {
    DatabaseTarget.LOCAL: "dance_local",
    DatabaseTarget.RENDER_DEV: "dance_render_dev",
    DatabaseTarget.RENDER_PROD: "dance_production",
}


@dataclass(frozen=True)
class Prepared:
    """What was done to one database so that it can be used."""

    database: str
    migrated_from: str | None
    revision: str
    newly_stamped: bool


@dataclass(frozen=True)
class Sandbox:
    """The sandbox of a directory, usually `.sandbox/` of the project."""

    directory: Path

    @property
    def server(self) -> EmbeddedServer:
        """Its PostgreSQL."""
        return EmbeddedServer(directory=self.directory / "postgres", preferred_port=_PORT)

    def start(self) -> None:
        """Start the server, if it isn't running, and create what is missing of the three databases."""
        self.server.start()
        there = self.server.sql("SELECT datname FROM pg_database").split()
        for name in _NAMES.values():
            if name not in there:
                self.server.sql(f"CREATE DATABASE {name}")

    def variables(self) -> dict[str, str]:
        """The environment of execution mode 1 in the sandbox, on the sample sources."""
        return {
            "DATABASE_REHEARSAL": "true",
            "DATABASE_TARGET": DatabaseTarget.LOCAL,
            "DATABASE_CONNECTION_STRING": self.server.url(_NAMES[DatabaseTarget.LOCAL]),
            "RENDER_DEV_EXTERNAL_DB_URL": self.server.url(_NAMES[DatabaseTarget.RENDER_DEV]),
            "RENDER_EXTERNAL_DB_URL": self.server.url(_NAMES[DatabaseTarget.RENDER_PROD]),
            "SOURCES_FILE": str(_SAMPLES),
        }

    def prepare(self, connections: ConnectionSettings) -> Iterator[Prepared]:
        """Migrate and stamp each of the three databases; yields what was done, one by one."""
        for target in DatabaseTarget:
            migrating = self._writer(target, Purpose.MIGRATION, connections)
            before, after = migrate(migrating)
            migrating.dispose()
            stamping = self._writer(target, Purpose.STAMPING, connections)
            with stamping.write() as transaction:
                fresh = transaction.declaration().stamp is None
                if fresh:
                    put_stamp(transaction, who=origin().who)
            stamping.dispose()
            yield Prepared(f"{target} ({stamping.label})", before, after, fresh)

    def production_stamp(self) -> str:
        """The stamp id of the sandbox's production: what PROMOTE_TO names."""
        name = _NAMES[DatabaseTarget.RENDER_PROD]
        return self.server.sql("SELECT stamp_id FROM control.stamp", database=name).strip()

    def _writer(
        self, target: DatabaseTarget, purpose: Purpose, connections: ConnectionSettings
    ) -> WritableDatabase:
        settings = DatabaseSettings.from_environ({**self.variables(), "DATABASE_TARGET": target})
        return open_permitted(settings, grant(purpose, target), process=purpose, connections=connections)
