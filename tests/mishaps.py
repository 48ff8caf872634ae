"""A server to which everything happens that happens to servers."""

import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import psutil

from app.database.embedded import SUPERUSER, EmbeddedServer


class MortalServer(EmbeddedServer):
    """An embedded server that can be killed, frozen, copied to a standby and promoted."""

    def kill(self) -> None:
        """SIGKILL the postmaster and every backend, as a machine that fails would."""
        family = self._family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        while any(map(_lives, family)):
            time.sleep(0.002)
        # Dead, but perhaps not reaped yet by a sleepy init: the server must not count as running.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """SIGSTOP the postmaster and every backend: the kernel still acknowledges, nobody answers."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        """Undo `freeze`."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def standby(self, directory: Path, name: str = "standby", *, port: int | None = None) -> Self:
        """A streaming replica of this running server, started and answering.

        Args:
            directory: of the replica.
            name: what `synchronous_standby_names` of this server may call it.
            port: preferred.
        """
        replica = replace(self, directory=directory, preferred_port=port)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "password").touch(mode=0o600)
        (directory / "password").write_text(self.password, encoding="ascii")
        replica.let_server_user_in()
        replica.run(
            "pg_basebackup", "-D", str(replica.data), "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", f"host=127.0.0.1 port={self.port} user={SUPERUSER} application_name={name}",
        )  # fmt: skip
        replica.start()
        return replica

    def promote(self) -> None:
        """End recovery: this standby becomes a primary on a timeline of its own."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def _family(self) -> list[psutil.Process]:
        pid = self.pid
        if pid is None:
            return []
        postmaster = psutil.Process(pid)
        return [postmaster, *postmaster.children(recursive=True)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
