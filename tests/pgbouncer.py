"""PgBouncer in transaction mode in front of a server, as Render's managed pooler is."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.database.embedded import EmbeddedServer

PROGRAM: Final = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
_USER: Final = "pgserver"


@dataclass
class PgBouncer:
    """One running pooler."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """A database behind it; it trusts its clients, and knows the server's password itself."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PROGRAM is not None
        command = [PROGRAM, str(self.directory / "ini")]
        account = pwd.getpwnam(_USER) if os.geteuid() == 0 else None
        self.process = subprocess.Popen(
            command,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < end, (self.directory / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End it at once, with every connection through it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def pgbouncer(server: EmbeddedServer, *, ignore_options: bool = False) -> Iterator[PgBouncer]:
    """A pooler in front of a server.

    Args:
        server: behind it.
        ignore_options: drop libpq's startup `options` silently; otherwise they are refused.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="dance-pgbouncer-") as name:
        directory = Path(name)
        (directory / "users").write_text(f'"postgres" "{server.password}"\n')
        (directory / "ini").write_text(
            "\n".join(
                [
                    "[databases]",
                    f"* = host=127.0.0.1 port={server.port}",
                    "[pgbouncer]",
                    f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
                    f"auth_type = trust\nauth_file = {directory / 'users'}\nlogfile = {directory / 'log'}",
                    "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200",
                    *(["ignore_startup_parameters = options"] if ignore_options else []),
                    "",
                ]
            )
        )
        if os.geteuid() == 0:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, _USER, _USER)
        running = PgBouncer(directory, port)
        running.start()
        try:
            yield running
        finally:
            running.stop()
