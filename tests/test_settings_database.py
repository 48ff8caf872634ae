"""Which database is chosen, and what may be done there (design, DR001, DR002)."""

import os
from pathlib import Path
from traceback import format_exception

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from settings import Access, ConfigurationError, DatabaseSettings, DatabaseTarget, Rule, Settings, Source

LOCAL = "postgresql://user:password@localhost:5432/local"
DEV = "postgresql://user:password@dpg-dev-a.oregon-postgres.render.com/dev"
PRODUCTION = "postgres://user:password@dpg-prod-a.oregon-postgres.render.com/prod"


def test_nothing_named_means_the_local_database() -> None:
    """Off Render and without a target, the local database is read and written."""
    database = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).database
    assert database.target is DatabaseTarget.LOCAL
    assert not database.target_is_explicit
    assert database.access is Access.READ_WRITE
    assert database.active_url.get_secret_value() == LOCAL.replace("postgresql", "postgresql+psycopg2")


def test_inferred_production_is_read_only() -> None:
    """On Render and without a target, production is chosen, and only read."""
    database = Settings.from_environ({"RENDER": "true", "RENDER_EXTERNAL_DB_URL": PRODUCTION}).database
    assert database.target is DatabaseTarget.RENDER_PROD
    assert database.access is Access.READ_ONLY


def test_production_url_names_its_variable_when_it_is_missing() -> None:
    """Whoever needs production learns at once which variable gives it."""
    database = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).database
    with pytest.raises(ConfigurationError, match="RENDER_EXTERNAL_DB_URL is not set"):
        _ = database.production_url


def test_every_problem_is_told_at_once() -> None:
    """A bad target, a bad platform, two bad URLs and a missing one are five findings."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(
            {
                "DATABASE_TARGET": "staging",
                "RENDER": "maybe",
                "DATABASE_CONNECTION_STRING": "mysql://localhost/x",
                "RENDER_DEV_EXTERNAL_DB_URL": "postgresql://user:pass@word@host/dev",
            },
        )
    assert {(finding.variable, finding.rule) for finding in caught.value.findings} == {
        ("DATABASE_TARGET", Rule.TARGET_UNKNOWN),
        ("RENDER", Rule.PLATFORM_UNREADABLE),
        ("DATABASE_CONNECTION_STRING", Rule.URL_SCHEME),
        ("RENDER_DEV_EXTERNAL_DB_URL", Rule.URL_AMBIGUOUS),
        ("RENDER_EXTERNAL_DB_URL", Rule.URL_MISSING),
    }


def test_settings_are_pydantic_settings() -> None:
    """Whoever knows pydantic-settings knows these."""
    assert issubclass(Settings, BaseSettings)
    assert issubclass(DatabaseSettings, BaseSettings)


def test_the_database_settings_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DatabaseSettings()` reads the process like `Settings().database`."""
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", LOCAL)
    monkeypatch.setenv("PORT", "not a port: another group's business")
    assert DatabaseSettings().local_url == SecretStr(LOCAL.replace("postgresql", "postgresql+psycopg2"))


def test_names_for_people() -> None:
    """Each target has one."""
    urls = {
        "DATABASE_CONNECTION_STRING": LOCAL,
        "RENDER_DEV_EXTERNAL_DB_URL": DEV,
        "RENDER_EXTERNAL_DB_URL": PRODUCTION,
    }
    names = [
        DatabaseSettings.from_environ(urls | {"DATABASE_TARGET": target}).environment_name
        for target in DatabaseTarget
    ]
    assert names == ["Local PostgreSQL", "Render development", "Render production"]


def test_production_is_the_internal_database_on_render() -> None:
    """Whatever the target is; and the external one where there is no internal one (design, section 2)."""
    internal = "postgresql://user:password@dpg-prod-a/prod"
    environ = {"DATABASE_TARGET": "render_dev", "RENDER": "true", "RENDER_DEV_EXTERNAL_DB_URL": DEV}
    both = environ | {"RENDER_INTERNAL_DB_URL": internal, "RENDER_EXTERNAL_DB_URL": PRODUCTION}
    only_external = environ | {"RENDER_EXTERNAL_DB_URL": PRODUCTION}
    assert "@dpg-prod-a/" in DatabaseSettings.from_environ(both).production_url.get_secret_value()
    assert (
        "@dpg-prod-a.oregon" in DatabaseSettings.from_environ(only_external).production_url.get_secret_value()
    )


