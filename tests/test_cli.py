"""The command itself: what it loads, how it says no, and its exit status."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.main import VERBS
from app.database.schema import newest_revision
from tests.commands import PROJECT, dance, environment
from tests.postgres import Trio


@pytest.mark.parametrize("arguments", [("--help",), ("config", "--help")])
def test_help_loads_no_database_library(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Asking for help imports neither SQLAlchemy nor psycopg2."""
    script = f"""
import sys
sys.argv = ["dance", *{arguments!r}]
from app.cli.main import main
try:
    main()
finally:
    assert not {{"sqlalchemy", "psycopg2", "alembic"}} & set(sys.modules)
"""
    variables = {**environment({}, tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_help_lists_every_verb(tmp_path: Path) -> None:
    """`dance --help` names each verb once."""
    done = dance("--help", variables={}, cwd=tmp_path)
    assert all(f" {verb} " in done.stdout for verb in VERBS)


def test_an_unknown_verb_is_a_usage_error(tmp_path: Path) -> None:
    """A verb that does not exist exits with 2."""
    assert dance("publish", variables={}, cwd=tmp_path).returncode == 2


def test_a_bad_configuration_is_told_without_a_traceback(tmp_path: Path) -> None:
    """Exit 78, every problem named, nothing of Python in it."""
    done = dance("migrate", variables={"DATABASE_TARGET": "porduction", "RENDER": "maybe"}, cwd=tmp_path)
    assert done.returncode == 78
    assert "DATABASE_TARGET" in done.stderr
    assert "RENDER" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_database_is_a_temporary_failure(tmp_path: Path) -> None:
    """Exit 75 and a remedy when nothing listens there."""
    variables = {"DATABASE_CONNECTION_STRING": "postgresql://user@127.0.0.1:9/name"}
    done = dance("migrate", variables=variables, cwd=tmp_path)
    assert done.returncode == 75, done.stderr
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_production_is_migrated_only_with_the_revision_named(trio: Trio, tmp_path: Path) -> None:
    """Without consent, and with a wrong one, migrating production is refused; the revision lets it through."""
    for confirmation in ((), ("--confirm", "yes")):
        done = dance("migrate", "--production", *confirmation, variables=trio.environ(), cwd=tmp_path)
        assert done.returncode == 77, done.stderr
        assert "--confirm" in done.stderr or "expected" in done.stderr
    revision = trio.query("render_prod", "SELECT version_num FROM control.alembic_version")[0]
    done = dance("migrate", "--production", "--confirm", revision, variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_migrating_production_is_recorded_in_its_ledger(trio: Trio, tmp_path: Path) -> None:
    """Who brought an empty production to which revision stands in the ledger that the migration made."""
    trio.server.sql("CREATE DATABASE empty_production")
    url = trio.server.url("empty_production")
    variables = {**trio.environ(), "RENDER_EXTERNAL_DB_URL": url}
    done = dance("migrate", "--production", "--confirm", newest_revision(), variables=variables, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    question = "SELECT action, detail->>'to' FROM control.overrides"
    assert trio.server.sql(question, database="empty_production").split() == [f"migrate|{newest_revision()}"]
    trio.server.sql("DROP DATABASE empty_production")
