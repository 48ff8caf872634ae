"""Every reason to refuse a promotion, and its override."""

from pathlib import Path

import pytest

from app.errors import Refused
from app.promotion.guard import GuardedError, Tolerance
from tests.commands import dance
from tests.postgres import Trio
from tests.promoting import CHANGES, Scene, scene, seed_events

CAREFUL = Tolerance()


def refused(here: Scene, gate: str, says: str) -> None:
    """The promotion is refused by this gate and production is as it was."""
    before = here.contents("render_prod"), here.live("SELECT count(*) FROM control.promotions")
    with pytest.raises(GuardedError, match=f"(?s){gate}: .*{says}") as caught:
        here.promote()
    assert caught.value.exit_status == 77
    assert (here.contents("render_prod"), here.live("SELECT count(*) FROM control.promotions")) == before


def passes(here: Scene, gate: str) -> None:
    """With the gate's name and a reason it goes through, and the ledger keeps the reason."""
    here.tolerance = Tolerance(overrides={gate: "a test"})
    here.promote()
    assert here.live(f"SELECT overrides->>'{gate}' FROM control.promotions ORDER BY id DESC LIMIT 1") == [
        "a test"
    ]


def test_an_emptied_table(trio: Trio) -> None:
    """A source without rows does not empty production."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        here.promote()
        here.working("DELETE FROM events")
        refused(here, "emptied", "events would be emptied")
        passes(here, "emptied")


def test_a_table_that_shrinks(trio: Trio) -> None:
    """More than a fifth of a table's rows gone is suspicious."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(200))
        here.promote()
        here.working("DELETE FROM events WHERE key < 'e3'")
        refused(here, "shrunk", "events would shrink from 200")
        here.tolerance = Tolerance(overrides={"shrunk": "a test", "changes": "a test"})
        passes_with = here.promote()
        assert passes_with.changed


def test_too_many_changes(trio: Trio) -> None:
    """More than half of a table's rows changed is suspicious."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(200))
        here.promote()
        here.working("UPDATE events SET organiser = 'somebody' WHERE key < 'e8'")
        refused(here, "changes", "events: ")
        passes(here, "changes")


def test_a_schema_that_differs(trio: Trio) -> None:
    """Columns, types and keys that differ are listed; an override promotes what both have."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        here.working(
            "ALTER TABLE events ADD COLUMN mood text; ALTER TABLE venues ALTER COLUMN region TYPE varchar(9)"
        )
        refused(here, "schema", "venues.region is character varying")
        refused(here, "schema", "events.mood is missing in production")
        here.working("ALTER TABLE venues ALTER COLUMN region TYPE text")
        passes(here, "schema")
        assert here.live("SELECT count(*) FROM events") == ["20"]


def test_a_table_without_a_key_or_not_there(trio: Trio) -> None:
    """Rows that cannot be told apart, and a missing table, are refused with the remedy."""
    with scene(trio, tolerance=CAREFUL, tables=[("public", "loose"), ("public", "absent")]) as here:
        here.both("CREATE TABLE loose (a int)")
        with pytest.raises(GuardedError) as caught:
            here.promote()
        assert "loose has no primary key" in str(caught.value)
        assert '"absent" does not exist' in str(caught.value)


