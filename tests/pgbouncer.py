"""PgBouncer in front of a server; in transaction mode, as Render's managed pooler is, unless asked otherwise."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import pytest

from app.database.embedded import EmbeddedServer

PROGRAM: Final = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
needs_pgbouncer: Final = pytest.mark.skipif(
    PROGRAM is None and os.environ.get("CI") != "true", reason="no PgBouncer on this machine"
)
"""Left out only where the program is missing, and never in CI: .ci/run installs Debian's."""
_USER: Final = "pgserver"


@dataclass
class PgBouncer:
    """One running pooler."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, *, role: str = "postgres") -> str:
        """A database behind it; it trusts its clients, and knows the server's passwords itself."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PROGRAM is not None, "apt-get install pgbouncer"
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
def pgbouncer(
    server: EmbeddedServer,
    *,
    ignore_options: bool = False,
    mode: Literal["transaction", "session"] = "transaction",
    roles: Mapping[str, str] | None = None,
) -> Iterator[PgBouncer]:
    """A pooler in front of a server.

    Args:
        server: behind it.
        ignore_options: drop libpq's startup `options` silently; otherwise they are refused.
        mode: for how long a client keeps a connection of the server.
        roles: passwords of the roles that may come through, beside the superuser.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="dance-pgbouncer-") as name:
        directory = Path(name)
        known = {"postgres": server.password, **(roles or {})}
        (directory / "users").write_text("".join(f'"{role}" "{word}"\n' for role, word in known.items()))
        (directory / "ini").write_text(
            "\n".join(
                [
                    "[databases]",
                    f"* = host=127.0.0.1 port={server.port}",
                    "[pgbouncer]",
                    f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
                    f"auth_type = trust\nauth_file = {directory / 'users'}\nlogfile = {directory / 'log'}",
                    f"pool_mode = {mode}\ndefault_pool_size = 4\nmax_client_conn = 200",
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
