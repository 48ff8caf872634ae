"""The whole path of a promotion: plan, consent, apply, verify, ledger."""

import json
import subprocess
from pathlib import Path

import pytest

from app.cli.consent import ConsentMissingError
from app.promotion import report
from app.promotion.plan import Plan, Strategy, seed_of
from tests.commands import dance
from tests.postgres import Trio
from tests.promoting import CHANGES, scene, seed_events


def test_a_first_promotion_fills_empty_tables(any_trio: Trio) -> None:
    """Production has every row afterwards, and the ledger says how many."""
    with scene(any_trio) as here:
        here.working(seed_events(200))
        outcome = here.assert_promotes()
        assert [t.strategy for t in outcome.plan.tables] == [Strategy.FIRST, Strategy.FIRST]
        counts = json.loads(here.live("SELECT counts FROM control.promotions")[0])
        assert counts['"public"."events"'] == {"inserted": 200, "updated": 0, "deleted": 0}


def test_only_changed_rows_travel(any_trio: Trio) -> None:
    """Inserts, updates and deletes arrive; rows that are the same keep their row version."""
    with scene(any_trio) as here:
        here.working(seed_events(300))
        here.promote()
        untouched = here.live("SELECT key, xmin, ctid FROM events WHERE key = 'e3'")
        here.working(CHANGES)
        outcome = here.assert_promotes()
        assert outcome.changed
        assert here.live("SELECT key, xmin, ctid FROM events WHERE key = 'e3'") == untouched


def test_nothing_changed_means_nothing_written(trio: Trio) -> None:
    """A second promotion right after the first takes no transaction id and leaves no trace."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        state = (
            "SELECT pg_snapshot_xmax(pg_current_snapshot()), (SELECT count(*) FROM control.promotions),"
            " pg_current_wal_insert_lsn() - '0/0'"
        )
        *before, wal = here.live(state)[0].split("|")
        assert not here.promote().changed
        *after, wal_after = here.live(state)[0].split("|")
        assert after == before
        assert int(wal_after) - int(wal) < 1000, "more than the server's own housekeeping was written"


def test_the_same_state_has_the_same_digest(trio: Trio) -> None:
    """A plan made again with its seed has its digest; after any change it has another."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e7'")
        first = here.plan()
        seed = seed_of(first.digest)
        digests: list[str] = []
        here.promote(consent=lambda plan: digests.append(plan.digest), seed=seed)
        assert digests == [first.digest]
        here.live("UPDATE events SET name = 'Evening 7' WHERE key = 'e7'")
        here.working("UPDATE events SET name = 'y' WHERE key = 'e7'")
        here.promote(consent=lambda plan: digests.append(plan.digest), seed=seed)
        assert digests[1] != first.digest


def test_refused_consent_changes_nothing(trio: Trio) -> None:
    """Whatever consent raises stops the promotion before production is opened for writing."""

    def refuse(_: Plan) -> None:
        raise ConsentMissingError

    with scene(trio) as here:
        here.working(seed_events(20))
        with pytest.raises(ConsentMissingError):
            here.promote(consent=refuse)
        assert here.contents("render_prod") == []


def test_the_command_applies_exactly_the_confirmed_plan(trio: Trio, tmp_path: Path) -> None:
    """--plan shows, --confirm applies, and the same digest is refused once either side has changed."""
    with scene(trio) as here:
        here.working(seed_events(20))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e1'")
        before = here.contents("render_prod")

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return dance("promote", *arguments, variables=trio.environ(), cwd=tmp_path)

        digest = json.loads(run("--plan", "--json").stdout)["digest"]
        assert here.contents("render_prod") == before
        here.working("UPDATE events SET name = 'y' WHERE key = 'e1'")
        stale = run("--confirm", digest)
        assert stale.returncode == 77, stale.stderr
        here.working("UPDATE events SET name = 'x' WHERE key = 'e1'")
        here.live("UPDATE events SET name = 'z' WHERE key = 'e1'")
        stale = run("--confirm", digest)
        assert stale.returncode == 77, stale.stderr
        assert "Look at the new plan" in stale.stderr
        here.live("UPDATE events SET name = 'Evening 1' WHERE key = 'e1'")
        applied = run("--confirm", digest)
        assert applied.returncode == 0, applied.stderr
        assert here.contents("render_prod") == here.contents("local")


