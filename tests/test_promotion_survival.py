"""What ends a promotion half-way: production is exactly old or exactly new, and the next run works."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from app.database.failures import TransactionConflictError
from app.errors import TemporaryFailure
from app.promotion.apply import AlreadyRunningError, StalePlanError, UnverifiedError
from app.promotion.plan import Plan
from app.promotion.script import Limits
from benchmarks.link import Link, linked
from settings import DatabaseSettings
from tests.commands import PROJECT, dance, environment
from tests.postgres import Trio
from tests.promoting import CHANGES, Scene, scene, seed_events

SHOUT = """CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
 $$BEGIN NEW.name := upper(NEW.name); RETURN NEW; END$$;
CREATE TRIGGER shout BEFORE UPDATE ON events FOR EACH ROW WHEN (NEW.key = 'e11') EXECUTE FUNCTION shout()"""


@contextmanager
def changed(trio: Trio, count: int = 300) -> Iterator[tuple[Scene, list[str], list[str]]]:
    """A scene with something to promote, production's contents, and what they are to become."""
    with scene(trio) as here:
        here.working(seed_events(count))
        here.promote()
        here.working(CHANGES)
        yield here, here.contents("render_prod"), here.contents("local")


def test_a_busy_table_is_a_passing_failure(trio: Trio) -> None:
    """Somebody's open write keeps the lock away: exit 75, nothing changed, and afterwards it works."""
    with changed(trio) as (here, old, new):
        writer = here.writable()
        with writer.write() as transaction, transaction.cursor() as cursor:
            cursor.execute("UPDATE events SET name = name WHERE key = 'e3'")
            with pytest.raises(TemporaryFailure):
                here.promote(limits=Limits(lock_timeout=0.1, lock_attempts=2))
            cursor.execute("ROLLBACK")
        writer.dispose()
        assert here.contents("render_prod") == old
        here.promote()
        assert here.contents("render_prod") == new


def test_an_open_reader_is_not_in_the_way(trio: Trio) -> None:
    """A reader in a long transaction keeps its old rows and does not delay the promotion."""
    with changed(trio) as (here, _, new):
        with here.production.read(snapshot=True) as transaction, transaction.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events")
            before = cursor.fetchone()
            here.promote(limits=Limits(lock_timeout=0.5, lock_attempts=1))
            cursor.execute("SELECT count(*) FROM events")
            assert cursor.fetchone() == before
        assert here.contents("render_prod") == new


def test_a_second_promotion_is_told_who_runs_the_first(trio: Trio) -> None:
    """While one promotion holds its lock, another is refused for now and names the holder."""
    with changed(trio) as (here, old, _):
        other = here.writable()
        with other.write() as transaction, transaction.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('dance promotion'))")
            with pytest.raises(AlreadyRunningError, match="by postgres"):
                here.promote()
        other.dispose()
        assert here.contents("render_prod") == old


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE events SET name = 'by hand' WHERE key = 'e3'",
        "DELETE FROM events WHERE key = 'e3'",
        "INSERT INTO venues (key, name) VALUES ('v77', 'by hand')",
    ],
)
def test_a_change_after_the_plan_makes_it_stale(trio: Trio, meanwhile: str) -> None:
    """Whatever is written to production between plan and lock is noticed under the lock."""
    with changed(trio) as (here, _, new):

        def consent(_: Plan) -> None:
            here.live(meanwhile)

        with pytest.raises(StalePlanError):
            here.promote(consent=consent)
        assert here.live("SELECT count(*) FROM control.promotions") == ["1"]
        here.promote()
        assert here.contents("render_prod") == new


def test_a_failure_is_listed_and_changes_nothing_else(trio: Trio, tmp_path: Path) -> None:
    """`dance promotions` shows what failed and why; the ledger proper, and the next promotion, don't know of it."""
    with scene(trio) as here:
        here.working(seed_events(20))
        here.promote()
        here.live(SHOUT)
        here.working("UPDATE events SET name = 'x' WHERE key = 'e11'")
        with pytest.raises(UnverifiedError):
            here.promote()
        shown = dance("promotions", variables=trio.environ(), cwd=tmp_path).stdout.splitlines()
        assert "failed, nothing was changed" in shown[0]
        assert "rows differ from the source after they were written: e11" in shown[0]
        assert "+30 ~0 -0" in shown[1]
        assert here.live("SELECT count(*) FROM control.promotions") == ["1"]
        here.live("DROP TRIGGER shout ON events")
        here.assert_promotes()
        rows = json.loads(dance("promotions", "--json", variables=trio.environ(), cwd=tmp_path).stdout)
        assert [row["outcome"] for row in rows] == ["done", "failed", "done"]


def test_a_broken_reference_rolls_everything_back(trio: Trio) -> None:
    """A web-owned row that needs a venue keeps the whole promotion from deleting it."""
    with changed(trio) as (here, old, _):
        here.live("CREATE TABLE likes (venue text REFERENCES venues); INSERT INTO likes VALUES ('v7')")
        with pytest.raises(Exception, match="likes"):
            here.promote()
        assert here.contents("render_prod") == old