def test_production_from_elsewhere_never_uses_the_internal_name() -> None:
    """It cannot be reached from outside of Render; the error names the variable that is needed there."""
    environ = {
        "DATABASE_CONNECTION_STRING": LOCAL,
        "RENDER_INTERNAL_DB_URL": "postgresql://user@dpg-prod-a/prod",
    }
    with pytest.raises(ConfigurationError) as caught:
        _ = DatabaseSettings.from_environ(environ).production_url
    assert [finding.variable for finding in caught.value.findings] == ["RENDER_EXTERNAL_DB_URL"]


def test_settings_are_frozen() -> None:
    """Neither a field nor a second `__init__` changes them; the value that was refused is not told."""
    database = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL})
    with pytest.raises(TypeError, match="frozen: local_url is changed by model_copy") as caught:
        database.local_url = DEV  # type: ignore[misc, assignment]  # that is the point
    assert DEV not in "".join(format_exception(caught.value))
    with pytest.raises(ValidationError, match="frozen"):
        del database.target
    message = "settings are frozen: make new ones instead of reading these again"
    with pytest.raises(TypeError, match=f"^{message}$"):
        database.__init__()  # type: ignore[misc]  # that is the point
    assert database.target is DatabaseTarget.LOCAL


def test_a_copy_cannot_be_made_wrong() -> None:
    """`model_copy(update=...)` reads and checks what it makes like any other settings."""
    database = DatabaseSettings.from_environ(
        {"DATABASE_CONNECTION_STRING": LOCAL, "RENDER_DEV_EXTERNAL_DB_URL": DEV}
    )
    changed = database.model_copy(update={"target": DatabaseTarget.RENDER_DEV})
    assert changed.active_url == changed.dev_external_url
    assert changed.target_is_explicit
    assert not database.target_is_explicit
    for update, rule in (
        ({"target": "staging"}, Rule.TARGET_UNKNOWN),
        ({"target": DatabaseTarget.RENDER_PROD}, Rule.URL_MISSING),
        ({"DATABASE_CONNECTION_STRING": None}, Rule.URL_MISSING),
        ({"prod_external_url": SecretStr(LOCAL)}, Rule.SAME_DATABASE),
    ):
        with pytest.raises(ConfigurationError) as caught:
            database.model_copy(update=update)
        assert [finding.rule for finding in caught.value.findings] == [rule]


def test_nothing_gets_past_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic's other ways to make a model take no values, or check them."""
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", LOCAL)
    database = DatabaseSettings()
    assert DatabaseSettings.model_validate({}) == database
    assert DatabaseSettings.settings_cached() == database
    with pytest.raises(TypeError, match="DATABASE_TARGET"):
        DatabaseSettings.model_validate({"DATABASE_TARGET": "render_prod"})
    with pytest.raises(TypeError, match="from_environ"):
        DatabaseSettings.model_construct(target=DatabaseTarget.RENDER_PROD)
    with pytest.raises(ConfigurationError, match="RENDER_EXTERNAL_DB_URL"):
        database.copy(update={"target": "render_prod"})


def test_a_group_can_be_replaced_by_another_of_its_kind() -> None:
    """`Settings.model_copy` takes whole groups, and nothing else."""
    first = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL, "PORT": "9000"})
    database = DatabaseSettings.from_environ(
        {"DATABASE_TARGET": "render_dev", "RENDER_DEV_EXTERNAL_DB_URL": DEV}
    )
    second = first.model_copy(update={"database": database})
    assert second.database == database
    assert second.web.port == 9000
    with pytest.raises(TypeError, match="no group"):
        first.model_copy(update={"database": first.web})
    with pytest.raises(TypeError, match="no group"):
        first.model_copy(update={"colour": database})