def test_a_plan_for_machines(trio: Trio) -> None:
    """`--plan --json` keeps its names: a script that reads it today reads it tomorrow."""
    with scene(trio) as here:
        here.working(seed_events(20))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e1'; DELETE FROM events WHERE key = 'e2'")
        here.live("ALTER TABLE events ADD COLUMN clicks int")
        said = json.loads(json.dumps(report.as_json(here.plan())))
        assert said.keys() == {"digest", "from", "to", "tables", "findings", "seconds"}
        assert said["to"] == {
            "environment": "render_prod",
            "database": f"render_prod ({trio.render_prod.split('@')[1]})",
            "stamp_id": here.live("SELECT stamp_id FROM control.stamp")[0],
        }
        events = said["tables"][1]
        assert {name: events[name] for name in ("table", "inserted", "updated", "deleted", "unchanged")} == {
            "table": "events", "inserted": 0, "updated": 1, "deleted": 1, "unchanged": 18,
        }  # fmt: skip
        assert events.keys() - {"table", "inserted", "updated", "deleted", "unchanged"} == {
            "bytes", "strategy", "samples",
        }  # fmt: skip
        changed, gone = events["samples"]
        assert (changed["key"], changed["before"]["name"], changed["after"]["name"]) == (
            "e1",
            "Evening 1",
            "x",
        )
        assert (gone["key"], gone["before"]["name"], gone["after"]) == ("e2", "Evening 2", {})
        assert said["findings"] == [
            {"gate": None, "message": "events.clicks exists only in production: left alone."}
        ]


def test_what_is_logged_is_true_when_it_is_logged(trio: Trio, caplog: pytest.LogCaptureFixture) -> None:
    """Production is called read-write when it is, after consent; until then it is only read."""
    caplog.set_level("INFO")
    logged: list[str] = []
    with scene(trio) as here:
        here.working(seed_events(20))
        here.promote(consent=lambda _: logged.append(caplog.text))
    assert "read-write" not in logged[0]
    assert "render_prod (promotion) → " in caplog.text
    assert "read-write from here on" in caplog.text


def test_unattended_consent_pins_the_very_database(trio: Trio, tmp_path: Path) -> None:
    """PROMOTE_TO has to be the stamp id of this production; anything else is refused with 77."""
    with scene(trio) as here:
        here.working(seed_events(20))
        stamps = [
            trio.query(name, "SELECT stamp_id FROM control.stamp")[0]
            for name in ("render_dev", "render_prod")
        ]
        refused = dance("promote", variables={**trio.environ(), "PROMOTE_TO": stamps[0]}, cwd=tmp_path)
        assert refused.returncode == 77
        assert "PROMOTE_TO" in refused.stderr
        assert here.contents("render_prod") == []
        done = dance("promote", variables={**trio.environ(), "PROMOTE_TO": stamps[1]}, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert here.contents("render_prod") == here.contents("local")


def test_without_consent_the_plan_is_shown_and_nothing_happens(trio: Trio, tmp_path: Path) -> None:
    """No terminal, no digest, no PROMOTE_TO: exit 77 with the digest to confirm."""
    with scene(trio) as here:
        here.working(seed_events(20))
        refused = dance("promote", variables=trio.environ(), cwd=tmp_path)
        assert refused.returncode == 77
        assert "--confirm" in refused.stderr
        assert here.contents("render_prod") == []


def test_what_happens_is_told_and_seen(trio: Trio, tmp_path: Path) -> None:
    """Without a terminal lines tell what is sent; pg_stat_activity shows the phase."""
    with scene(trio) as here:
        here.working(seed_events(20))
        stamp = trio.query("render_prod", "SELECT stamp_id FROM control.stamp")[0]
        done = dance("promote", variables={**trio.environ(), "PROMOTE_TO": stamp}, cwd=tmp_path)
        assert "Sending changed rows: 30" in done.stderr
        here.live(
            "CREATE TABLE seen (name text); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN INSERT INTO seen SELECT current_setting('application_name'); RETURN NULL; END$$;"
            "CREATE TRIGGER look AFTER UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION look()"
        )
        here.working("UPDATE events SET name = 'x' WHERE key = 'e1'")
        here.promote()
        assert set(here.live("SELECT name FROM seen")) == {"dance promotion: apply"}


def test_whole_tables_are_verified_when_asked(trio: Trio) -> None:
    """--verify full reads back every row, before COMMIT, and agrees."""
    with scene(trio) as here:
        here.working(seed_events(200))
        here.promote()
        here.working(CHANGES)
        outcome = here.assert_promotes(verify_full=True)
        assert all(table.difference.sums for table in outcome.plan.tables)


def test_a_table_that_differs_in_every_row_is_sent_whole(trio: Trio) -> None:
    """Beyond a limit changed rows are counted and not named; all rows travel and are compared there."""
    with scene(trio) as here:
        here.working(seed_events(60_000))
        here.promote()
        here.working(
            "UPDATE events SET organiser = 'x' WHERE key <> 'e5'; DELETE FROM events WHERE key = 'e7'"
        )
        outcome = here.assert_promotes()
        assert outcome.plan.tables[1].strategy is Strategy.WHOLE
        assert outcome.plan.tables[1].difference.counts == (0, 59_998, 1)
