"""The execution modes end to end: real processes, environment variables alone, three real databases."""

from pathlib import Path

import pytest

from tests.commands import PROJECT, dance
from tests.postgres import Trio

Rows = dict[str, list[str]]

_SOURCES = str(PROJECT / "samples" / "sources.toml")
_EVENTS = "SELECT * FROM events ORDER BY key"
_VENUES = "SELECT * FROM venues ORDER BY key"


def _rows(trio: Trio, database: str) -> Rows:
    """Every row of every table of a database, as text."""
    tables = trio.query(
        database,
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('public', 'control') ORDER BY 1",
    )
    return {table: trio.query(database, f"SELECT x::text FROM {table} x ORDER BY 1") for table in tables}


def _changed(before: Rows, after: Rows) -> set[str]:
    return {table for table in after if after[table] != before[table]}


def _pipeline(trio: Trio, variables: dict[str, str], cwd: Path) -> None:
    stamp = trio.query("render_prod", "SELECT stamp_id FROM control.stamp")[0]
    configured = {**variables, "SOURCES_FILE": _SOURCES, "PROMOTE_TO": stamp}
    done = dance("pipeline", "--promote", variables=configured, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def _internal(variables: dict[str, str]) -> dict[str, str]:
    """The same databases by their internal names."""
    names = {
        "RENDER_DEV_EXTERNAL_DB_URL": "RENDER_DEV_INTERNAL_DB_URL",
        "RENDER_EXTERNAL_DB_URL": "RENDER_INTERNAL_DB_URL",
    }
    return {names.get(name, name): value for name, value in variables.items()}


def _variables(trio: Trio, mode: str) -> dict[str, str]:
    variables = {
        "1: laptop, local": trio.environ(1),
        "1: laptop, local, nothing said": {**trio.environ(1), "DATABASE_TARGET": ""},
        "2: laptop, Render dev": trio.environ(2),
        "3: cron job, internal names": _internal(trio.environ(3)),
        "3: cron job, external names only": trio.environ(3),
    }
    return variables[mode]


@pytest.mark.parametrize(
    ("mode", "written"),
    [
        ("1: laptop, local", "local"),
        ("1: laptop, local, nothing said", "local"),
        ("2: laptop, Render dev", "render_dev"),
        ("3: cron job, internal names", "render_dev"),
        ("3: cron job, external names only", "render_dev"),
    ],
)
def test_a_run_writes_its_working_database_and_production_and_nothing_else(
    trio: Trio, tmp_path: Path, mode: str, written: str
) -> None:
    """The working database and production hold the same events; the third database keeps every row."""
    spared = "local" if written == "render_dev" else "render_dev"
    untouched, production = _rows(trio, spared), _rows(trio, "render_prod")
    _pipeline(trio, _variables(trio, mode), tmp_path)
    events = trio.query(written, _EVENTS)
    assert len(events) > 10
    assert trio.query("render_prod", _EVENTS) == events
    assert trio.query("render_prod", _VENUES) == trio.query(written, _VENUES)
    assert _rows(trio, spared) == untouched
    changed = _changed(production, _rows(trio, "render_prod"))
    assert changed - {"control.promotion_undo"} == {
        "public.events", "public.venues", "control.promotions", "control.runs", "control.stage_runs",
    }  # fmt: skip


def test_a_second_run_changes_nothing(trio: Trio, tmp_path: Path) -> None:
    """Run again at once: not a row of production differs, and only ledgers grow in the working database."""
    _pipeline(trio, trio.environ(1), tmp_path)
    working, production = _rows(trio, "local"), _rows(trio, "render_prod")
    _pipeline(trio, trio.environ(1), tmp_path)
    assert _rows(trio, "render_prod") == production
    assert _changed(working, _rows(trio, "local")) <= {"control.runs", "control.stage_runs", "public.fetches"}


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"DATABASE_TARGET": "", "RENDER": "true"}, "inferred"),
        ({"DATABASE_TARGET": "render_prod", "RENDER": "true"}, "explicit, on Render"),
        ({"DATABASE_TARGET": "render_prod", "RENDER": ""}, "explicit, on a laptop"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_pipeline_refuses_production_at_once(
    trio: Trio, tmp_path: Path, variables: dict[str, str], why: str
) -> None:
    """With production as its target the pipeline exits 77 before any stage, and no database changes."""
    before = [_rows(trio, database) for database in ("local", "render_dev", "render_prod")]
    configured = {**trio.environ(1), **variables, "SOURCES_FILE": _SOURCES}
    done = dance("pipeline", "--promote", variables=configured, cwd=tmp_path)
    assert done.returncode == 77, done.stdout + done.stderr
    assert "render_prod" in done.stderr
    assert [_rows(trio, database) for database in ("local", "render_dev", "render_prod")] == before


def test_an_inferred_production_can_be_read(trio: Trio, tmp_path: Path) -> None:
    """RENDER=true and no target: `dance check` reads production."""
    variables = {**trio.environ(1), "DATABASE_TARGET": "", "RENDER": "true"}
    done = dance("check", variables=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "render_prod" in done.stdout


def test_without_consent_nothing_is_promoted(trio: Trio, tmp_path: Path) -> None:
    """Nobody there to ask and no PROMOTE_TO: the run ends refused, the plan is shown, production stays."""
    production = _rows(trio, "render_prod")
    configured = {**trio.environ(1), "SOURCES_FILE": _SOURCES}
    done = dance("pipeline", "--promote", variables=configured, cwd=tmp_path)
    assert done.returncode == 77, done.stdout + done.stderr
    assert _rows(trio, "render_prod") == production


def test_a_missing_production_is_found_before_the_first_stage(trio: Trio, tmp_path: Path) -> None:
    """--promote without a production URL exits 78, naming the variable, and the working database stays."""
    working = _rows(trio, "local")
    configured = {**trio.environ(1), "SOURCES_FILE": _SOURCES, "RENDER_EXTERNAL_DB_URL": ""}
    done = dance("pipeline", "--promote", variables=configured, cwd=tmp_path)
    assert done.returncode == 78, done.stdout + done.stderr
    assert "RENDER_EXTERNAL_DB_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert _rows(trio, "local") == working


def test_a_database_that_is_away_is_a_temporary_failure(trio: Trio, tmp_path: Path) -> None:
    """A working database that does not answer ends the run with 75 and no traceback."""
    gone = trio.local.replace(f":{trio.server.port}/", ":9/")
    configured = {**trio.environ(1), "SOURCES_FILE": _SOURCES, "DATABASE_CONNECTION_STRING": gone}
    done = dance("pipeline", variables=configured, cwd=tmp_path)
    assert done.returncode == 75, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
