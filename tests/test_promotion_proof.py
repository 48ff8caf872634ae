"""Whatever else production does when its tables are written: the result is the source's, or nothing changed."""

from collections.abc import Mapping
from typing import Final

import pytest

from app.promotion.apply import UnverifiedError
from tests.postgres import Trio
from tests.promoting import CHANGES, scene, seed_events


def act(does: str, when: str, *, table: str = "events", constraint: bool = False) -> str:
    """SQL for a trigger."""
    which = "WHEN (NEW.key = 'e11' AND NEW.name <> upper(NEW.name))" * ("UPDATE" in when)
    return (
        f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {does}; RETURN NEW; END$$;"
        f"CREATE {'CONSTRAINT' * constraint} TRIGGER act {when} ON {table}"
        f" {'DEFERRABLE INITIALLY DEFERRED' * constraint} FOR EACH ROW {which} EXECUTE FUNCTION act()"
    )


def reference(action: str) -> str:
    """SQL for a foreign key that acts."""
    return (
        "ALTER TABLE events ADD CONSTRAINT events_venue_key_fkey FOREIGN KEY (venue_key) REFERENCES venues"
        f" ON DELETE {action}"
    )


SHOUT: Final = "UPDATE events SET name = upper(name) WHERE key = "
ORPHANED: Final = "ALTER TABLE events DROP CONSTRAINT IF EXISTS events_venue_key_fkey;"
MISCHIEF: Final[Mapping[str, str]] = {
    act("NEW.name := upper(NEW.name)", "BEFORE UPDATE"): "e11",
    act(f"{SHOUT} 'e11'", "AFTER UPDATE"): "e11",
    act(f"{SHOUT} 'e11'", "AFTER UPDATE", constraint=True): "e11",
    act(f"{SHOUT} 'e3'", "AFTER DELETE"): "wrote other rows",
    act(f"{SHOUT} 'e3'", "AFTER DELETE", table="likes"): "wrote other rows",
    reference("CASCADE"): "wrote other rows",
    reference("SET NULL"): "wrote other rows",
}
"""What production has alone, and what the refusal says."""


def test_what_production_does_beside_is_found_out(trio: Trio) -> None:
    """Triggers before, after and at COMMIT, and foreign keys that act, on rows of the plan and on others."""
    with scene(trio) as here:
        here.working(seed_events(100) + "INSERT INTO venues (key, name) VALUES ('v50', 'The old hall')")
        here.working("UPDATE events SET venue_key = 'v50' WHERE key IN ('e4', 'e5')")
        here.promote()
        here.live("CREATE TABLE likes (event text REFERENCES events ON DELETE CASCADE)")
        here.live(f"INSERT INTO likes VALUES ('e20'); {ORPHANED}")
        here.working(f"{CHANGES} {ORPHANED} DELETE FROM venues WHERE key = 'v50'")
        before = here.contents("render_prod")
        for mischief, says in MISCHIEF.items():
            here.live(mischief)
            with pytest.raises(UnverifiedError, match=says):
                here.promote()
            assert here.contents("render_prod") == before
            here.live(f"DROP FUNCTION IF EXISTS act CASCADE; {ORPHANED}")
        here.assert_promotes()


def test_a_trigger_that_writes_production_s_own_columns_passes_a_full_comparison(trio: Trio) -> None:
    """Rows beside the plan that were written count as changed, until all are compared."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.live("ALTER TABLE events ADD COLUMN clicks int")
        here.promote()
        here.working("DELETE FROM events WHERE key = 'e7'")
        here.live(act("UPDATE events SET clicks = 1 WHERE key = 'e3'", "AFTER DELETE"))
        with pytest.raises(UnverifiedError, match="--verify full"):
            here.promote()
        here.promote(verify_full=True)
        assert here.live("SELECT key FROM events WHERE clicks = 1") == ["e3"]
        assert here.live("SELECT count(*) FROM events") == ["99"]
