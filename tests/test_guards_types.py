"""The two kinds of database and the permit, as mypy sees them and as they are at run time."""

import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from app.database.driver import ReaderWritesError
from app.database.engines import (
    ReadOnlyTargetError,
    open_production_reader,
    open_production_writer,
    open_reader,
    open_writer,
)
from app.database.guards import PipelineTargetError, refuse_production
from app.database.permits import Purpose, WritePermit, WritePermitError, grant
from app.database.tables import venues
from settings import DatabaseSettings, DatabaseTarget
from tests.postgres import Trio

EXPECTED = re.compile(r"  # type: ignore\[([a-z-]+)\].*")


def test_mypy_refuses_every_misuse(project: Path, tmp_path: Path) -> None:
    """Without its ignores, tests/misuses.py has exactly the errors that they name, line by line."""
    lines = (project / "tests/misuses.py").read_text(encoding="utf-8").splitlines()
    expected = {number: found[1] for number, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    bare = tmp_path / "misuses_laid_bare.py"
    bare.write_text("\n".join(EXPECTED.sub("", line) for line in lines), encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--no-pretty", bare],
        cwd=project, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    errors = {
        int(n): code for n, code in re.findall(r"^\S+?:(\d+): error: .*\[([a-z-]+)\]$", said, re.MULTILINE)
    }
    assert errors == expected
    assert len(expected) >= 25


@pytest.mark.parametrize("permit", [None, "promotion", object()])
def test_production_takes_no_home_made_permit(trio: Trio, permit: Any) -> None:
    """What isn't a permit opens nothing, whatever the types were told."""
    with pytest.raises(WritePermitError):
        open_production_writer(trio.settings(), permit, process="tests")


def test_a_permit_is_minted_not_made() -> None:
    """A permit that `grant` did not make doesn't come to be, nor does it travel to another process."""
    with pytest.raises(WritePermitError):
        WritePermit(DatabaseTarget.RENDER_PROD, Purpose.PROMOTION, object())
    with pytest.raises(WritePermitError):
        pickle.dumps(grant(Purpose.PROMOTION, DatabaseTarget.RENDER_PROD))


def test_a_permit_is_good_for_one_environment(trio: Trio) -> None:
    """A permit for the development database does not open production."""
    elsewhere: Any = grant(Purpose.PROMOTION, DatabaseTarget.RENDER_DEV)
    with pytest.raises(WritePermitError):
        open_production_writer(trio.settings(), elsewhere, process="tests")
    with pytest.raises(WritePermitError):
        open_writer(trio.settings(4), process="tests", permit=elsewhere)


def test_the_web_services_permit_is_good_on_render_with_production_named(trio: Trio) -> None:
    """DR002: mode 4 may write; a laptop, or a cron job on Render, may not by that permit."""
    permit = grant(Purpose.WEB_SERVICE, DatabaseTarget.RENDER_PROD)
    with open_writer(trio.settings(4), process="tests", permit=permit).write() as transaction:
        transaction.execute(insert(venues).values(key="v1", name="Hall"))
    assert trio.query("render_prod", "SELECT key FROM venues") == ["v1"]
    for mode in (1, 2, 3):
        with pytest.raises((WritePermitError, ReadOnlyTargetError)):
            open_production_writer(trio.settings(mode), permit, process="tests")


def test_production_from_a_laptop_and_inferred_production_are_read_only(trio: Trio) -> None:
    """DR001, DR002: neither opens a writer, even with the web service's permit."""
    permit = grant(Purpose.WEB_SERVICE, DatabaseTarget.RENDER_PROD)
    laptop = {**trio.environ(4)}
    del laptop["RENDER"]
    inferred = {**trio.environ(4)}
    del inferred["DATABASE_TARGET"]
    for environ in (laptop, inferred):
        with pytest.raises(ReadOnlyTargetError):
            open_writer(DatabaseSettings.from_environ(environ), process="tests", permit=permit)


@pytest.mark.parametrize("missing", [(), ("RENDER",), ("DATABASE_TARGET",)])
def test_the_pipeline_refuses_production_however_it_came_to_be_the_target(
    trio: Trio, missing: tuple[str, ...]
) -> None:
    """Named on Render, named elsewhere, or inferred: refused with status 77 before anything connects."""
    environ = {name: value for name, value in trio.environ(4).items() if name not in missing}
    with pytest.raises(PipelineTargetError, match="promotes to it") as caught:
        refuse_production(DatabaseSettings.from_environ(environ))
    assert caught.value.exit_status == 77


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_pipeline_works_on_working_databases(trio: Trio, mode: int) -> None:
    """Modes 1 to 3 are not refused."""
    refuse_production(trio.settings(mode))


def test_a_reader_refuses_at_run_time_what_its_types_refuse(trio: Trio) -> None:
    """An INSERT given to select(), a missing write(): both fail without reaching the server's rows."""
    for reader in (
        open_reader(trio.settings(), process="t"),
        open_production_reader(trio.settings(), process="t"),
    ):
        smuggled: Any = reader
        with smuggled.read() as transaction, pytest.raises(ReaderWritesError):
            transaction.select(insert(venues).values(key="v1", name="Hall"))
        with pytest.raises(AttributeError):
            smuggled.write()
        reader.dispose()