def test_settings_can_be_compared_and_hashed() -> None:
    """Two readings of the same environment are the same settings."""
    one, other = (Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}) for _ in range(2))
    assert one == other
    assert hash(one.database) == hash(other.database)


def test_an_error_is_a_value_error_that_stands_alone() -> None:
    """A `ValueError` with the exit status of sysexits' EX_CONFIG, and without another exception inside."""
    with pytest.raises(ValueError, match="has a problem") as caught:
        DatabaseSettings.from_environ({})
    assert isinstance(caught.value, ConfigurationError)
    assert (caught.value.exit_status, caught.value.__cause__, caught.value.__context__) == (78, None, None)


def test_an_error_tells_where_and_how_to_mend(tmp_path: Path) -> None:
    """Variable, place, problem, and the line to type, each as its own value and in the text."""
    path = tmp_path / ".env"
    path.write_text("DATABASE_TARGET=staging\n")
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": " "}, path)
    target, missing = caught.value.findings
    assert (target.variable, target.source, target.remedy) == (
        "DATABASE_TARGET",
        Source(path, 1),
        "DATABASE_TARGET=local",
    )
    assert (missing.problem, str(missing.source)) == (
        "is blank, and the target local needs it",
        "environment",
    )
    assert missing.remedy == "DATABASE_CONNECTION_STRING=postgresql://user:password@host:5432/name"
    assert str(caught.value) == (
        "The configuration has 2 problems.\n\n"
        f"DATABASE_TARGET ({path}:1) is none of local, render_dev, render_prod\n    DATABASE_TARGET=local\n\n"
        "DATABASE_CONNECTION_STRING (environment) is blank, and the target local needs it\n"
        "    DATABASE_CONNECTION_STRING=postgresql://user:password@host:5432/name"
    )


def test_the_remedies_work(tmp_path: Path) -> None:
    """Typing what the error says mends the configuration."""
    environ = {"DATABASE_TARGET": "locale", "PGHOSTADDR": "192.0.2.1"}
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ(environ)
    for finding in caught.value.findings:
        name, _, value = finding.remedy.partition("=")
        environ[name] = value
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ(environ)
    [ambient] = caught.value.findings
    assert ambient.remedy == "unset PGHOSTADDR"
    del environ[ambient.remedy.removeprefix("unset ")]
    assert DatabaseSettings.from_environ(environ).target is DatabaseTarget.LOCAL


def test_the_process_s_libpq_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Settings()` sees what libpq would see; a `.env` file's `PGHOSTADDR`, which libpq never sees, is nothing."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", LOCAL)
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    with pytest.raises(ConfigurationError, match="PGSERVICE"):
        DatabaseSettings()


def test_a_rehearsal_stays_on_this_machine() -> None:
    """DATABASE_REHEARSAL: no warning about loopback, and every URL that leads elsewhere is refused."""
    here = {
        "DATABASE_REHEARSAL": "True",
        "DATABASE_CONNECTION_STRING": "postgresql://user:password@127.0.0.1/local",
        "RENDER_EXTERNAL_DB_URL": "postgresql://user:password@localhost/production",
    }
    assert Settings.from_environ(here).warnings == ()
    assert {
        found.variable for found in Settings.from_environ({**here, "DATABASE_REHEARSAL": ""}).warnings
    } == {"RENDER_EXTERNAL_DB_URL"}
    for variable in (
        "RENDER_INTERNAL_DB_URL",
        "RENDER_READER_DB_URL",
        "LOCAL_REPLICA_URLS",
        "RENDER_BACKUP_DB_URL",
    ):
        there = {**here, variable: "postgresql://user:password@elsewhere.example/production?sslmode=require"}
        with pytest.raises(ConfigurationError) as refused:
            Settings.from_environ(there)
        found = {(one.variable, one.rule): one for one in refused.value.findings}[variable, Rule.REHEARSAL]
        assert found.problem == (
            "leads to another machine, although DATABASE_REHEARSAL keeps everything on this one"
        )
        assert found.remedy == "unset DATABASE_REHEARSAL"
