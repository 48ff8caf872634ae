"""Nothing leaks (DR008): a password planted anywhere comes out nowhere."""

import logging
import pickle
import random
import secrets
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from app.database.engines import open_reader
from app.database.failures import DatabaseUnreachableError
from settings import ConfigurationError, DatabaseSettings, Settings
from settings.group import SettingsGroup
from tests.leaks import rendered_from, shown_by, told_by
from tests.settings_oracle import draw

CANARY = "c4nary" + secrets.token_hex(8)  # made here, so that no scanner of the repository finds a password
GOOD = (
    "postgresql://user:{}@host.example.org/name",
    "postgresql://{}@host.example.org/name",
    "postgresql://{}:{}@host.example.org/name",
    "postgres://user:%24{}%40@one.example.org,two.example.org/name",
    "postgresql://user:{}@%2Ftmp/name",
    "postgresql://user@host.example.org/name?application_name={}",
)
BAD = (
    "postgresql://user:{}@ss@host/name",
    "postgresql://user:pa/{}@host/name",
    "postgresql://user:{}/@host/name",
    "postgresql://user:{}#@host/name",
    "postgresql://user:{}?@host/name",
    "postgresql://user:{} @host/name",
    "postgresql://user:{}%zz@host/name",
    "postgresql://{}#:password@host/name",
    "mysql://user:{}@host/name",
    "{}://user:password@host/name",
    "{}",
    "host=host password={}",
    "psql postgresql://user:{}@host/name",
    '"postgresql://user:{}@host/name"',
    "postgresql://user:password@{}!/name",
    "postgresql://user:password@host:{}/name",
    "postgresql://user:password@host/%41{}",
    "postgresql://user:password@host/name?password={}",
    "postgresql://user:password@host/name?sslpassword={}",
    "postgresql://user:password@host/name?{}",
    "postgresql://user:password@host/name?{}=1",
    "postgresql://user:password@host/name?sslmode={}",
    "postgresql://user:password@host/name?application_name={}+",
    "postgresql://user:password@host/name?options={}&options={}",
    "postgresql://user:{}@host.example.org/name?sslmode=disable",
)
LINES = (
    "{}",
    "DATABASE_TARGET {}",
    "DATABASE_TARGET: {}",
    "DATABASE_TARGET='{}",
    "postgresql://user:{}@host/name?sslmode=require",
    "{}=value",
    "export {}",
)


def planted(text: str) -> str:
    """A template with the canary in its gaps."""
    return text.replace("{}", CANARY)


def clean(subject: Settings | ConfigurationError) -> None:
    """Nothing that the subject shows contains the canary."""
    shown = shown_by(subject) if isinstance(subject, Settings) else told_by(subject)
    for way, text in shown:
        assert CANARY not in text, way


def clean_when_rendered(subject: Settings | ConfigurationError) -> None:
    """Nor does what rich and loguru make of it, with all locals."""
    clean(subject)
    if isinstance(subject, ConfigurationError):
        for way, text in rendered_from(subject):
            assert CANARY not in text, way


def load(environ: dict[str, str], env_file: Path | None = None) -> Settings | ConfigurationError:
    """Settings, or the error that they are; of the database's own alone, the error is checked on the way."""
    try:
        DatabaseSettings.from_environ(environ, env_file)
    except ConfigurationError as error:
        clean(error)
    try:
        return Settings.from_environ(environ, env_file)
    except ConfigurationError as error:
        return error


@pytest.mark.parametrize("template", GOOD)
def test_settings_show_no_password(template: str) -> None:
    """Valid settings, however they are shown, copied or dumped, keep every part of a URL to themselves."""
    loaded = load({"DATABASE_CONNECTION_STRING": planted(template)})
    assert isinstance(loaded, Settings)
    assert CANARY in loaded.database.active_url.get_secret_value()
    clean(loaded)
    for way, text in shown_by(loaded.database):
        assert CANARY not in text, way


@pytest.mark.parametrize("template", [*BAD, *GOOD])
def test_errors_tell_no_part_of_a_value(template: str, tmp_path: Path) -> None:
    """A text in every variable, where it is wrong: the error and all that it reaches are clean."""
    environ = dict.fromkeys(SettingsGroup.known, planted(template))
    clean_when_rendered(load(environ))
    (tmp_path / ".env").write_text("".join(f"{name}={text}\n" for name, text in environ.items()))
    clean(load({"DATABASE_TARGET": "render_dev"}, tmp_path / ".env"))


