"""A run that is killed: nothing half-written, the lock goes with it, and --resume goes on where it was."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import PROJECT, dance, environment
from tests.postgres import Trio
from tests.sightings import Saying, names, one_source, run_all, sighting, state, working
from tests.test_pipeline_commands import listing, row


class _Killed(BaseException):
    """Stands for SIGKILL inside this process: nothing catches it on the way."""


def _killed_while_collecting(trio: Trio) -> None:
    """A run whose process dies while its second source is asked; its row in the ledger stays open."""
    with working(trio) as database, pytest.raises(_Killed):
        run_all(database, one_source(sighting()), Saying("club", failure=_Killed()))  # type: ignore[arg-type]  # not an Exception
    trio.query("local", "UPDATE control.runs SET outcome = 'running', finished_at = NULL")


def test_a_resumed_run_asks_only_the_sources_that_are_left(trio: Trio) -> None:
    """What the killed run stored of a source is not collected again, and the run keeps its moment."""
    _killed_while_collecting(trio)
    asked = Saying("studio", failure=AssertionError("asked again"))
    with working(trio) as database:
        result = run_all(
            database, asked, Saying("club", [sighting("Tango", source="club")]), resume=True, days_later=3
        )
    assert result.outcome == "done"
    assert names(trio) == ["Salsa Social", "Tango"]
    assert trio.query("local", "SELECT DISTINCT first_seen_at::date FROM sightings") == ["2026-06-01"]


def test_the_next_run_closes_what_a_killed_one_left_open(trio: Trio) -> None:
    """Its row says failed and killed, whether or not anybody resumes it."""
    _killed_while_collecting(trio)
    with working(trio) as database:
        run_all(database, one_source(sighting()))
    told = trio.query("local", "SELECT outcome, detail->>'killed' FROM control.runs ORDER BY started_at")
    assert told == ["failed|true", "done|"]


def test_a_run_that_was_killed_after_collecting_resumes_without_asking_anybody(trio: Trio) -> None:
    """Stages that were done are not done again."""
    with working(trio) as database:
        run_all(database, one_source(sighting()), last="deduplicate")
        trio.query("local", "UPDATE control.runs SET outcome = 'running', finished_at = NULL")
        result = run_all(database, Saying("studio", failure=AssertionError("asked")), resume=True)
    assert [report.stage for report in result.reports] == ["relevance", "store"]
    assert names(trio) == ["Salsa Social"]


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(3, 48))]
)
def test_sigkill_at_any_point_leaves_a_database_that_resumes(trio: Trio, tmp_path: Path, seed: int) -> None:
    """The real command, killed at a random moment: after --resume (or a new run) all is as if nothing had happened."""
    tables = ["".join(row(f"Salsa Social {n}", f"Hall {n}, Victoria, BC") for n in range(400)) for _ in "ABC"]
    variables = trio.environ(1) | listing(tmp_path, *tables)
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "pipeline"],
        env={**environment(variables, tmp_path), "PYTHONPATH": str(PROJECT)}, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    chance = random.Random(seed)  # noqa: S311 - a moment, not a secret
    for _ in range(chance.randrange(1, 12)):
        process.stdout.readline()
    time.sleep(chance.uniform(0, 0.25))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    half = trio.query("local", "SELECT count(*) FROM events")
    assert half in (["0"], ["400"])
    if dance("pipeline", "--resume", variables=variables, cwd=tmp_path).returncode != 0:
        assert dance("pipeline", variables=variables, cwd=tmp_path).returncode == 0
    assert trio.query("local", "SELECT count(*) FROM events") == ["400"]
    assert trio.query("local", "SELECT count(*) FROM control.runs WHERE outcome = 'running'") == ["0"]
    before = state(trio)
    assert dance("pipeline", "--from", "normalise", variables=variables, cwd=tmp_path).returncode == 0
    assert state(trio) == before
