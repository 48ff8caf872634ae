"""A real PgBouncer in front of an embedded server."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from app.database.embedded import EmbeddedServer

_DEADLINE: Final = 20.0
"""Seconds for PgBouncer to answer."""


@contextmanager
def pgbouncer(
    server: EmbeddedServer,
    users: Mapping[str, str],
    *,
    mode: Literal["transaction", "session"] = "transaction",
    ignore: str = "extra_float_digits, options",
) -> Iterator[int]:
    """Run PgBouncer until the block ends.

    Args:
        server: what it pools; every database of it.
        users: the roles that may come through, with their passwords.
        mode: what a server connection is lent for.
        ignore: startup parameters that it drops silently; `options` among them is the danger.

    Yields:
        Its port on 127.0.0.1.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "PgBouncer is needed: apt-get install pgbouncer"
    port = _free_port()
    with TemporaryDirectory(prefix="dance-pgbouncer-") as name:
        directory = Path(name)
        (directory / "users").write_text(
            "".join(f'"{u}" "{p}"\n' for u, p in users.items()), encoding="utf-8"
        )
        (directory / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {directory}/users\nlogfile = {directory}/log\n"
            f"pool_mode = {mode}\ndefault_pool_size = 2\nignore_startup_parameters = {ignore}\n",
            encoding="utf-8",
        )
        account = "pgserver" if os.geteuid() == 0 else None  # it refuses to run as root
        for path in (directory, *directory.iterdir()):
            if account:
                shutil.chown(path, account)
        process = subprocess.Popen(
            [program, "-q", str(directory / "ini")],
            user=account, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(_DEADLINE)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _DEADLINE
    while time.monotonic() < give_up:
        assert process.poll() is None, "PgBouncer ended at its start"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("PgBouncer does not answer")


def _free_port() -> int:
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")
