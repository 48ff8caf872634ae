"""Slow links: few round trips, little traffic, and a lock whose time does not depend on them."""

import pytest

from benchmarks.link import linked
from tests.postgres import Trio
from tests.promoting import scene, seed_events
from tests.test_promotion_survival import through


@pytest.mark.parametrize("full", [False, True], ids=["known", "nothing known"])
def test_a_promotion_takes_at_most_25_round_trips(trio: Trio, *, full: bool) -> None:
    """Connecting, planning, sending, applying, verifying and committing, all counted at the socket."""
    with scene(trio) as here:
        here.working(seed_events(500))
        here.promote()
        here.working(
            "UPDATE events SET organiser = 'x' WHERE key LIKE 'e1%'; DELETE FROM events WHERE key = 'e2'"
        )
        with linked(trio.server.port) as link:
            behind = through(link, here)
            behind.promote(full=full, samples=False)
            behind.close()
        assert link.turns <= 25
        assert here.contents("render_prod") == here.contents("local")


def test_traffic_follows_what_changed(trio: Trio) -> None:
    """A hundredth of the rows changed costs far less than sending the table."""
    with scene(trio) as here:
        here.working(seed_events(4_000) + "UPDATE events SET description = repeat(md5(key), 20)")
        with linked(trio.server.port) as link:
            behind = through(link, here)
            behind.promote()
            everything = link.up
            here.working("UPDATE events SET organiser = 'x' WHERE key LIKE 'e12_'")
            link.up = link.down = 0
            behind.promote(samples=False)
            behind.close()
        assert link.up + link.down < everything / 20


def test_lock_and_commit_are_one_message(trio: Trio) -> None:
    """From LOCK to COMMIT the server needs no client, so the lock's time does not depend on the round trip."""
    with scene(trio) as here:
        here.working(seed_events(200))
        here.promote()
        here.live(
            "CREATE TABLE seen (query text); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN INSERT INTO seen VALUES (current_query()); RETURN NULL; END$$;"
            "CREATE TRIGGER look AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION look()"
        )
        here.working("UPDATE events SET organiser = 'x' WHERE key = 'e7'")
        here.promote()
        assert here.live(
            "SELECT DISTINCT query LIKE '%LOCK TABLE%IN SHARE ROW EXCLUSIVE MODE%' AND query LIKE '%; COMMIT' FROM seen"
        ) == ["t"]