def through(link: Link, here: Scene) -> Scene:
    """The same scene with production behind a link."""
    environ = here.trio.environ()
    environ["RENDER_EXTERNAL_DB_URL"] = here.trio.render_prod.replace(
        f":{here.trio.server.port}/", f":{link.entrance}/"
    )

    class Behind(Trio):
        def settings(self, mode: int = 1) -> DatabaseSettings:
            assert mode == 1
            return DatabaseSettings.from_environ(environ)

    return Scene(Behind(here.trio.server, here.trio.local, here.trio.render_dev, here.trio.render_prod))


def test_a_link_cut_at_any_byte_leaves_old_or_new(trio: Trio) -> None:
    """The ledger settles what became of a COMMIT without an answer; the next run works by itself."""
    seen = set()
    with changed(trio) as (here, old, new):
        with linked(trio.server.port) as probe:
            behind = through(probe, here)
            behind.plan()
            planned = probe.up
            behind.close()
        for turn in range(12):
            with linked(trio.server.port) as link:
                link.cut_after = planned + turn * 2_500
                behind = through(link, here)
                try:
                    behind.promote(limits=Limits(lock_timeout=1))
                    outcome = "done"
                except TemporaryFailure:
                    outcome = "failed"
                behind.close()
            contents = here.contents("render_prod")
            assert contents in (old, new)
            assert (outcome == "done") == (contents == new)
            seen.add(outcome)
            if contents == new:
                break
        here.promote()
        assert here.contents("render_prod") == new
    assert "failed" in seen


def test_a_commit_without_an_answer_is_looked_up(trio: Trio) -> None:
    """The link goes while production applies: a new connection asks the ledger what became of it."""
    with changed(trio) as (here, old, new):
        here.live(
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END$$;"
            "CREATE TRIGGER linger AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION linger()"
        )
        with linked(trio.server.port) as link:
            behind = through(link, here)

            def cut() -> None:
                asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
                while promotion.is_alive() and here.live(asked) == ["0"]:
                    time.sleep(0.02)
                link.cut()

            outcomes: list[str] = []

            def promote() -> None:
                try:
                    behind.promote()
                    outcomes.append("done")
                except TemporaryFailure:  # the server noticed before it came to COMMIT
                    outcomes.append("failed")

            promotion = threading.Thread(target=promote)
            promotion.start()
            cut()
            promotion.join()
            behind.close()
        assert here.contents("render_prod") == (new if outcomes == ["done"] else old)
        here.promote()
        assert here.contents("render_prod") == new


DRIVER = """
import sys
from app.cli import promote
print("ready", flush=True)
promote.command()
"""


def kill_client(here: Scene, *, after: float, how: signal.Signals) -> int:
    """Start `dance promote` as a process of its own and end it some seconds after it was ready."""
    stamp = here.live("SELECT stamp_id FROM control.stamp")[0]
    variables = {
        **here.trio.environ(),
        "PROMOTE_TO": stamp,
        "PROMOTION_MAX_SHRINK": "1",
        "PROMOTION_MAX_CHANGE": "1",
    }
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env={**environment(variables, PROJECT), "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(how)
        process.stdout.read()
        return process.wait()


def terminate_backends(here: Scene, *, after: float) -> None:
    """End the sessions of a running promotion on both databases."""
    time.sleep(after)
    here.trio.server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dance %'"
        " AND datname LIKE '%" + here.trio.render_prod.rsplit("_", 1)[1] + "'"
    )


def kills(here: Scene, turns: int, chance: random.Random) -> None:
    """Kill client or backend at random moments; each time old or new, and then new."""
    for turn in range(turns):
        here.working(f"UPDATE events SET name = name || {turn} WHERE key LIKE 'e1%'")
        old, new = here.contents("render_prod"), here.contents("local")
        if turn % 2:
            how = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            kill_client(here, after=chance.uniform(0, 0.4), how=how)
        else:
            killer = threading.Thread(
                target=terminate_backends, args=(here,), kwargs={"after": chance.uniform(0, 0.2)}
            )
            killer.start()
            with suppress(TemporaryFailure):
                here.promote()
            killer.join()
        assert here.contents("render_prod") in (old, new), f"neither old nor new in turn {turn}"
        # The session of a client that was killed may still be at work: its lock is waited for.
        for _ in range(100):
            try:
                here.promote()
                break
            except TemporaryFailure:
                time.sleep(0.1)
        assert here.contents("render_prod") == new


def test_kills_at_random_moments_leave_old_or_new(trio: Trio) -> None:
    """A few kills of client and backend; `make deep` does two hundred."""
    with scene(trio) as here:
        here.working(seed_events(2_000))
        here.promote()
        kills(here, 6, random.Random(5))  # noqa: S311 - a moment, no secret