@pytest.mark.parametrize("line", LINES)
def test_lines_that_cannot_be_read_are_told_by_number(line: str, tmp_path: Path) -> None:
    """What stands in a line that assigns nothing is not repeated."""
    (tmp_path / ".env").write_text(f"# first\n{planted(line)}\n")
    clean_when_rendered(load({"DATABASE_TARGET": "nowhere"}, tmp_path / ".env"))


@pytest.mark.parametrize("template", BAD)
def test_an_error_of_a_copy_tells_no_part_of_a_value(template: str) -> None:
    """Also while the settings that are copied, which hold passwords behind masks, are in the traceback."""
    loaded = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": planted(GOOD[0])})
    with pytest.raises(ConfigurationError) as caught:
        loaded.model_copy(update={"prod_external_url": planted(template)})
    for way, text in told_by(caught.value):
        assert CANARY not in text or way == "object graph", way


def test_a_missing_production_is_told_without_the_other_urls() -> None:
    """The error that `production_url` raises has the settings in its traceback, masked."""
    loaded = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": planted(GOOD[0])})
    with pytest.raises(ConfigurationError) as caught:
        _ = loaded.production_url
    for way, text in told_by(caught.value):
        assert CANARY not in text or way == "object graph", way


@given(
    seed=st.integers(0, 2**32),
    variable=st.sampled_from(sorted(SettingsGroup.known)),
    template=st.sampled_from([*GOOD, *BAD]),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_environment_leaks(seed: int, variable: str, template: str) -> None:
    """The canary in one variable of any environment, broken in any other way too."""
    case = draw(random.Random(seed).choice)  # noqa: S311 - a repeatable test, no secret
    clean(load(case.environ | {variable: planted(template)}))


def test_the_process_s_own_settings_leak_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Settings()`, which remembers what it made last time, tells nothing of that in an error later on."""
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", planted(GOOD[0]))
    clean(Settings())
    clean(Settings())
    assert CANARY not in repr(vars(SettingsGroup))
    for template in BAD:
        monkeypatch.setenv("DATABASE_CONNECTION_STRING", planted(template))
        with pytest.raises(ConfigurationError) as caught:
            Settings()
        clean(caught.value)


def test_settings_are_not_pickled() -> None:
    """A pickle would hold the passwords, so there is none; neither of settings nor of a URL of theirs."""
    loaded = Settings.from_environ({"DATABASE_CONNECTION_STRING": planted(GOOD[0])})
    for subject in (loaded, loaded.database, loaded.database.active_url):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(subject)


def test_the_library_underneath_logs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`PYDANTIC_SETTINGS_DEBUG`, which makes pydantic-settings log every value, has nothing to log."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", planted(GOOD[0]))
    with caplog.at_level(logging.DEBUG):
        Settings()
    assert CANARY not in caplog.text


def test_the_door_s_failure_shows_no_password_with_all_locals() -> None:
    """A real connection failure of app/database, unlike one of SQLAlchemy's own frames, may be shown with locals."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    database = DatabaseSettings.from_environ(
        {"DATABASE_CONNECTION_STRING": f"postgresql://user:{CANARY}@127.0.0.1:{port}/name"},
    )
    reader = open_reader(database, process="leaks")
    with pytest.raises(DatabaseUnreachableError) as caught, reader.read():
        pass
    reader.dispose()
    for way, text in rendered_from(caught.value):
        assert CANARY not in text, way
    assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.args}"


def test_an_engine_and_its_failures_show_no_password() -> None:
    """SQLAlchemy's representations and a real connection failure, with the URL that the settings give."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    database = DatabaseSettings.from_environ(
        {"DATABASE_CONNECTION_STRING": f"postgresql://user:{CANARY}@127.0.0.1:{port}/name"},
    )
    engine = create_engine(database.active_url.get_secret_value())
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    shown: list[Any] = [engine, engine.url, engine.pool, caught.value, caught.value.orig, caught.value.args]
    assert CANARY not in "".join(f"{item} {item!r}" for item in shown)
    assert isinstance(database.active_url, SecretStr)
    engine.dispose()
