"""Undoing a promotion."""

import json
from pathlib import Path

import pytest

from app.errors import Refused
from app.promotion import rollback
from app.promotion.rollback import ConflictError, NotUndoableError
from app.promotion.script import Limits
from tests.commands import dance
from tests.postgres import Trio
from tests.promoting import CHANGES, scene, seed_events


def test_a_rollback_restores_every_row(any_trio: Trio) -> None:
    """Inserts, updates and deletes are undone, and production is what it was, byte by byte."""
    with scene(any_trio) as here:
        here.working(seed_events(300))
        here.promote()
        before, around = here.contents("render_prod"), here.surroundings()
        here.working(CHANGES)
        here.promote()
        here.undo()
        assert here.contents("render_prod") == before
        assert here.surroundings() == around
        assert here.live("SELECT kind, undone_by FROM control.promotions ORDER BY id") == [
            "promotion|", "promotion|3", "rollback|",
        ]  # fmt: skip


def test_a_rollback_can_be_undone(trio: Trio) -> None:
    """Undoing the rollback brings the promotion's rows back and marks it as in force again."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        here.working(CHANGES)
        here.promote()
        promoted = here.contents("render_prod")
        here.undo()
        here.undo(3)
        assert here.contents("render_prod") == promoted
        assert here.live("SELECT id, undone_by FROM control.promotions ORDER BY id") == [
            "1|",
            "2|",
            "3|4",
            "4|",
        ]


def test_after_a_rollback_the_next_promotion_brings_the_change_back(trio: Trio) -> None:
    """What a rollback touched is compared anew, whatever the promotion before it proved."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        here.working("UPDATE events SET name = 'new' WHERE key = 'e5'")
        here.promote()
        here.undo()
        outcome = here.assert_promotes()
        assert [table.updated for table in outcome.plan.tables] == [0, 1]


def test_later_changes_to_other_rows_stay(trio: Trio) -> None:
    """Undoing an older promotion keeps what a newer one did to other rows."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        here.working("UPDATE events SET name = 'first' WHERE key = 'e5'")
        here.promote()
        here.working("UPDATE events SET name = 'second' WHERE key = 'e6'")
        here.promote()
        here.undo(2)
        assert here.live("SELECT key, name FROM events WHERE key IN ('e5', 'e6') ORDER BY key") == [
            "e5|Evening 5", "e6|second",
        ]  # fmt: skip


def test_rows_changed_again_are_listed_and_nothing_is_undone(trio: Trio) -> None:
    """A rollback that would undo somebody's later change refuses and names the rows."""
    with scene(trio) as here:
        here.working(seed_events(100))
        here.promote()
        here.working(
            "UPDATE events SET name = 'first' WHERE key IN ('e5', 'e6'); DELETE FROM events WHERE key = 'e7'"
        )
        here.promote()
        here.live("UPDATE events SET name = 'by hand' WHERE key = 'e5'")
        before = here.contents("render_prod")
        with pytest.raises(ConflictError, match="events e5") as refused:
            here.undo()
        assert "e6" not in str(refused.value)
        assert here.contents("render_prod") == before


def test_what_was_undone_or_forgotten_cannot_be_undone(trio: Trio) -> None:
    """An undone promotion, one whose images were dropped and one that never was are refused."""
    with scene(trio) as here:
        here.working(seed_events(10))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e5'")
        here.promote(limits=Limits(keep=1))
        with pytest.raises(NotUndoableError, match="no longer kept"):
            rollback.plan(here.production, 1)
        here.undo()
        with pytest.raises(NotUndoableError, match="already"):
            rollback.plan(here.production, 2)
        with pytest.raises(NotUndoableError):
            rollback.plan(here.production, 77)


def test_the_commands_list_and_undo(trio: Trio, tmp_path: Path) -> None:
    """`dance promotions` shows the ledger, `dance rollback` wants the digest and then undoes."""
    with scene(trio) as here:
        here.working(seed_events(10))
        here.promote()
        here.working("DELETE FROM events WHERE key = 'e5'")
        here.promote()
        listed = dance("promotions", variables=trio.environ(), cwd=tmp_path)
        assert listed.returncode == 0
        assert "+0 ~0 -1" in listed.stdout.splitlines()[0]
        refused = dance("rollback", variables=trio.environ(), cwd=tmp_path)
        assert refused.returncode == 77
        digest = refused.stdout.splitlines()[-1].removeprefix("Rollback ")
        done = dance("rollback", "--confirm", digest, variables=trio.environ(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert here.live("SELECT count(*) FROM events") == ["10"]
        rows = json.loads(dance("promotions", "--json", variables=trio.environ(), cwd=tmp_path).stdout)
        assert [row["undoable"] for row in rows] == [True, False, True]


def test_refusals_are_refusals() -> None:
    """Both end with exit status 77."""
    assert issubclass(ConflictError, Refused)
    assert issubclass(NotUndoableError, Refused)


def test_a_first_copy_can_be_undone_as_a_whole(any_trio: Trio) -> None:
    """Rows that were copied into empty tables go again, and a rollback of that brings them back."""
    with scene(any_trio) as here:
        here.working(seed_events(200))
        here.promote()
        full = here.contents("render_prod")
        here.undo()
        assert here.contents("render_prod") == []
        here.undo(2)
        assert here.contents("render_prod") == full


def test_a_first_copy_that_was_changed_is_not_undone(trio: Trio) -> None:
    """Once any row of a first copy is another one, undoing it would undo that too: refused."""
    with scene(trio) as here:
        here.working(seed_events(50))
        here.promote()
        here.working("UPDATE events SET name = 'x' WHERE key = 'e5'")
        here.promote()
        with pytest.raises(ConflictError, match="events: it was copied into an empty table"):
            here.undo(1)
