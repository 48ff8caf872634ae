"""`dance pipeline`, `dance runs` and `dance explain` as a person or cron would run them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.commands import dance
from tests.postgres import Trio

SOON = (datetime.now(UTC) + timedelta(days=30)).date()
HEADER = (
    "event_name,start_date,end_date,start_time,end_time,day_of_week,event_type,dance_style,description,price,"
    "location,url,source,time_stamp\n"
)


def row(name: str, location: str = "Edelweiss Hall, Victoria, BC", day: object = SOON) -> str:
    """A line of the team's CSV."""
    return f'{name},{day},{day},20:00,23:00,,social dance,salsa,,$10,"{location}",,,\n'


def listing(folder: Path, *tables: str) -> dict[str, str]:
    """A list of sources, one CSV for each, and the variable that names it."""
    entries = []
    for number, table in enumerate(tables):
        (folder / f"{number}.csv").write_text(HEADER + table, encoding="utf-8")
        entries.append(f'[[source]]\nname = "table {number}"\nkind = "csv"\nplaces = ["{number}.csv"]\n')
    (folder / "sources.toml").write_text("\n".join(entries), encoding="utf-8")
    return {"SOURCES_FILE": str(folder / "sources.toml")}


def test_a_run_tells_each_stage_in_plain_lines(trio: Trio, tmp_path: Path) -> None:
    """Without a terminal: a line when a stage begins and one when it ends, then the table."""
    variables = trio.environ(1) | listing(tmp_path, row("Salsa Social"))
    done = dance("pipeline", variables=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for stage in ("collect", "normalise", "clean-up", "deduplicate", "relevance", "store"):
        assert f"{stage} ..." in done.stdout
    assert "store: 1 inserted" in done.stdout
    assert "\x1b" not in done.stdout
    again = dance("pipeline", variables=variables, cwd=tmp_path)
    assert "0 changes" in again.stdout


def test_a_source_that_fails_ends_the_run_with_1(trio: Trio, tmp_path: Path) -> None:
    """The failure is named, the other source's event is stored."""
    variables = trio.environ(1) | listing(tmp_path, row("Salsa Social"), row("Tango"))
    (tmp_path / "1.csv").unlink()
    done = dance("pipeline", variables=variables, cwd=tmp_path)
    assert done.returncode == 1
    assert "table 1" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert trio.query("local", "SELECT name FROM events") == ["Salsa Social"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "cleanup"),
        ("--to", "publish"),
        ("--from", "store", "--to", "collect"),
        ("--promote", "--to", "relevance"),
    ],
    ids=" ".join,
)
def test_stages_that_make_no_sense_are_a_usage_error(
    trio: Trio, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Unknown stages, a backward order, and publishing without storing: exit 2, nothing runs."""
    done = dance(
        "pipeline", *arguments, variables=trio.environ(1) | listing(tmp_path, row("Salsa")), cwd=tmp_path
    )
    assert done.returncode == 2
    assert trio.query("local", "SELECT count(*) FROM control.runs") == ["0"]


def test_bad_rows_are_reported_with_file_line_and_reason(trio: Trio, tmp_path: Path) -> None:
    """After the table, the first twenty; all of them with `dance explain --rejects`; known ones are not news."""
    bad = "".join(row(f"Salsa {n}", day="someday") for n in range(25))
    variables = trio.environ(1) | listing(tmp_path, row("Salsa Social") + bad)
    told = dance("pipeline", variables=variables, cwd=tmp_path).stdout
    assert "rejected 0.csv:3: " in told
    assert "... and 5 more: dance explain --rejects" in told
    assert (
        dance("explain", "--rejects", variables=variables, cwd=tmp_path).stdout.count("table 0: 0.csv:") == 25
    )
    assert "rejected 0.csv" not in dance("pipeline", variables=variables, cwd=tmp_path).stdout
    assert dance("explain", variables=variables, cwd=tmp_path).returncode == 2


def test_a_list_of_sources_that_is_wrong_is_bad_configuration(trio: Trio, tmp_path: Path) -> None:
    """A missing list ends with 78, before the database is touched."""
    variables = trio.environ(1) | {"SOURCES_FILE": str(tmp_path / "none.toml")}
    done = dance("pipeline", variables=variables, cwd=tmp_path)
    assert done.returncode == 78
    assert "none.toml" in done.stderr
    assert trio.query("local", "SELECT count(*) FROM control.runs") == ["0"]


def test_there_is_nothing_to_resume_after_a_whole_run(trio: Trio, tmp_path: Path) -> None:
    """--resume after a run that ended by itself says so and exits 1."""
    variables = trio.environ(1) | listing(tmp_path, row("Salsa"))
    assert dance("pipeline", variables=variables, cwd=tmp_path).returncode == 0
    done = dance("pipeline", "--resume", variables=variables, cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing to resume" in done.stderr


def test_an_event_is_explained(trio: Trio, tmp_path: Path) -> None:
    """Where it came from, what was merged, which rule dropped the others; an unknown one exits 1."""
    variables = trio.environ(1) | listing(
        tmp_path,
        row("Salsa Social") + row("Salsa in Seattle", "Century Hall, Seattle, WA"),
        row("Salsa Social at Edelweiss"),
    )
    assert dance("pipeline", variables=variables, cwd=tmp_path).returncode == 0
    told = dance("explain", "salsa", variables=variables, cwd=tmp_path).stdout
    assert "merged: the same event as" in told
    assert "outside the region: it takes place outside British Columbia" in told
    assert "table 0, 0.csv" in told
    key = trio.query("local", "SELECT key FROM events")[0]
    by_key = dance("explain", key, variables=variables, cwd=tmp_path).stdout
    assert "Salsa Social at Edelweiss" in by_key
    assert "Seattle" not in by_key
    assert dance("explain", "polka", variables=variables, cwd=tmp_path).returncode == 1


def test_runs_are_listed_for_people_and_for_machines(trio: Trio, tmp_path: Path) -> None:
    """Outcome, target, who, and with --json every stage's counts."""
    variables = trio.environ(1) | listing(tmp_path, row("Salsa"))
    assert "No run yet" in dance("runs", variables=variables, cwd=tmp_path).stdout
    assert dance("pipeline", variables=variables, cwd=tmp_path).returncode == 0
    assert "done" in dance("runs", "--stages", variables=variables, cwd=tmp_path).stdout
    (run,) = json.loads(dance("runs", "--json", variables=variables, cwd=tmp_path).stdout)
    assert (run["outcome"], run["target"], run["killed"]) == ("done", "local", False)
    assert [stage["name"] for stage in run["stages"]][-1] == "store"
    assert run["stages"][0]["counts"]["new"] == 1
