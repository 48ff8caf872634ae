"""`dance config`: what counts and why, also when the configuration is broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from settings.group import SettingsGroup
from tests.commands import PROJECT, dance, environment

LOCAL = "postgresql://user:password@localhost:5432/local"
DEV = "postgresql://user:password@dpg-dev-a.oregon-postgres.render.com/dev"
PRODUCTION = "postgresql://user:password@dpg-prod-a.oregon-postgres.render.com/prod"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a private `.env` file."""
    path = tmp_path / ".env"
    path.write_text(
        f"# which database\n\nDATABASE_TARGET=render_dev\nRENDER_DEV_EXTERNAL_DB_URL='{DEV}'\n"
        f"RENDER_EXTERNAL_DB_URL='{PRODUCTION}'\n",
    )
    path.chmod(0o600)
    return tmp_path


def test_the_decision_is_one_sentence(project: Path) -> None:
    """Target, why, platform, access and production, without a password."""
    done = dance("config", variables={}, cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == (
        f"render_dev, explicit from {project}/.env:3; on Render: no; read-write; production for promotion: "
        "dpg-prod-a.oregon-postgres.render.com/prod from RENDER_EXTERNAL_DB_URL"
    )
    assert "password" not in done.stdout


def test_every_variable_is_listed_with_its_place(project: Path) -> None:
    """Set, blank or unset; the line; what it hides; what it is used for."""
    variables = {
        "DATABASE_TARGET": "local",
        "DATABASE_CONNECTION_STRING": LOCAL,
        "RENDER_INTERNAL_DB_URL": "",
    }
    done = dance("config", "--json", variables=variables, cwd=project)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    listed = {variable["name"]: variable for variable in document["variables"]}
    assert set(listed) == {slot.variable for slot in SettingsGroup.known.values()}
    target = listed["DATABASE_TARGET"]
    assert (target["state"], target["source"], target["shadows"]) == (
        "set",
        "environment",
        f"{project}/.env:3",
    )
    assert target["shown"] == "local"
    dev = listed["RENDER_DEV_EXTERNAL_DB_URL"]
    assert (dev["source"], dev["used_for"]) == (f"{project}/.env:4", "nothing in this mode")
    assert dev["shown"] == "dpg-dev-a.oregon-postgres.render.com/dev"
    assert listed["RENDER_EXTERNAL_DB_URL"]["used_for"] == "production, for promotion"
    assert listed["DATABASE_CONNECTION_STRING"]["used_for"] == "the database that is worked on"
    assert listed["RENDER_INTERNAL_DB_URL"]["state"] == "blank"
    assert listed["RENDER_DEV_INTERNAL_DB_URL"]["state"] == "unset"
    assert "password" not in done.stdout


def test_a_platform_variable_in_a_file_is_unset_and_hidden(project: Path) -> None:
    """It is listed with the line that does not count."""
    (project / ".env").write_text((project / ".env").read_text() + "RENDER=true\n")
    done = dance("config", "--json", variables={}, cwd=project)
    listed = {variable["name"]: variable for variable in json.loads(done.stdout)["variables"]}
    assert (listed["RENDER"]["state"], listed["RENDER"]["source"]) == ("unset", None)
    assert listed["RENDER"]["shadows"] == f"{project}/.env:6"


def test_the_files_are_told(project: Path) -> None:
    """Which was read, which were not there, which were not looked for."""
    inner = project / "inner"
    inner.mkdir()
    (project / "pyproject.toml").touch()
    files = json.loads(dance("config", "--json", variables={}, cwd=inner).stdout)["files"]
    assert files == {
        str(inner / ".env"): "not there",
        str(project / ".env"): "read",
        "/etc/secrets/.env": "not looked for",
    }


def test_a_broken_configuration_is_explained(project: Path) -> None:
    """That is when people need it: everything is shown, then the problems with their remedies; exit 78."""
    variables = {
        "RENDER": "maybe",
        "DATABASE_TARGET": "staging",
        "DATABASE_CONNECTION_STRING": "postgresql://u:p@q@h/d",
    }
    done = dance("config", variables=variables, cwd=project)
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert done.stdout.count("problem: ") == 3
    assert "nothing is decided" in done.stdout.splitlines()[0]
    assert "p@q" not in done.stdout + done.stderr
    document = json.loads(dance("config", "--json", variables=variables, cwd=project).stdout)
    assert {finding["variable"] for finding in document["findings"]} == set(variables)
    assert {finding["source"] for finding in document["findings"]} == {"environment"}


def test_secrets_and_misplaced_urls_are_masked(project: Path) -> None:
    """A token is never shown; a URL with a password where it would be shown is refused, and not shown either."""
    token = "t0ken" * 4
    variables = {"WEB_STATUS_TOKEN": token, "SOURCES_FILE": "postgresql://user:password@host/name"}
    done = dance("config", "--json", variables=variables, cwd=project)
    listed = {variable["name"]: variable for variable in json.loads(done.stdout)["variables"]}
    assert listed["WEB_STATUS_TOKEN"]["shown"] == "********"
    assert listed["SOURCES_FILE"]["shown"] == "cannot be used"
    assert "user:password" not in done.stdout
    assert token not in done.stdout


def test_warnings_are_told(project: Path) -> None:
    """With exit status 0, because nothing is broken."""
    done = dance("config", variables={"DATABSE_TARGET": "local"}, cwd=project)
    assert done.returncode == 0
    assert "warning: DATABSE_TARGET (environment) is not a setting, but DATABASE_TARGET is" in done.stdout


def test_the_matrix_is_the_whole_truth_table(tmp_path: Path) -> None:
    """256 rows under their headings, whatever the configuration; --json gives them to machines."""
    done = dance("config", "--matrix", variables={"DATABASE_TARGET": "broken"}, cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 257
    rows = json.loads(dance("config", "--matrix", "--json", variables={}, cwd=tmp_path).stdout)
    assert len(rows) == 256


@pytest.mark.parametrize("arguments", [["config"], ["--help"]])
def test_nothing_heavy_is_imported(project: Path, arguments: list[str]) -> None:
    """Neither SQLAlchemy nor psycopg2: telling about databases needs none."""
    code = (
        "import sys; from app.cli.main import main; sys.argv = ['dance', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'sqlalchemy', 'psycopg2', 'alembic', 'fastapi', 'httpx'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**environment({}, project), "PYTHONPATH": str(PROJECT)},
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
