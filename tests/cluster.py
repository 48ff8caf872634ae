"""A primary with streaming standbys, and a wire between that can be cut: for what only failures show."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Final

from app.database.engines import open_reader, open_writer
from app.database.handles import ReadOnlyDatabase, WritableDatabase
from app.database.permits import grant
from settings import DatabaseSettings, DatabaseTarget
from settings.connections import ConnectionSettings
from tests.mishaps import MortalServer
from tests.postgres import migrate_and_stamp

_OPTIONS: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "autovacuum": "off"}
_NAME: Final = "events"
FAR: Final = IPv4Network("198.18.0.0/16")
"""For tests between networks (RFC 2544): nobody else's addresses are in it."""
QUICK: Final = {
    "DATABASE_CONNECT_TIMEOUT": "2",
    "DATABASE_STATEMENT_TIMEOUT": "2",
    "DATABASE_POOL_SIZE": "8",
    "DATABASE_POOL_TIMEOUT": "2",
    "DATABASE_RETRY_FOR": "60",
}
"""Connection settings for people in a hurry; a statement's deadline in the client is 4 seconds."""


def quick(**variables: str) -> ConnectionSettings:
    """QUICK, with other values for some variables."""
    return ConnectionSettings.from_environ(QUICK | variables)


@dataclass
class Cluster:
    """One database on a primary and its standbys; the ports stay the same across restarts."""

    directory: Path
    primary: MortalServer
    port: int
    standbys: list[MortalServer] = field(default_factory=list)

    def add_standby(self, *, synchronous: bool = False) -> MortalServer:
        """Start one more standby; synchronous: COMMIT waits for it from now on."""
        name = f"standby{len(self.standbys) + 1}"
        standby = self.primary.standby(self.directory / name, name)
        standby = replace(standby, preferred_port=standby.port)
        self.standbys.append(standby)
        if synchronous:
            self.wait_for(name)
        return standby

    def wait_for(self, name: str) -> None:
        """Let COMMIT on the primary wait for this standby, and return when it does."""
        self.primary.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.primary.sql("SELECT pg_reload_conf()")
        end = time.monotonic() + 60
        ready = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND sync_state = 'sync'"
        while self.primary.sql(ready).strip() != "1":
            assert time.monotonic() < end
            time.sleep(0.05)

    def settings(self, *ports: int) -> DatabaseSettings:
        """Settings whose local database is on these ports, in this order; default: the primary's."""
        places = ",".join(f"127.0.0.1:{port}" for port in ports or (self.port,))
        url = f"postgresql://postgres:{self.primary.password}@{places}/{_NAME}"
        return DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": url})

    def writer(self, *ports: int, **variables: str) -> WritableDatabase:
        """The database on these ports, to be written, with quick timeouts."""
        return open_writer(self.settings(*ports), process="tests", connections=quick(**variables))

    def reader(self, *ports: int, **variables: str) -> ReadOnlyDatabase:
        """The same to be read."""
        return open_reader(self.settings(*ports), process="tests", connections=quick(**variables))

    def sql(self, script: str, server: MortalServer | None = None) -> str:
        """Run a script as the superuser, on the primary or on another server."""
        return (server or self.primary).sql(script, database=_NAME).strip()

    def remove(self) -> None:
        """Kill everything; nothing of it is needed any more."""
        with ThreadPoolExecutor() as together:
            list(together.map(MortalServer.kill, (self.primary, *self.standbys)))


@contextmanager
def prepared() -> Iterator[Path]:
    """A directory to copy clusters from: a migrated, stamped database at rest."""
    # Not pytest's own directory: every other pytest that starts closes that to the server's user.
    with TemporaryDirectory(prefix="dance-cluster-", ignore_cleanup_errors=True) as directory:
        yield _prepare(Path(directory))


def _prepare(directory: Path) -> Path:
    server = MortalServer(directory=directory / "template", options=_OPTIONS)
    server.start()
    server.sql(f"CREATE DATABASE {_NAME}")
    settings = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": server.url(_NAME)})
    migrate_and_stamp(
        lambda purpose: open_writer(settings, process="tests", permit=grant(purpose, DatabaseTarget.LOCAL))
    )
    server.sql("CREATE TABLE written (id uuid PRIMARY KEY, by_whom int NOT NULL)", database=_NAME)
    server.stop()
    with (server.data / "pg_hba.conf").open("a") as access:
        access.write(f"host all all {FAR} scram-sha-256\n")
    return server.directory


@contextmanager
def cluster(template: Path, **options: str) -> Iterator[Cluster]:
    """A fresh primary with that database, gone afterwards."""
    directory = Path(mkdtemp(dir=template.parent))
    directory.chmod(0o711)
    subprocess.run(["/bin/cp", "-a", str(template), str(directory / "primary")], check=True)
    server = MortalServer(directory=directory / "primary", options=_OPTIONS | options)
    server.start()
    made = Cluster(directory, replace(server, preferred_port=server.port), server.port)
    try:
        yield made
    finally:
        made.remove()
        shutil.rmtree(directory, ignore_errors=True)


class Wire:
    """A loopback TCP forwarder that can cut its connections, or lead elsewhere."""

    def __init__(self, port: int) -> None:
        """Forward to a port of 127.0.0.1."""
        self.target = port
        self._sockets: list[socket.socket] = []
        self._orphans: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Reset every connection, as a firewall does that has forgotten them."""
        while self._sockets:
            end = self._sockets.pop()
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RDWR)  # wakes its pump, which the reset alone would not
            end.close()

    def orphan(self) -> None:
        """Reset the clients' ends alone: the server waits on, as behind a firewall that forgot only one side."""
        self._orphans += self._sockets[1::2]
        self._sockets = self._sockets[::2]
        self.cut()

    def close(self) -> None:
        """Stop forwarding."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self._sockets += self._orphans
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._sockets += client, server
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            if end not in self._orphans:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
