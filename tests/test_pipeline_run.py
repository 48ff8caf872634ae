"""One run of the pipeline on a real database: what it stores, what it leaves alone, what it survives."""

import json
from dataclasses import replace
from datetime import date, time

import pytest

from app.database.engines import open_production_writer
from app.database.permits import Purpose, grant
from app.pipeline.event import Reject, Unchanged, Unread
from app.pipeline.run import STAGES, Plan, ProductionTargetError, run
from app.pipeline.stage import SILENT
from app.pipeline.working import AnotherRunError, exclusive
from settings import DatabaseTarget
from tests.postgres import Trio
from tests.sightings import (
    FRIDAY,
    Saying,
    SourceDownError,
    events,
    names,
    one_source,
    run_all,
    sighting,
    state,
    working,
)


def test_a_sighting_becomes_an_event(any_trio: Trio) -> None:
    """Every fact of a sighting arrives in the event, the venue and the provenance."""
    seen = sighting(
        "Bachata Night", end_time=time(1), price="$15", dance_style="bachata, salsa", organiser="Studio",
        description="Two rooms", url="https://studio.example/bachata?utm_source=mail",
    )  # fmt: skip
    with working(any_trio) as database:
        run_all(database, one_source(seen))
    stored = any_trio.query(
        "local",
        "SELECT e.name, starts_at AT TIME ZONE 'UTC', ends_at AT TIME ZONE 'UTC', time_zone, local_end_date,"
        " dance_styles, price_low, currency, is_free, organiser, source, url, v.name, v.street, rule"
        " FROM events e JOIN venues v ON v.key = venue_key JOIN provenance ON event_key = e.key",
    )
    assert stored == [
        (
            "Bachata Night|2026-06-06 03:00:00|2026-06-06 08:00:00|America/Vancouver|2026-06-06|{bachata,salsa}"
            "|15.00|CAD|f|Studio|studio|https://studio.example/bachata|Victoria Edelweiss Club|108 Niagara St|unique"
        )
    ]


def test_text_arrives_as_it_was_written(trio: Trio) -> None:
    """What COPY gives a meaning, such as tabs, backslashes and its own word for NULL, is text like any other."""
    odd = 'tab\tbackslash\\ line\nend \\N \\. {"a",NULL}'
    says = [sighting(description=odd), sighting("Tango", description="\\N"), sighting("Zouk", organiser="\\")]
    with working(trio) as database:
        run_all(database, one_source(*says))
    stored = trio.query("local", "SELECT to_json(description) FROM events WHERE name <> 'Zouk' ORDER BY name")
    assert list(map(json.loads, stored)) == [odd, "\\N"]
    assert trio.query("local", "SELECT organiser FROM events WHERE name = 'Zouk'") == ["\\"]


def test_a_second_run_changes_nothing_and_says_so(trio: Trio) -> None:
    """The same sources again: not a row differs and the stages after `collect` have nothing to do."""
    source = one_source(sighting(), sighting("Tango", start_date=date(2026, 6, 6)))
    with working(trio) as database:
        run_all(database, source)
        before = state(trio)
        again = run_all(database, source)
    assert state(trio) == before
    assert again.up_to_date
    assert [report.stage for report in again.reports] == ["collect"]


def test_rebuilding_everything_changes_nothing(trio: Trio) -> None:
    """Stages that are told to work again find every row right and touch none."""
    with working(trio) as database:
        run_all(database, one_source(sighting(), sighting("Tango", location="Elsewhere, Victoria, BC")))
        before = trio.query("local", "SELECT xmin, key FROM events ORDER BY key")
        again = run_all(database, first="normalise")
    assert trio.query("local", "SELECT xmin, key FROM events ORDER BY key") == before
    assert again.reports[-1].counts == {"inserted": 0, "updated": 0, "deleted": 0, "unchanged": 2}


def test_the_stages_in_pieces_store_what_one_run_stores(trio: Trio) -> None:
    """Collect in one run, the pure stages in another, store in a third."""
    with working(trio) as database:
        run_all(database, one_source(sighting(), sighting("Tango")), last="collect")
        assert events(trio) == []
        run_all(database, first="normalise", last="relevance")
        assert events(trio) == []
        run_all(database, first="store")
    assert names(trio) == ["Salsa Social", "Tango"]


def test_a_source_that_fails_keeps_its_events_and_stops_no_other(trio: Trio) -> None:
    """Its earlier events stay, the other source's new ones come, and the run is incomplete."""
    failing = Saying("studio", failure=SourceDownError("Source studio: it does not answer."))
    other = Saying("club", [sighting("Tango", source="club")])
    with working(trio) as database:
        run_all(database, one_source(sighting()), Saying("club"))
        result = run_all(database, failing, other)
    assert names(trio) == ["Salsa Social", "Tango"]
    assert result.outcome == "incomplete"
    assert result.failures == ("Source studio: it does not answer.",)
    assert trio.query("local", "SELECT outcome FROM control.runs ORDER BY started_at") == [
        "done",
        "incomplete",
    ]


def test_an_error_that_nobody_foresaw_fails_its_source_alone(trio: Trio) -> None:
    """A source with a bug is a source that failed."""
    with working(trio) as database:
        result = run_all(
            database, Saying("studio", failure=KeyError("x")), Saying("club", [sighting(source="club")])
        )
    assert names(trio) == ["Salsa Social"]
    assert result.failures == ("Source studio: unexpected KeyError: 'x'",)


