"""What production itself refuses half-way, and whom a promotion meets there: old or new, and 75 where trying again helps."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import TemporaryFailure
from app.promotion.apply import StalePlanError
from app.promotion.plan import Plan
from app.promotion.script import Limits
from tests.commands import DEADLINE, PROJECT, dance, environment
from tests.postgres import Trio
from tests.promoting import Scene, scene, seed_events

WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""Promotions that wait for their lock."""


@contextmanager
def ready(trio: Trio) -> Iterator[Scene]:
    """A scene with one changed row to promote."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e3'")
        yield here


def meets(here: Scene, body: str) -> None:
    """Let production do this when its events are updated."""
    here.live(
        f"CREATE FUNCTION meets() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body}; RETURN NULL; END$$;"
        "CREATE TRIGGER meets AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION meets()"
    )


def unattended(here: Scene, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`dance promote` as the cron job runs it."""
    stamp = here.live("SELECT stamp_id FROM control.stamp")[0]
    return dance("promote", variables={**here.trio.environ(), "PROMOTE_TO": stamp, **variables}, cwd=home)


def recovers(here: Scene, before: list[str]) -> None:
    """Production is what it was, and without the obstacle the next promotion works."""
    assert here.contents("render_prod") == before
    here.live("DROP TRIGGER IF EXISTS meets ON events")
    here.assert_promotes()


@pytest.mark.parametrize(
    ("body", "variables", "ends"),
    [
        (
            "PERFORM pg_sleep(60)",
            {"DATABASE_STATEMENT_TIMEOUT": "1"},
            (75, "raise DATABASE_STATEMENT_TIMEOUT"),
        ),
        ("RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'", {}, (75, "no space left")),
        ("RAISE EXCEPTION 'met another' USING ERRCODE = 'deadlock_detected'", {}, (75, "met another")),
        ("RAISE EXCEPTION 'never'", {}, (1, "never")),
    ],
    ids=["statement timeout", "disk full", "deadlock", "a trigger that refuses"],
)
def test_a_refusal_of_the_server_half_way(
    trio: Trio, tmp_path: Path, body: str, variables: dict[str, str], ends: tuple[int, str]
) -> None:
    """75 where trying again may help, 1 where not, never a traceback, and production as it was."""
    with ready(trio) as here:
        before = here.contents("render_prod")
        meets(here, body)
        done = unattended(here, tmp_path, **variables)
        assert done.returncode == ends[0], done.stderr
        assert ends[1] in done.stderr
        assert "Traceback" not in done.stderr
        recovers(here, before)


@pytest.mark.parametrize("side", ["local", "render_prod"])
def test_a_side_that_goes_away_after_consent(trio: Trio, side: str) -> None:
    """Either database ends its sessions between plan and change: production is as it was, and the next run works."""
    sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with scene(trio) as here:

        def ends(_: Plan) -> None:
            trio.query(side, f"SELECT pg_terminate_backend(pid) {sessions}")

        for change in (seed_events(50), "UPDATE events SET name = 'x' WHERE key = 'e3'"):  # first copy, rows
            here.working(change)
            before = here.contents("render_prod")
            if side == "local":
                with pytest.raises(TemporaryFailure):
                    here.promote(consent=ends)
                assert here.contents("render_prod") == before
            else:  # a fresh connection takes its place
                here.promote(consent=ends)
            here.promote()
            assert here.contents("render_prod") == here.contents("local")


def test_sigterm_frees_the_lock_at_once(trio: Trio, tmp_path: Path) -> None:
    """A cron run that is cancelled while production works: its session and its locks are gone with it."""
    with ready(trio) as here:
        before = here.contents("render_prod")
        meets(here, "PERFORM pg_sleep(300)")
        stamp = here.live("SELECT stamp_id FROM control.stamp")[0]
        with subprocess.Popen(
            [sys.executable, "-m", "app", "promote"],
            env={**environment({**trio.environ(), "PROMOTE_TO": stamp}, tmp_path), "PYTHONPATH": str(PROJECT)},
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
            wait_until(lambda: here.live(sleeping) == ["1"])
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == 143, said
        assert "Traceback" not in said
        assert here.live(sleeping) == ["0"]
        assert here.live("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())") == ["0"]  # fmt: skip
        recovers(here, before)


@contextmanager
def promoting(here: Scene, limits: Limits) -> Iterator[list[BaseException]]:
    """A promotion in a thread, over at the end; what went wrong is in the list."""
    failed: list[BaseException] = []

    def promote() -> None:
        try:
            here.promote(limits=limits)
        except BaseException as error:  # noqa: BLE001 - the test shows it
            failed.append(error)

    thread = threading.Thread(target=promote)
    thread.start()
    try:
        yield failed
    finally:
        thread.join()


def test_writers_behind_a_promotion_that_waits_get_through(trio: Trio) -> None:
    """A promotion that cannot have its lock leaves the queue between attempts: others write meanwhile."""
    with ready(trio) as here:
        slow, quick = here.writable(), here.writable()
        with slow.write() as transaction, transaction.cursor() as cursor:
            cursor.execute("UPDATE events SET organiser = organiser WHERE key = 'e9'")
            with promoting(here, Limits(lock_timeout=0.3, lock_attempts=100)) as failed:
                wait_until(lambda: here.live(WAITING) != ["0"])
                for _ in range(3):
                    with quick.write() as other, other.cursor() as writing:
                        writing.execute("INSERT INTO event_reports (event_key, kind) VALUES ('e3', 'wrong')")
                        writing.execute("DELETE FROM events WHERE false")  # wants the lock that is waited for
                cursor.execute("COMMIT")
        slow.dispose()
        quick.dispose()
        assert [type(error) for error in failed] == [StalePlanError], (
            "the writer's update came after the plan"
        )
        assert here.live("SELECT count(*) FROM event_reports") == ["3"]
        here.assert_promotes()


def test_a_writer_is_never_the_victim_of_a_deadlock(trio: Trio) -> None:
    """A writer that has venues and comes for events a while later gets them: the promotion gives way."""
    with ready(trio) as here:
        here.working("UPDATE venues SET name = 'x' WHERE key = 'v5'")
        with promoting(here, Limits(lock_timeout=30, lock_attempts=100)) as failed:
            writer = here.writable()
            with writer.write() as transaction, transaction.cursor() as cursor:
                # The promotion takes events, then venues.
                cursor.execute("UPDATE venues SET region = region WHERE key = 'v1'")
                wait_until(lambda: here.live(WAITING) != ["0"])
                cursor.execute("SELECT pg_sleep(1.2)")  # longer than deadlock_timeout
                cursor.execute("UPDATE events SET organiser = organiser WHERE key = 'e9'")
            writer.dispose()
        assert [type(error) for error in failed] == [StalePlanError], "the writer's rows came after the plan"
        here.assert_promotes()


def wait_until(reached: Callable[[], bool]) -> None:
    """Ask until it is so."""
    end = time.monotonic() + DEADLINE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)
