"""`DATABASE_*` reach every connection that the project makes: seen by the server at each login."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from app.cli.main import VERBS, LazyVerbs
from app.database.embedded import EmbeddedServer
from app.database.sandbox import Sandbox
from app.database.schema import newest_revision
from app.errors import AppError
from settings import Settings
from tests.commands import PROJECT, dance
from tests.postgres import Trio

_TELL: Final = """
CREATE FUNCTION public.tell() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE LOG 'login|%|%|%|%|', current_database(), current_setting('application_name'),
        current_setting('statement_timeout'), current_setting('lock_timeout');
END $$;
CREATE EVENT TRIGGER tell ON login EXECUTE FUNCTION public.tell();
"""
_SOURCES: Final = PROJECT / "samples" / "sources.toml"
_HOW: Final = {
    "DATABASE_STATEMENT_TIMEOUT": "71",
    "DATABASE_LOCK_TIMEOUT": "7",
    "DATABASE_PROCESSES": "1000",  # more than there is: `serve` looks, and does not stay
}
_COMMANDS: Final = {
    "config": ["config"],
    "check": ["check"],
    "migrate": ["migrate"],
    "migrate production": ["migrate", "--production", "--confirm", newest_revision()],
    "stamp": ["stamp"],
    "stamp production": ["stamp", "--production"],
    "roles": ["roles"],
    "roles production": ["roles", "--production"],
    "pipeline": ["pipeline", "--from", "store"],
    "runs": ["runs"],
    "explain": ["explain", "nothing"],
    "promote": ["promote", "--plan"],
    "promotions": ["promotions"],
    "rollback": ["rollback", "--plan"],
    "serve": ["serve"],
}
_CONNECTS_TO_NOTHING: Final = {"config"}


class Logins:
    """The logins of this program that a server has told since they were last asked for."""

    def __init__(self, server: EmbeddedServer) -> None:
        """Start at the end of its log."""
        self._log = server.log
        self._read = self._log.stat().st_size

    def new(self, *databases: str) -> set[tuple[str, str]]:
        """Statement and lock timeout of each new login to these databases."""
        with self._log.open(encoding="utf-8") as log:
            log.seek(self._read)
            lines = [line.split("|") for line in log if "login|" in line]
            self._read = log.tell()
        return {
            (statement, lock)
            for _, database, process, statement, lock, *_ in lines
            if database in databases and process.startswith("dance ")
        }


def test_every_verb_connects_as_the_settings_say(
    trio: Trio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each login of each verb has the timeouts of the settings."""
    assert {command.split()[0] for command in _COMMANDS} == VERBS.keys() - {"sandbox"}
    for name in (*Settings.known, *(name for name in os.environ if name.startswith("PG"))):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**trio.environ(), **_HOW, "SOURCES_FILE": str(_SOURCES)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    databases = [url.rsplit("/", 1)[1] for url in (trio.local, trio.render_dev, trio.render_prod)]
    for database in databases:
        trio.server.sql(_TELL, database=database)
    logins = Logins(trio.server)
    for name, arguments in _COMMANDS.items():
        with suppress(AppError):  # nothing to roll back, more connections wanted than there are
            LazyVerbs(name="dance").main(arguments, standalone_mode=False)
        expected = set() if name in _CONNECTS_TO_NOTHING else {("71s", "7s")}
        assert logins.new(*databases) == expected, name


def test_the_pipeline_works_on_the_primary(trio: Trio, tmp_path: Path) -> None:
    """Replicas that are configured are not even asked by a run."""
    with socket.create_server(("127.0.0.1", 0)) as replica:
        urls = f"postgresql://user:password@127.0.0.1:{replica.getsockname()[1]}/events"
        variables = {**trio.environ(), "LOCAL_REPLICA_URLS": urls, "SOURCES_FILE": str(_SOURCES)}
        done = dance("pipeline", "--from", "store", variables=variables, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        replica.setblocking(False)  # noqa: FBT003 - the socket's own signature
        with pytest.raises(BlockingIOError):
            replica.accept()


def test_the_sandbox_connects_as_the_settings_say(place: Path) -> None:
    """What the sandbox does itself, and what runs in it, has the caller's timeouts."""
    sandbox = Sandbox(place / ".sandbox")
    try:
        sandbox.start()
        databases = [f"dance_{name}" for name in ("local", "render_dev", "production")]
        for database in databases:
            sandbox.server.sql(_TELL, database=database)
        logins = Logins(sandbox.server)
        done = dance("sandbox", "run", "dance", "promotions", variables=_HOW, cwd=place)
        assert logins.new(*databases) == {("71s", "7s")}, done.stderr
        assert "this machine" not in done.stderr, "that its databases stand for others is no news there"
    finally:
        sandbox.server.stop("immediate")