def test_what_a_source_no_longer_gives_goes_and_is_kept_as_gone(trio: Trio) -> None:
    """Its event goes, its sighting stays with the time at which it went, and its return brings the event back."""
    stays, goes = sighting(), sighting("Tango")
    with working(trio) as database:
        run_all(database, one_source(stays, goes))
        all_of_it = events(trio)
        run_all(database, one_source(stays), days_later=1)
        assert names(trio) == ["Salsa Social"]
        assert trio.query("local", "SELECT gone_at::date FROM sightings WHERE gone_at IS NOT NULL") == [
            "2026-06-02"
        ]
        run_all(database, one_source(stays, goes), days_later=2)
    assert events(trio) == all_of_it
    assert trio.query("local", "SELECT count(*) FROM sightings WHERE gone_at IS NOT NULL") == ["0"]


def test_a_source_that_is_no_longer_listed_loses_its_events(trio: Trio) -> None:
    """Out of the list is out of the events; the sightings stay as gone."""
    with working(trio) as database:
        run_all(database, Saying("studio", [sighting()]), Saying("club", [sighting("Tango", source="club")]))
        run_all(database, Saying("club", [sighting("Tango", source="club")]))
    assert names(trio) == ["Tango"]
    assert trio.query("local", "SELECT count(*), count(gone_at) FROM sightings") == ["2|1"]


def test_a_place_that_is_unchanged_or_unread_keeps_what_it_gave(trio: Trio) -> None:
    """An unchanged place and one that could not be read stand; of the others what is missing goes."""
    here, there, elsewhere = (
        sighting(f"Social {n}", place=f"{n}.ics", location=f"Hall {n}") for n in ("a", "b", "c")
    )
    again = one_source(
        Unchanged(source="studio", place="a.ics"), Unread(source="studio", place="b.ics", reason="it is down")
    )
    with working(trio) as database:
        run_all(database, one_source(here, there, elsewhere))
        result = run_all(database, again)
    assert names(trio) == ["Social a", "Social b"]
    assert result.failures == ("Source studio, b.ics: it is down",)


def test_a_changed_sighting_changes_its_event_under_the_same_key(trio: Trio) -> None:
    """The source corrects the title and the hour: an update, not a delete and an insert."""
    first = sighting("Salsa Scoial", reference="1")
    with working(trio) as database:
        run_all(database, one_source(first))
        key = trio.query("local", "SELECT key FROM events")
        result = run_all(database, one_source(replace(first, name="Salsa Social", start_time=time(21))))
    assert trio.query("local", "SELECT key FROM events") == key
    assert names(trio) == ["Salsa Social"]
    assert result.reports[-1].counts["updated"] == 1


def test_rejects_are_kept_until_they_are_mended(trio: Trio) -> None:
    """A bad row is stored with place, line and reason; when the source mends it, it goes."""
    bad = Reject(source="studio", kind="csv", place="a.csv", line=7, reason="no date", raw="Salsa,,")
    with working(trio) as database:
        run_all(database, one_source(bad))
        assert trio.query("local", "SELECT place, line, reason, raw FROM rejects") == [
            "a.csv|7|no date|Salsa,,"
        ]
        run_all(database, one_source(bad), days_later=1)
        assert trio.query("local", "SELECT first_seen_at::date FROM rejects") == ["2026-06-01"]
        run_all(database, one_source(), days_later=2)
    assert trio.query("local", "SELECT count(*) FROM rejects") == ["0"]


def test_the_same_reference_twice_is_one_sighting_whatever_the_order(trio: Trio) -> None:
    """A source that contradicts itself gives the same event from either end."""
    one, other = sighting("Salsa", reference="1"), sighting("Salsa Social", reference="1")
    with working(trio) as database:
        run_all(database, one_source(one, other))
        first = events(trio)
        run_all(database, one_source(other, one))
    assert len(first) == 1
    assert events(trio) == first


def test_production_is_refused_before_any_stage(trio: Trio) -> None:
    """Handed production, the pipeline refuses and production stays empty."""
    permit = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD)
    production = open_production_writer(trio.settings(), permit, process="tests")
    with pytest.raises(ProductionTargetError):
        run(production, Plan(sources=[one_source(sighting())]), SILENT)
    production.dispose()
    assert trio.query("render_prod", "SELECT count(*) FROM events") == ["0"]


def test_a_second_run_is_told_who_holds_the_database(trio: Trio) -> None:
    """While one run works another is turned away, with the first one's user and host."""

    class Colliding(Saying):
        said = ""

        def findings(self) -> object:  # type: ignore[override]  # it never yields
            with working(trio) as other, pytest.raises(AnotherRunError) as refusal:
                run_all(other, one_source(sighting()))
            Colliding.said = str(refusal.value)
            return iter(())

    with working(trio) as database:
        run_all(database, Colliding())
        who = trio.query("local", "SELECT who || ' on ' || host FROM control.runs")
        assert len(who) == 1
        assert who[0] in Colliding.said
        run_all(database, one_source(sighting()))
    assert names(trio) == ["Salsa Social"]


def test_the_lock_goes_with_its_holder(trio: Trio) -> None:
    """A holder that ends with an error leaves no lock behind."""
    with working(trio) as database, working(trio) as other:
        with pytest.raises(SourceDownError), exclusive(database):
            raise SourceDownError
        with exclusive(other):
            assert True


def test_the_ledger_tells_every_stage(trio: Trio) -> None:
    """Each stage has a row with its counts, in order, and the run its target and outcome."""
    with working(trio) as database:
        result = run_all(database, one_source(sighting()))
    stages = trio.query("local", "SELECT stage, outcome FROM control.stage_runs ORDER BY position")
    assert stages == [f"{name}|done" for name in STAGES]
    assert trio.query("local", "SELECT target, outcome FROM control.runs") == ["local|done"]
    assert [report.stage for report in result.reports] == list(STAGES)
    assert result.reports[0].counts["new"] == 1
    assert FRIDAY.weekday() == 4