def test_a_column_that_production_has_alone_is_left_alone(trio: Trio) -> None:
    """Production's own nullable column keeps its values; one that must be filled refuses."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        here.promote()
        here.live("ALTER TABLE events ADD COLUMN clicks int DEFAULT 0; UPDATE events SET clicks = 5")
        here.working("UPDATE events SET name = 'other' WHERE key = 'e3'")
        here.promote()
        assert here.live("SELECT name, clicks FROM events WHERE key = 'e3'") == ["other|5"]
        here.live("ALTER TABLE events ALTER COLUMN clicks SET NOT NULL, ALTER COLUMN clicks DROP DEFAULT")
        refused(here, "schema", "clicks exists only in production and is required")


UNGUARD = "ALTER TABLE control.stamp DISABLE TRIGGER ALL;"


@pytest.mark.parametrize(
    ("side", "change", "says"),
    [
        ("working", "DELETE FROM control.stamp", "has no stamp"),
        (
            "working",
            "UPDATE control.stamp SET environment = 'render_prod'",
            "should be local, but its stamp says render_prod",
        ),
        (
            "live",
            "UPDATE control.stamp SET environment = 'local'",
            "should be render_prod, but its stamp says local",
        ),
    ],
)
def test_stamps(trio: Trio, side: str, change: str, says: str) -> None:
    """A source without a stamp or stamped as production is no source; a destination stamped otherwise no destination."""
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        getattr(here, side)(UNGUARD + change)
        with pytest.raises(Refused, match=says):
            here.promote()
        assert here.contents("render_prod") == []


def test_one_database_twice(trio: Trio) -> None:
    """However it is called, the same database is recognised, and nobody can override that."""
    with scene(trio) as here:
        here.tolerance = Tolerance(overrides={"same-database": "please", "stamp": "please"})
        here.source = here.production  # type: ignore[assignment]  # the accident that the probe is for
        refused(here, "same-database", "one and the same")


def test_an_unfinished_or_failed_run(trio: Trio) -> None:
    """A run in progress or a failed one on the source refuses; the run that promotes itself does not count."""
    run = "INSERT INTO control.runs (id, outcome, finished_at, target, commit, host, who) VALUES"
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        here.working(f"{run} (gen_random_uuid(), 'running', NULL, 'local', '', 'attic', 'me')")
        refused(here, "run", "in progress on the source since .*attic")
        here.working("UPDATE control.runs SET outcome = 'failed', finished_at = now()")
        refused(here, "run", "failed")
        passes(here, "run")


def test_a_source_older_than_the_last_promotion(trio: Trio) -> None:
    """Data from before the last promotion would turn production back."""
    run = "INSERT INTO control.runs (id, outcome, finished_at, target, commit, host, who) VALUES"
    with scene(trio, tolerance=CAREFUL) as here:
        here.working(seed_events(20))
        here.working(f"{run} (gen_random_uuid(), 'done', '2026-11-02', 'local', '', 'attic', 'me')")
        here.promote()
        here.working(
            "UPDATE control.runs SET finished_at = '2026-11-01'; UPDATE venues SET name = 'x' WHERE key = 'v1'"
        )
        refused(here, "older", "ended at 2026-11-02")
        passes(here, "older")


def test_an_override_wants_a_reason(trio: Trio, tmp_path: Path) -> None:
    """--override GATE without a reason is a usage error."""
    done = dance("promote", "--override", "shrunk", variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 2
    assert "reason" in done.stderr


def test_the_pipeline_on_production_does_not_promote(trio: Trio, tmp_path: Path) -> None:
    """With production as the active target there is nothing to promote from: 77."""
    done = dance("promote", "--plan", variables=trio.environ(4), cwd=tmp_path)
    assert done.returncode == 77, done.stderr


def test_what_is_production_s_own_stays(trio: Trio) -> None:
    """Views, grants, comments, triggers, visitors' rows and their foreign keys: the same objects as before."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        role = f"guest_{trio.render_prod.rsplit('_', 1)[1]}"
        here.live(f"""CREATE VIEW upcoming AS SELECT * FROM events; CREATE ROLE {role}; GRANT SELECT ON events, upcoming TO {role};
GRANT UPDATE (name) ON events TO {role}; COMMENT ON TABLE events IS 'ours'; COMMENT ON COLUMN events.name IS 'said';
CREATE TABLE likes (event text REFERENCES events ON DELETE SET NULL, mark text);
INSERT INTO likes SELECT key, 'one' FROM events WHERE key LIKE 'e1%';
INSERT INTO event_reports (event_key, kind) VALUES ('e20', 'wrong');
CREATE TABLE seen (key text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO seen VALUES (NEW.key); RETURN NULL; END$$;
CREATE TRIGGER note AFTER UPDATE ON events FOR EACH ROW EXECUTE FUNCTION note()""")
        marks = here.live("SELECT * FROM likes ORDER BY 1")
        here.working(CHANGES)
        here.assert_promotes()
        assert here.live("SELECT * FROM likes ORDER BY 1") == marks
        assert here.live("SELECT count(*) FROM upcoming") == here.working("SELECT count(*) FROM events")
        assert here.live("SELECT count(*) > 0 FROM seen") == ["t"]
        here.live(f"DROP OWNED BY {role}; DROP ROLE {role}")
