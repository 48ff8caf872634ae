"""A run whose connections are lost under way: it takes its lock and its work up again, or gives way."""

from collections.abc import Iterator

import pytest

from app.pipeline.event import Finding
from app.pipeline.stage import Observer, StageReport
from app.pipeline.working import AnotherRunError, exclusive
from tests.postgres import Trio
from tests.sightings import Saying, one_source, run_all, sighting, state, working

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Cutting(Observer):
    """Ends every connection to the working database when a stage begins or tells of its progress for the first time."""

    def __init__(self, trio: Trio, stage: str, *, under_way: bool) -> None:
        self._trio = trio
        self._stage = stage
        self._under_way = under_way

    def begin(self, stage: str) -> None:
        """See `Observer`."""
        if not self._under_way:
            self._cut(stage)

    def advance(self, stage: str, done: int, total: int | None) -> None:
        """See `Observer`."""
        if self._under_way:
            self._cut(stage)

    def note(self, stage: str, text: str) -> None:
        """See `Observer`."""

    def end(self, stage: str, report: StageReport) -> None:
        """See `Observer`."""

    def _cut(self, stage: str) -> None:
        if stage == self._stage:
            self._stage = ""
            self._trio.query("local", _CUT)


@pytest.mark.parametrize(
    ("stage", "under_way"),
    [("collect", False), ("normalise", True), ("deduplicate", False), ("store", False), ("store", True)],
)
def test_a_run_survives_the_loss_of_its_connections(trio: Trio, stage: str, *, under_way: bool) -> None:
    """Between two units of work or within one: the run goes on, and stores what an undisturbed one stores."""
    says = [one_source(sighting(), sighting("Tango", location="Elsewhere, Victoria, BC")), Saying("club")]
    with working(trio) as database:
        run_all(database, *says, last="collect")
        first = "normalise" if stage == "normalise" else "collect"
        result = run_all(database, *says, first=first, observer=Cutting(trio, stage, under_way=under_way))
        cut = state(trio)
        run_all(database, first="normalise")
    assert result.outcome == "done"
    assert len([row for row in cut if row.startswith("events|")]) == 2
    assert state(trio) == cut
    assert trio.query("local", "SELECT DISTINCT outcome FROM control.runs") == ["done"]


def test_a_source_is_stored_after_its_connection_was_lost(trio: Trio) -> None:
    """What a source gave while the database was cut off is stored with the next one."""

    class Cut(Saying):
        def findings(self) -> Iterator[Finding]:
            trio.query("local", _CUT)
            yield sighting()

    with working(trio) as database:
        assert run_all(database, Cut()).outcome == "done"
    assert trio.query("local", "SELECT name FROM events") == ["Salsa Social"]


def test_a_run_that_lost_its_lock_to_another_gives_way(trio: Trio) -> None:
    """It writes nothing more: the other run is told of in the error."""
    with working(trio) as database, working(trio) as other, exclusive(database) as lost:
        trio.query("local", _CUT)
        with exclusive(other), pytest.raises(AnotherRunError):
            lost.write(lambda transaction: transaction.allow(1))
        lost.write(lambda transaction: transaction.allow(1))
