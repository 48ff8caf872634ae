"""The sandbox: a server of its own that is there when it is needed and gone afterwards."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.database import embedded
from app.database.sandbox import Sandbox
from tests.commands import DEADLINE, PROJECT, dance, environment, hear_interrupts
from tests.mishaps import MortalServer


@pytest.fixture
def sandbox(place: Path) -> Iterator[Sandbox]:
    """A sandbox in a directory of its own, stopped afterwards."""
    sandbox = Sandbox(place / ".sandbox")
    yield sandbox
    sandbox.server.stop("immediate")


def _servers_of(directory: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(directory) in argument for argument in process.info["cmdline"] or ())
        and "postgres" in process.info["cmdline"][0]
    ]


def test_a_command_in_the_sandbox_gets_three_prepared_databases(sandbox: Sandbox, place: Path) -> None:
    """What runs in the sandbox finds its target migrated, and no server is left when it has ended."""
    done = dance("sandbox", "run", "dance", "migrate", variables={}, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "is at revision" in done.stdout
    assert sandbox.server.pid is None
    assert _servers_of(place) == []


def test_the_callers_own_configuration_does_not_reach_the_sandbox(sandbox: Sandbox, place: Path) -> None:
    """Neither the caller's variables nor a .env file decide anything in the sandbox."""
    (place / ".env").write_text("RENDER_INTERNAL_DB_URL=postgresql://u@elsewhere.example/db\n")
    caller = {"DATABASE_TARGET": "render_prod", "RENDER": "true"}
    done = dance("sandbox", "run", "dance", "migrate", variables=caller, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "local (127.0.0.1" in done.stdout


def test_a_port_that_is_taken_at_the_last_moment_is_given_up(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers that start at once find one port free: the second takes another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        free = embedded.free_port()
        answers = iter([taken, free])
        monkeypatch.setattr(embedded, "free_port", lambda _preferred=None: next(answers))
        sandbox.server.start()
        assert sandbox.server.port == free


def test_the_exit_status_of_the_command_is_the_sandboxs(sandbox: Sandbox, place: Path) -> None:
    """A failing command fails the sandbox with the same status."""
    command = [sys.executable, "-c", "raise SystemExit(42)"]
    assert dance("sandbox", "run", *command, variables={}, cwd=place).returncode == 42


def test_start_status_and_stop(sandbox: Sandbox, place: Path) -> None:
    """A started sandbox runs until it is stopped, and status tells which."""
    assert dance("sandbox", "status", variables={}, cwd=place).returncode == 1
    assert dance("sandbox", "start", variables={}, cwd=place).returncode == 0
    assert dance("sandbox", "run", "dance", "migrate", variables={}, cwd=place).returncode == 0
    status = dance("sandbox", "status", variables={}, cwd=place)
    assert (status.returncode, f"127.0.0.1:{sandbox.server.port}" in status.stdout) == (0, True)
    assert dance("sandbox", "stop", variables={}, cwd=place).returncode == 0
    assert _servers_of(place) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sandbox_leaves_no_server_behind(
    sandbox: Sandbox, place: Path, ending: signal.Signals
) -> None:
    """Ctrl-C and a termination stop the command and the server, in that order."""
    ready = "import sys, time; print('ready', flush=True); time.sleep(100)"
    with subprocess.Popen(
        [sys.executable, "-m", "app", "sandbox", "run", sys.executable, "-c", ready],
        env={**environment({}, place), "PYTHONPATH": str(PROJECT)}, cwd=place, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True, preexec_fn=hear_interrupts,  # noqa: PLW1509 - this test has one thread
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while process.stdout.readline().strip() != "ready":
            assert process.poll() is None
        assert _servers_of(place) != []
        process.send_signal(ending)
        assert process.wait(DEADLINE) == 130
    assert _servers_of(place) == []


def test_a_server_that_was_killed_starts_again(place: Path) -> None:
    """After a SIGKILL of every process the cluster recovers at the next start."""
    server = MortalServer(directory=place / "cluster")
    server.start()
    server.sql("CREATE TABLE kept AS SELECT 1 AS one")
    server.kill()
    assert server.pid is None
    server.start()
    assert server.sql("SELECT one FROM kept").strip() == "1"
    server.remove()
