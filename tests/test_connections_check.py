"""`dance check`: every database that the configuration names, and the worst of them as exit status."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import DEADLINE, PROJECT, dance, environment, hear_interrupts
from tests.postgres import Trio


def test_all_in_order_is_0(trio: Trio, tmp_path: Path) -> None:
    """Three databases in order: a line each, exit 0, and no password anywhere."""
    done = dance("check", variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for target in ("local", "render_dev", "render_prod"):
        assert f"\n{target} " in done.stdout
    assert trio.server.password not in done.stdout + done.stderr


def test_machines_get_json(trio: Trio, tmp_path: Path) -> None:
    """--json --watch prints one document a look, which knows a false replica and a false backup."""
    variables = trio.environ() | {"LOCAL_BACKUP_URL": trio.render_dev, "LOCAL_REPLICA_URLS": trio.local}
    arguments = ("check", "--json", "--watch", "--looks", "2", "--every", "0.1")
    done = dance(*arguments, variables=variables, cwd=tmp_path)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["exit_status"] == second["exit_status"] == done.returncode == 1
    problems = {one["name"]: " ".join(one["problems"]) for one in first["databases"]}
    assert list(problems) == ["local", "local replica 1", "local backup", "render_dev", "render_prod"]
    assert "is a primary" in problems["local replica 1"]
    assert "in the same cluster" in problems["local backup"]
    assert problems["local"] == problems["render_dev"] == problems["render_prod"] == ""
    health = first["databases"][0]["health"]
    assert health["condition"] == "up"
    assert health["stamp"] == "local"


@pytest.mark.parametrize(
    ("spoil", "status", "words"),
    [
        ("DELETE FROM control.alembic_version", 1, "dance migrate"),
        ("DROP TRIGGER IF EXISTS stamp_stays ON control.stamp; DELETE FROM control.stamp", 1, "dance stamp"),
    ],
    ids=["schema", "stamp"],
)
def test_a_database_out_of_order_is_1(
    trio: Trio, tmp_path: Path, spoil: str, status: int, words: str
) -> None:
    """An old schema or a missing stamp ends with 1 and says what to type."""
    name = trio.local.rsplit("/", 1)[1]
    trio.server.sql(f"SET session_replication_role = replica; {spoil}", database=name)
    done = dance("check", variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert words in done.stdout


def test_a_budget_that_does_not_suffice_is_1(trio: Trio, tmp_path: Path) -> None:
    """More connections wanted than the server has: both figures are shown."""
    variables = {"DATABASE_CONNECTION_STRING": trio.local, "DATABASE_PROCESSES": "50"}
    done = dance("check", variables=variables, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "500 of 197" in done.stdout


def test_the_web_service_does_not_start_beyond_its_budget(trio: Trio, tmp_path: Path) -> None:
    """What `dance check` only reports, `dance serve` refuses."""
    variables = {"DATABASE_CONNECTION_STRING": trio.local, "DATABASE_PROCESSES": "50"}
    done = dance("serve", "--port", "0", variables=variables, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "500 connections wanted, the server has 197" in done.stderr


def test_a_database_that_is_away_is_75(trio: Trio, tmp_path: Path) -> None:
    """One that does not answer is down, the others are still reported."""
    variables = trio.environ() | {"RENDER_EXTERNAL_DB_URL": "postgresql://user:password@127.0.0.1:9/name"}
    done = dance("check", "--watch", "--looks", "2", "--every", "0.1", variables=variables, cwd=tmp_path)
    assert done.returncode == 75, done.stdout + done.stderr
    assert "render_prod" in done.stdout
    assert "Connection refused" in done.stdout
    assert "up" in done.stdout


def test_watching_ends_with_ctrl_c(trio: Trio, tmp_path: Path) -> None:
    """--watch tells again and again, and Ctrl-C ends it as an interruption, without a traceback."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "app", "check", "--json", "--watch", "--every", "0.1"],
        env={**environment(trio.environ(), tmp_path), "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts,  # noqa: PLW1509 - one signal
    )  # fmt: skip
    assert watching.stdout is not None
    for _ in range(3):
        assert json.loads(watching.stdout.readline())["exit_status"] == 0
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=DEADLINE)
    assert watching.returncode == 130
    assert "Traceback" not in said


def test_a_swapped_database_is_77(trio: Trio, tmp_path: Path) -> None:
    """A URL that leads to another environment's database is refused, which is the worst."""
    variables = trio.environ() | {
        "DATABASE_CONNECTION_STRING": trio.render_dev,
        "RENDER_DEV_EXTERNAL_DB_URL": trio.local,
        "RENDER_EXTERNAL_DB_URL": "postgresql://user:password@127.0.0.1:9/name",
    }
    done = dance("check", variables=variables, cwd=tmp_path)
    assert done.returncode == 77, done.stdout + done.stderr
    assert "wrong database" in done.stdout
