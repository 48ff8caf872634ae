"""A run whose connections are lost under way: it takes its lock and its work up again, or gives way."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from app.database.engines import open_writer
from app.database.handles import WritableDatabase, WriteTransaction
from app.pipeline.event import Finding
from app.pipeline.stage import Observer, StageReport
from app.pipeline.working import AnotherRunError, exclusive
from settings import DatabaseSettings
from tests.cluster import Wire
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
    [
        ("collect", False),
        ("normalise", True),
        ("deduplicate", False),
        ("relevance", True),
        ("store", False),
        ("store", True),
    ],
)
def test_a_run_survives_the_loss_of_its_connections(trio: Trio, stage: str, *, under_way: bool) -> None:
    """Between two units of work or within one: the run goes on, and stores what an undisturbed one stores."""
    tango = sighting("Tango", location="Elsewhere, Victoria, BC", start_date=date(2026, 6, 6))
    says = [one_source(sighting(), tango), Saying("club")]
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


@contextmanager
def behind(trio: Trio) -> Iterator[tuple[Wire, WritableDatabase]]:
    """The local database behind a wire."""
    wire = Wire(trio.server.port)
    url = trio.local.replace(f":{trio.server.port}/", f":{wire.port}/")
    database = open_writer(
        DatabaseSettings.from_environ({**trio.environ(), "DATABASE_CONNECTION_STRING": url}), process="tests"
    )
    try:
        yield wire, database
    finally:
        database.dispose()
        wire.close()


def _open_transactions(trio: Trio) -> int:
    told = trio.query(
        "local",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'dance tests' AND state = 'idle in transaction'",
    )
    return int(told[0])


def test_a_run_ends_what_the_server_still_keeps_of_its_lost_connections(trio: Trio) -> None:
    """The server waits on for a client that is gone, and holds the lock and a key for it: the run goes on without both."""
    attempts = []
    with behind(trio) as (wire, database), exclusive(database) as here:

        def unit(transaction: WriteTransaction) -> None:
            with transaction.cursor() as cursor:
                cursor.execute("INSERT INTO venues (key, name) VALUES ('v', 'Hall') ON CONFLICT DO NOTHING")
                attempts.append(_open_transactions(trio))
                if len(attempts) == 1:
                    wire.orphan()
                cursor.execute("SELECT 1")

        here.write(unit)
        assert attempts == [2, 2]
    assert _open_transactions(trio) == 0