@pytest.mark.deep
def test_two_hundred_kills_leave_old_or_new(trio: Trio) -> None:
    """Client and backend are killed at 200 random moments; production is checked row by row each time."""
    with scene(trio) as here:
        here.working(seed_events(5_000))
        here.promote()
        kills(here, 200, random.Random(200))  # noqa: S311 - moments, no secrets


POLL = """
SELECT concat_ws(' ', (SELECT string_agg(DISTINCT name, ',') FROM venues), string_agg(DISTINCT organiser, ','),
  string_agg(DISTINCT coalesce(v.name, 'no venue'), ','), count(*)) FROM events LEFT JOIN venues AS v ON v.key = venue_key
"""
"""What venues are called, who organises, where events take place, how many: one state, or a mixture."""


@dataclass
class Visitors:
    """Threads that read and write production while it is promoted to."""

    here: Scene
    states: Counter[str] = field(default_factory=Counter)
    written: list[str] = field(default_factory=list)
    troubles: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        """Poll for a while on one connection."""
        with self.here.production.read() as transaction, transaction.cursor() as cursor:
            for _ in range(50):
                cursor.execute(POLL)
                row = cursor.fetchone()
                self.states[row[0] if row else "nothing"] += 1

    def write(self) -> None:
        """Report something wrong, and like an event and its venue's name."""
        written = uuid4().hex
        database = self.here.writable()
        with database.write() as transaction, transaction.cursor() as cursor:
            cursor.execute(
                "INSERT INTO event_reports (event_key, kind, message) VALUES ('e3', 'wrong', %s)", (written,)
            )
            cursor.execute("INSERT INTO likes VALUES ('e3', %s)", (written,))
        database.dispose()
        self.written.append(written)

    def again_and_again(self, work: Callable[[], None]) -> None:
        """Repeat until the test says stop; keep what goes wrong."""
        try:
            while not self.stop.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.troubles.append(error)


def turn_over(turn: int) -> str:
    """SQL that gives every event another organiser and another venue, and takes the old venues away."""
    return f"""INSERT INTO venues (key, name) SELECT '{turn}.' || i, 'turn{turn}' FROM generate_series(1, 10) AS i;
UPDATE events SET organiser = 'turn{turn}', venue_key = '{turn}.' || 1 + length(key) % 10;
DELETE FROM venues WHERE name <> 'turn{turn}';"""


def meets_nobody(here: Scene) -> bool:
    """Promote; False where it met a writer and changed nothing."""
    try:
        here.promote()
    except TransactionConflictError:
        return False
    return True


def watched(here: Scene, *, promotions: int, polls: int, readers: int) -> None:
    """Promote while visitors read and write; every poll saw one whole state, every write is there.

    Args:
        here: with nothing in it yet.
        promotions: how many.
        polls: by all readers, for each promotion, from its beginning to the next one's.
        readers: at once.
    """
    here.working(seed_events(100) + turn_over(0))
    here.live("CREATE TABLE likes (event text REFERENCES events, mark text PRIMARY KEY)")
    here.promote()
    visitors = Visitors(here)
    threads = [
        threading.Thread(target=visitors.again_and_again, args=(work,))
        for work in [visitors.read] * readers + [visitors.write] * 2
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        for turn in range(1, promotions + 1):
            enough = visitors.states.total() + polls
            here.working(turn_over(turn))
            while not meets_nobody(here):
                pass
            while visitors.states.total() < enough and not visitors.troubles:
                time.sleep(0.01)
        seconds = time.monotonic() - begun
    finally:
        visitors.stop.set()
        for thread in threads:
            thread.join()
    print(f"{visitors.states.total()} polls, {visitors.states.total() / seconds:.0f} a second, saw"  # noqa: T201 - for `make deep`
          f" {len(visitors.states)} states in {promotions} promotions beside {len(visitors.written)} writes")  # fmt: skip
    assert not visitors.troubles
    wholes = {" ".join([f"turn{turn}"] * 3 + ["100"]) for turn in range(promotions + 1)}
    assert visitors.states.keys() <= wholes, "a reader saw half of a promotion"
    assert len(visitors.states) > promotions // 2, "the readers saw too few of the promotions"
    assert sorted(here.live("SELECT message FROM event_reports")) == sorted(visitors.written)
    assert sorted(here.live("SELECT mark FROM likes")) == sorted(visitors.written)


def test_readers_see_old_or_new_and_writers_lose_nothing(trio: Trio) -> None:
    """Polls during promotions never see a mixture; what visitors write meanwhile is all there."""
    with scene(trio) as here:
        watched(here, promotions=5, polls=100, readers=2)


@pytest.mark.deep
def test_a_hundred_promotions_before_many_eyes(any_trio: Trio) -> None:
    """A hundred thousand polls over a hundred promotions, and writers beside them."""
    with scene(any_trio) as here:
        watched(here, promotions=100, polls=1_000, readers=6)
