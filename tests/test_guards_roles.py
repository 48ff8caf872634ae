"""`dance roles`: three roles, what each of them can really do, and that the rest works with them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from app.database.embedded import Major
from app.database.engines import (
    open_production_reader,
    open_production_writer,
)
from app.database.failures import DatabaseFailedError
from app.database.permits import Purpose, grant
from app.database.roles import OWNER, READER, WRITER, abilities_of, statements_for
from app.database.schema import migrate
from app.database.tables import events, venues
from settings import DatabaseSettings, DatabaseTarget
from tests.commands import dance
from tests.postgres import Servers, Trio

PROD = DatabaseTarget.RENDER_PROD


@pytest.fixture(scope="module", params=[16, 18], ids=["postgres16", "postgres18"])
def production(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Trio]:
    """Three databases for all tests of a version; nobody needs them untouched."""
    version: Major = request.param
    with servers.trio(version) as trio:
        yield trio
        trio.query("render_prod", "DROP OWNED BY dance_reader, dance_writer")


@pytest.fixture(scope="module")
def urls(production: Trio, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The URLs that `dance roles --production --apply --urls` wrote, by role."""
    home = tmp_path_factory.mktemp("home")
    file = home / "urls"
    arguments = ("roles", "--production", "--apply", "--urls", str(file))
    shown = dance(*arguments, variables=production.environ(), cwd=home)
    assert shown.returncode == 77, shown.stderr
    consent = re.search(r"--confirm (\w+)", shown.stderr)
    assert consent
    done = dance(*arguments, "--confirm", consent[1], variables=production.environ(), cwd=home)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    lines = file.read_text(encoding="utf-8").splitlines()[1::2]
    found = dict(zip((OWNER, WRITER, READER), lines, strict=True))
    for url in found.values():
        password = url.split("@", maxsplit=1)[0].rsplit(":", 1)[1]
        assert password not in done.stdout + done.stderr
    return found


def _settings(trio: Trio, **urls: str) -> DatabaseSettings:
    return DatabaseSettings.from_environ({**trio.environ(), **urls})


def test_the_reading_role_reads_and_nothing_else(production: Trio, urls: dict[str, str]) -> None:
    """Attested by the server: no table, no temporary table, no schema, no function of an owner's."""
    reader = open_production_reader(_settings(production, RENDER_READER_DB_URL=urls[READER]), process="tests")
    with reader.read() as transaction:
        found = abilities_of(transaction)
        assert transaction.select(select(events)).all() == []
    reader.dispose()
    assert found.role == READER
    assert found.reads_only, found
    assert "refuses it every write" in str(found)


def test_the_writing_role_promotes_but_changes_no_schema_and_no_stamp(
    production: Trio, urls: dict[str, str]
) -> None:
    """It may write rows, and holds the stamp that it can't change."""
    settings = _settings(production, RENDER_EXTERNAL_DB_URL=urls[WRITER])
    writer = open_production_writer(settings, grant(Purpose.PROMOTION, PROD), process="tests")
    with writer.write() as transaction:
        transaction.execute(insert(venues).values(key="v1", name="Hall"))
        with transaction.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE staged (LIKE venues) ON COMMIT DROP")
    for statement in (
        "UPDATE control.stamp SET environment = 'local'",
        "DELETE FROM control.stamp",
        "ALTER TABLE control.stamp DISABLE TRIGGER keep_stamp",
        "DROP TABLE events",
        "CREATE TABLE mine ()",
        "UPDATE control.alembic_version SET version_num = 'x'",
    ):
        with (
            pytest.raises(DatabaseFailedError),
            writer.write() as transaction,
            transaction.cursor() as cursor,
        ):
            cursor.execute(statement)
    writer.dispose()
    assert production.query("render_prod", "SELECT key FROM venues") == ["v1"]


def test_the_owning_role_migrates_and_what_it_makes_is_readable(
    production: Trio, urls: dict[str, str]
) -> None:
    """Migration through the owner finds its schema; a table that it adds is readable, not writable, for readers."""
    settings = _settings(production, RENDER_EXTERNAL_DB_URL=urls[OWNER], RENDER_READER_DB_URL=urls[READER])
    owner = open_production_writer(settings, grant(Purpose.MIGRATION, PROD), process="tests")
    before, after = migrate(owner)
    assert before == after
    with owner.write() as transaction, transaction.cursor() as cursor:
        cursor.execute("CREATE TABLE later (id int)")
    owner.dispose()
    reader = open_production_reader(settings, process="tests")
    with reader.read() as reading, reading.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM later")
        assert cursor.fetchone() == (0,)
    with reader.read() as reading:
        assert abilities_of(reading).reads_only
    reader.dispose()


def test_applied_roles_need_nothing_more(production: Trio, urls: dict[str, str]) -> None:
    """The statements are idempotent, and what was moved to the owner is not moved again."""
    reader = open_production_reader(production.settings(), process="tests")
    with reader.read() as transaction:
        again = statements_for(transaction)
    reader.dispose()
    assert not [
        line for line in again if "CREATE ROLE" in line or ("OWNER TO" in line and "SCHEMA" not in line)
    ]
    ledger = production.query("render_prod", "SELECT reason FROM control.overrides WHERE action = 'roles'")
    assert ledger == ["least privilege"]


def test_check_attests_what_readers_can_do(production: Trio, urls: dict[str, str], tmp_path: Path) -> None:
    """With the reading role configured the server would refuse every write; without it, check says so."""
    variables = {**production.environ(), "RENDER_READER_DB_URL": urls[READER]}
    assert "dance_reader can only read" in dance("check", variables=variables, cwd=tmp_path).stdout
    assert "only the softer layers" in dance("check", variables=production.environ(), cwd=tmp_path).stdout


def test_printing_changes_nothing(trio: Trio, tmp_path: Path) -> None:
    """Without --apply the SQL is shown and no role, privilege or ledger row comes to be."""
    done = dance("roles", variables=trio.environ(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GRANT SELECT ON ALL TABLES" in done.stdout
    assert trio.query("local", "SELECT count(*) FROM control.overrides") == ["0"]
    assert trio.query("local", "SELECT count(*) FROM pg_class WHERE relacl::text LIKE '%dance_reader%'") == [
        "0"
    ]


def test_a_superuser_is_told_that_only_the_softer_layers_hold(trio: Trio) -> None:
    """Attestation without a reading role says so, and names the remedy."""
    reader = open_production_reader(trio.settings(), process="tests")
    with reader.read() as transaction:
        found = abilities_of(transaction)
    reader.dispose()
    assert not found.reads_only
    assert "only the softer layers" in str(found)
    assert "RENDER_READER_DB_URL" in str(found)
