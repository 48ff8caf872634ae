"""From `deduplicate` on the stages take the days in turns, while the days before are stored."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from app.database.failures import DatabaseUnreachableError
from app.pipeline import run as pipeline
from app.pipeline.questions import Judged
from app.pipeline.run import Plan
from app.pipeline.stage import SILENT, Context, Work
from settings.connections import ConnectionSettings
from tests.postgres import Trio
from tests.sightings import FRIDAY, NOW, SourceDownError, names, one_source, run_all, sighting, working

THREE_NIGHTS = one_source(
    sighting(), sighting("Tango", start_date=FRIDAY + timedelta(days=1)), sighting("Zouk", start_date=FRIDAY + timedelta(days=2)),
)  # fmt: skip


class Watching:
    """A stage that notes the days that it is given, and fails on one of them when it is told to."""

    def __init__(self, failure: BaseException | None = None, on: date | None = None) -> None:
        self.days: list[list[date]] = []
        self._failure = failure
        self._on = on

    def __call__(self, work: Work, context: Context) -> dict[str, int]:
        """See `Stage`."""
        self.days.append([event.facts.start_date for event in work.events])
        if self._failure and self._on in self.days[-1]:
            raise self._failure
        return {"watched": len(work.events)}


class Silent:
    """A language model that is configured and answers nothing."""

    model = "silent"

    def answer(self, *_: Any) -> Judged:
        """See `Judge`."""
        return Judged({}, 0, "", 0)


def before_store(stage: Watching, monkeypatch: pytest.MonkeyPatch) -> Watching:
    """Put a stage before `store`."""
    stages = {**pipeline.STAGES}
    store = stages.pop("store")
    monkeypatch.setattr(pipeline, "STAGES", {**stages, "watch": stage, "store": store})
    return stage


def _counts(result: pipeline.Result, stage: str) -> Mapping[str, int]:
    return next(report.counts for report in result.reports if report.stage == stage)


def test_a_stage_is_given_one_day_after_another(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day at a time, and the ledger has one row with the counts of all."""
    watching = before_store(Watching(), monkeypatch)
    with working(trio) as database:
        result = run_all(database, THREE_NIGHTS)
    assert watching.days == [[FRIDAY], [FRIDAY + timedelta(days=1)], [FRIDAY + timedelta(days=2)]]
    assert _counts(result, "deduplicate")["events"] == 3
    assert _counts(result, "store")["inserted"] == 3
    assert trio.query("local", "SELECT counts->>'watched' FROM control.stage_runs WHERE stage = 'watch'") == [
        "3"
    ]


def test_with_a_language_model_a_stage_is_given_all_days(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is to be asked about all of them at once."""
    watching = before_store(Watching(), monkeypatch)
    with working(trio) as database:
        run_all(database, THREE_NIGHTS, judge=Silent())
    assert [len(days) for days in watching.days] == [3]
    assert names(trio) == ["Salsa Social", "Tango", "Zouk"]


@pytest.mark.parametrize("failure", [SourceDownError("down"), KeyboardInterrupt()])
def test_a_stage_that_fails_on_a_day_fails_the_run_with_its_own_error(
    trio: Trio, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    """However far the days before have got, nothing is stored, and the next run stores all."""
    stage = before_store(Watching(failure, FRIDAY + timedelta(days=2)), monkeypatch)
    with working(trio) as database, pytest.raises(type(failure)) as raised:
        run_all(database, THREE_NIGHTS)
    assert raised.value is failure
    assert len(stage.days) == 3
    assert names(trio) == []
    assert trio.query("local", "SELECT DISTINCT outcome FROM control.runs") == ["failed"]
    monkeypatch.undo()
    with working(trio) as database:
        run_all(database, THREE_NIGHTS)
    assert names(trio) == ["Salsa Social", "Tango", "Zouk"]


def test_a_day_that_a_stage_failed_on_is_not_worked_out_again(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage's own passing failure looks like a lost connection to `store`, but half of the day is done already."""
    stage = before_store(Watching(DatabaseUnreachableError("away"), FRIDAY), monkeypatch)
    plan = Plan(sources=[THREE_NIGHTS], now=NOW)
    brief = ConnectionSettings().model_copy(update={"retry_for": 0.5})
    with working(trio) as database, pytest.raises(DatabaseUnreachableError):
        pipeline.run(database, plan, SILENT, connections=brief)
    assert stage.days == [[FRIDAY]]
    assert names(trio) == []


def test_venues_are_those_of_events(trio: Trio) -> None:
    """One where nothing but yoga takes place does not stay."""
    yoga = sighting("Hatha Yoga", location="Quiet Hall, 1 Calm St, Victoria, BC")
    with working(trio) as database:
        run_all(database, one_source(sighting(), yoga))
        run_all(database, first="normalise")
    assert trio.query("local", "SELECT count(*) FROM venues") == ["1"]
