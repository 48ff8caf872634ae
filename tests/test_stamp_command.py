"""`dance stamp`, run as a person would."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from uuid import uuid4

from tests.commands import DEADLINE, PROJECT, dance, environment
from tests.postgres import Trio


def _unstamp(trio: Trio, database: str) -> None:
    trio.query(database, "ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp; DELETE FROM control.stamp")
    trio.query(database, "ALTER TABLE control.stamp ENABLE TRIGGER keep_stamp")


def _consent(done: CompletedProcess[str]) -> str:
    found = re.search(r"--confirm (\w+)", done.stderr)
    assert found, done.stderr
    return found[1]


def test_a_stamped_database_needs_nothing(trio: Trio, tmp_path: Path) -> None:
    """The right stamp is shown with what the URL leads to, and nothing is asked."""
    done = dance("stamp", variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout
    assert "The URL stands for  local" in done.stdout


def test_stamping_a_fresh_database_takes_the_consent_that_was_shown(trio: Trio, tmp_path: Path) -> None:
    """Without consent it says what to add; with exactly that it stamps, and records who and from where."""
    _unstamp(trio, "local")
    refused = dance("stamp", variables=trio.environ(), cwd=tmp_path)
    assert refused.returncode == 77
    assert trio.query("local", "SELECT count(*) FROM control.stamp") == ["0"]
    done = dance("stamp", "--confirm", _consent(refused), variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert trio.query("local", "SELECT environment FROM control.stamp") == ["local"]
    recorded = "SELECT action, reason, who <> '', host <> '', at <= now() FROM control.overrides WHERE action = 'stamp'"
    assert trio.query("local", recorded) == ["stamp|first stamp|t|t|t"]


def test_a_consent_is_good_for_one_database(trio: Trio, tmp_path: Path) -> None:
    """The digest that was shown for one database does not stamp another."""
    _unstamp(trio, "local")
    _unstamp(trio, "render_dev")
    consent = _consent(dance("stamp", variables=trio.environ(1), cwd=tmp_path))
    done = dance("stamp", "--confirm", consent, variables=trio.environ(2), cwd=tmp_path)
    assert done.returncode == 77
    assert trio.query("render_dev", "SELECT count(*) FROM control.stamp") == ["0"]


def test_production_is_named_and_takes_a_reason(trio: Trio, tmp_path: Path) -> None:
    """--production, a reason and the consent; the reason stays in production's ledger."""
    _unstamp(trio, "render_prod")
    assert dance("stamp", "--production", variables=trio.environ(), cwd=tmp_path).returncode == 77
    arguments = ("stamp", "--production", "--reason", "the new production")
    consent = _consent(dance(*arguments, variables=trio.environ(), cwd=tmp_path))
    done = dance(*arguments, "--confirm", consent, variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert trio.query("render_prod", "SELECT environment FROM control.stamp") == ["render_prod"]
    assert trio.query("render_prod", "SELECT reason FROM control.overrides WHERE action = 'stamp'") == [
        "the new production"
    ]


def test_a_copy_of_production_is_declared_anew_only_by_replacing(trio: Trio, tmp_path: Path) -> None:
    """A clone used as a local database: refused, both identities shown, until --replace with a reason."""
    clone = f"clone_{uuid4().hex[:8]}"
    trio.server.sql(f'CREATE DATABASE "{clone}" TEMPLATE "{trio.render_prod.rsplit("/", 1)[1]}"')
    try:
        variables = {**trio.environ(), "DATABASE_CONNECTION_STRING": trio.server.url(clone)}
        refused = dance("stamp", variables=variables, cwd=tmp_path)
        assert refused.returncode == 77
        assert "stamp --replace" in refused.stderr
        assert f"database '{clone}'" in refused.stdout
        assert "render_prod, stamp " in refused.stdout
        arguments = ("stamp", "--replace", "--reason", "a copy to debug")
        consent = _consent(dance(*arguments, variables=variables, cwd=tmp_path))
        done = dance(*arguments, "--confirm", consent, variables=variables, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        stamped = trio.server.sql("SELECT environment, database_name FROM control.stamp", database=clone)
        assert stamped.strip() == f"local|{clone}"
        ledger = trio.server.sql(
            "SELECT detail->>'before' FROM control.overrides WHERE action = 'stamp'", database=clone
        )
        assert ledger.startswith("render_prod, stamp ")
    finally:
        trio.server.sql(f'DROP DATABASE "{clone}" WITH (FORCE)')


def test_a_database_without_a_schema_is_migrated_first(trio: Trio, tmp_path: Path) -> None:
    """There is no table to put the stamp into: the message names the command that makes it."""
    empty = f"empty_{uuid4().hex[:8]}"
    trio.server.sql(f'CREATE DATABASE "{empty}"')
    try:
        variables = {**trio.environ(), "DATABASE_CONNECTION_STRING": trio.server.url(empty)}
        done = dance("stamp", variables=variables, cwd=tmp_path)
        assert done.returncode == 77
        assert "dance migrate" in done.stderr
    finally:
        trio.server.sql(f'DROP DATABASE "{empty}" WITH (FORCE)')


def test_on_a_terminal_the_consent_is_typed(trio: Trio, tmp_path: Path) -> None:
    """Somebody at a terminal types what was shown, and nothing else will do."""
    _unstamp(trio, "local")
    assert _typed(trio, tmp_path, lambda _shown: "yes") == 77
    assert trio.query("local", "SELECT count(*) FROM control.stamp") == ["0"]
    assert _typed(trio, tmp_path, lambda shown: re.findall(r"Type (\w+) to go on", shown)[-1]) == 0
    assert trio.query("local", "SELECT environment FROM control.stamp") == ["local"]


def _typed(trio: Trio, home: Path, answer: Callable[[str], str]) -> int:
    """Run `dance stamp` on a terminal of its own, and type an answer when it asks."""
    ours, its = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "app", "stamp"], stdin=its, stdout=its, stderr=its, cwd=home,
        env={**environment(trio.environ(), home), "PYTHONPATH": str(PROJECT)},
    ) as process:  # fmt: skip
        os.close(its)
        shown = ""
        while "to go on: " not in shown:
            shown += os.read(ours, 4096).decode()
        os.write(ours, f"{answer(shown)}\n".encode())
        status = process.wait(DEADLINE)
    os.close(ours)
    return status
