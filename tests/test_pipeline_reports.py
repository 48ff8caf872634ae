"""Visitors' reports: read from production, never written there, and what they take out."""

from app.database.engines import open_production_reader
from tests.postgres import Trio
from tests.sightings import Saying, names, one_source, run_all, sighting, state, working


def _report(trio: Trio, key: str, kind: str) -> None:
    trio.query("render_prod", f"INSERT INTO event_reports (event_key, kind) VALUES ('{key}', '{kind}')")


def test_a_reported_cancellation_takes_the_event_out(trio: Trio) -> None:
    """And it stays out in every later run, a duplicate with it, with the reason in the provenance."""
    sources = (
        one_source(sighting(), sighting("Tango")),
        Saying("club", [sighting("Friday Salsa Social", source="club")]),
    )
    production = open_production_reader(trio.settings(), process="tests")
    with working(trio) as database:
        run_all(database, *sources, production=production)
        _report(
            trio, trio.query("local", "SELECT key FROM events WHERE name ILIKE '%salsa%'")[0], "cancelled"
        )
        result = run_all(database, *sources, production=production, days_later=1)
        assert names(trio) == ["Tango"]
        assert result.reports[0].counts["reports"] == 1
        before = state(trio)
        run_all(database, *sources, production=production, days_later=1, first="collect")
        run_all(database, *sources, days_later=1, first="normalise")
    production.dispose()
    assert state(trio) == before
    told = trio.query("local", "SELECT DISTINCT rule, reason FROM provenance WHERE event_key IS NULL")
    assert told == ["reported|a visitor reported that it is cancelled"]
    assert trio.query("render_prod", "SELECT count(*) FROM event_reports") == ["1"]


def test_a_report_that_something_is_wrong_is_kept_and_takes_nothing_out(trio: Trio) -> None:
    """A person looks at it; the event stays."""
    production = open_production_reader(trio.settings(), process="tests")
    with working(trio) as database:
        run_all(database, one_source(sighting()))
        _report(trio, trio.query("local", "SELECT key FROM events")[0], "wrong")
        run_all(database, one_source(sighting()), production=production)
    production.dispose()
    assert names(trio) == ["Salsa Social"]
    assert trio.query("local", "SELECT kind FROM collected_reports") == ["wrong"]


def test_reports_that_cannot_be_read_stop_nothing(trio: Trio) -> None:
    """Production without its table of reports: the run goes on, says so and is incomplete."""
    trio.query("render_prod", "DROP TABLE event_reports")
    production = open_production_reader(trio.settings(), process="tests")
    with working(trio) as database:
        result = run_all(database, one_source(sighting()), production=production)
    production.dispose()
    assert names(trio) == ["Salsa Social"]
    assert result.outcome == "incomplete"
    assert "visitors' reports" in result.failures[0]
