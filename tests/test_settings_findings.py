"""What each rule says: the variable, its place, the problem, and a remedy that mends it."""

import copy
import pickle
from pathlib import Path

import pytest

from settings import ConfigurationError, DatabaseSettings, Finding, Rule, Settings, Source
from settings.findings import WARNINGS

LOCAL = "postgresql://user:password@localhost:5432/local"
DEV = "postgresql://user:password@dpg-dev-a.oregon-postgres.render.com:5432/dev"
PRODUCTION = "postgresql://user:password@dpg-prod-a.oregon-postgres.render.com:5432/prod"
SHAPE = "postgresql://user:password@host:5432/name"
FULL = {
    "DATABASE_CONNECTION_STRING": LOCAL,
    "RENDER_DEV_EXTERNAL_DB_URL": DEV,
    "RENDER_EXTERNAL_DB_URL": PRODUCTION,
}
ENCODE = (
    "python3 -c 'from getpass import getpass as g; from urllib.parse import quote as q; "
    """print(q(g(), safe=""))'"""
)
TOLD = [
    (
        {"DATABASE_TARGET": "production"},
        "DATABASE_TARGET (environment) is none of local, render_dev, render_prod",
        "DATABASE_TARGET=render_prod",
    ),
    (
        {"RENDER": "maybe"},
        "RENDER (environment) is not a boolean (Render itself sets it to true)",
        "unset RENDER",
    ),
    (
        {"DATABASE_TARGET": "render_dev", "RENDER_DEV_EXTERNAL_DB_URL": ""},
        "RENDER_DEV_EXTERNAL_DB_URL (environment) is blank, and the target render_dev needs it",
        f"RENDER_DEV_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": f'"{PRODUCTION}"'},
        "RENDER_EXTERNAL_DB_URL (environment) is wrapped in quotes, which are part of the value",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "mysql://host/name"},
        "RENDER_EXTERNAL_DB_URL (environment) is not a PostgreSQL URL",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user:pass@word@host/name"},
        (
            "RENDER_EXTERNAL_DB_URL (environment) is read differently by different programs: "
            "percent-encode the user and the password"
        ),
        ENCODE,
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@ho!st/name"},
        "RENDER_EXTERNAL_DB_URL (environment) has a host that is not a name, an address or a socket",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host:65536/name"},
        "RENDER_EXTERNAL_DB_URL (environment) has a port that is not a number from 1 to 65535",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host"},
        "RENDER_EXTERNAL_DB_URL (environment) names no database",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/a%20b"},
        "RENDER_EXTERNAL_DB_URL (environment) has a database name that programs read differently",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?port=1&host=other"},
        "RENDER_EXTERNAL_DB_URL (environment) leads elsewhere than it says, by ?host, ?port",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?colour=red"},
        "RENDER_EXTERNAL_DB_URL (environment) has a query parameter that PostgreSQL does not know",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?sslmode=require&sslmode=require"},
        "RENDER_EXTERNAL_DB_URL (environment) gives the query parameter sslmode twice",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?application_name=a+b"},
        (
            "RENDER_EXTERNAL_DB_URL (environment) has a query parameter application_name that programs read "
            "differently: percent-encode its value"
        ),
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?application_name=a=b"},
        (
            "RENDER_EXTERNAL_DB_URL (environment) has a query parameter application_name that programs read "
            "differently: percent-encode its value"
        ),
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/"},
        "RENDER_EXTERNAL_DB_URL (environment) names no database",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?application_name=%f"},
        (
            "RENDER_EXTERNAL_DB_URL (environment) has a query parameter application_name that is not "
            "percent-encoded properly"
        ),
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": "postgresql://user@host/name?sslmode=on"},
        (
            "RENDER_EXTERNAL_DB_URL (environment) has an sslmode that is none of disable, allow, prefer, require, "
            "verify-ca, verify-full"
        ),
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": f"{PRODUCTION}?sslmode=prefer"},
        "RENDER_EXTERNAL_DB_URL (environment) allows plain text to another machine by sslmode=prefer",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}?sslmode=require",
    ),
    (
        {"PGSERVICE": "other"},
        "PGSERVICE (environment) would lead DATABASE_CONNECTION_STRING elsewhere than it says",
        "unset PGSERVICE",
    ),
    (
        {"RENDER_EXTERNAL_DB_URL": DEV},
        "RENDER_EXTERNAL_DB_URL (environment) names the same database as RENDER_DEV_EXTERNAL_DB_URL",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"RENDER_INTERNAL_DB_URL": "postgresql://user@dpg-other-a/prod"},
        "RENDER_EXTERNAL_DB_URL (environment) names another database than RENDER_INTERNAL_DB_URL",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"PORT": "many"},
        "PORT (environment) cannot be used: it should be a valid integer, unable to parse string as an integer",
        "PORT=8000",
    ),
    (
        {"DATABASE_POOL_PING": "maybe"},
        (
            "DATABASE_POOL_PING (environment) cannot be used: it should be a valid boolean, unable to interpret "
            "input"
        ),
        "DATABASE_POOL_PING=true",
    ),
    (
        {"WEB_STATUS_TOKEN": "short"},
        (
            "WEB_STATUS_TOKEN (environment) cannot be used: Value should have at least 16 items after validation, "
            "not 5"
        ),
        "unset WEB_STATUS_TOKEN",
    ),
    (
        {"RENDER_DEV_EXTERNAL_DB_URL": "postgresql://user@localhost:5432/dev"},
        "RENDER_DEV_EXTERNAL_DB_URL (environment) leads to this machine, which only a tunnel or a rehearsal means",
        f"RENDER_DEV_EXTERNAL_DB_URL={SHAPE}",
    ),
    (
        {"DATABSE_TARGET": "local"},
        "DATABSE_TARGET (environment) is not a setting, but DATABASE_TARGET is",
        "rename DATABSE_TARGET to DATABASE_TARGET, or unset DATABSE_TARGET",
    ),
    (
        {"RENDER_EXTERNAL_URL": "https://dances.onrender.com", "RENDER_EXTERNAL_DB_URL": ""},
        "RENDER_EXTERNAL_URL (environment) is the address of a web service; the database is RENDER_EXTERNAL_DB_URL",
        f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    ),
]
IN_A_FILE = [
    ("RENDER=true", Rule.PLATFORM_IN_FILE, "RENDER ({path}:1) is the platform's to set and is not read from a file", "delete line 1 of {path}"),
    (
        "PORT=1\nPORT=2",
        Rule.SET_TWICE,
        "PORT ({path}:2) is set on line 1 too; this line counts",
        "delete line 1 of {path}",
    ),
    (
        "just words",
        Rule.LINE_IGNORED,
        ".env ({path}:1) is not given as NAME=value, or its quote is not closed",
        "NAME='value'",
    ),
    (
        "PORT: 1",
        Rule.LINE_UNREADABLE,
        "PORT ({path}:1) is not given as NAME=value, or its quote is not closed",
        "PORT='value'",
    ),
    (
        "DATABSE_TARGET=local",
        Rule.NEAR_MISS,
        "DATABSE_TARGET ({path}:1) is not a setting, but DATABASE_TARGET is",
        "rename DATABSE_TARGET to DATABASE_TARGET, or delete line 1 of {path}",
    ),
    (
        "PORT=many",
        Rule.VALUE,
        "PORT ({path}:1) cannot be used: it should be a valid integer, unable to parse string as an integer",
        "PORT=8000",
    ),
    (
        "WEB_STATUS_TOKEN=short",
        Rule.VALUE,
        "WEB_STATUS_TOKEN ({path}:1) cannot be used: Value should have at least 16 items after validation, not 5",
        "delete line 1 of {path}",
    ),
    (
        f"SOURCES_FILE={LOCAL}",
        Rule.VALUE,
        "SOURCES_FILE ({path}:1) holds a URL with a user or password, and is not a secret setting",
        "delete line 1 of {path}",
    ),
    (
        f"LOCAL_BACKUP_URL={LOCAL}",
        Rule.SAME_DATABASE,
        "LOCAL_BACKUP_URL ({path}:1) leads to the same database as DATABASE_CONNECTION_STRING, so it is no backup",
        "delete line 1 of {path}",
    ),
    (
        "DATABASE_TARGET=staging",
        Rule.TARGET_UNKNOWN,
        "DATABASE_TARGET ({path}:1) is none of local, render_dev, render_prod",
        "DATABASE_TARGET=local",
    ),
]  # fmt: skip


def found(environ: dict[str, str], env_file: Path | None = None) -> list[Finding]:
    """Everything that is told about an environment."""
    try:
        return list(Settings.from_environ(environ, env_file).warnings)
    except ConfigurationError as error:
        return [*error.findings, *error.warnings]


@pytest.mark.parametrize(
    ("change", "line", "remedy"), TOLD, ids=[line.split(" (")[1][13:50] for _, line, _ in TOLD]
)
def test_a_problem_is_told_in_these_words(change: dict[str, str], line: str, remedy: str) -> None:
    """One thing wrong in a good configuration: exactly that is told, with its remedy."""
    [finding] = found(FULL | change)
    assert (finding.line, finding.remedy) == (line, remedy)
    assert str(finding) == f"{line}\n    {remedy}"
    assert finding.source == Source()


@pytest.mark.parametrize(("text", "rule", "line", "remedy"), IN_A_FILE)
def test_a_file_s_problem_is_told_in_these_words(
    tmp_path: Path, text: str, rule: Rule, line: str, remedy: str
) -> None:
    """With the file's absolute path and the line."""
    path = tmp_path / ".env"
    path.write_text(text)
    path.chmod(0o600)
    [finding] = found(FULL, path)
    assert (finding.rule, finding.is_warning) == (rule, rule in WARNINGS)
    assert (finding.line, finding.remedy) == (line.format(path=path), remedy.format(path=path))


def test_a_missing_variable_has_no_place() -> None:
    """What is set nowhere is told without parentheses."""
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({})
    [finding] = caught.value.findings
    assert finding.source is None
    assert finding.line == "DATABASE_CONNECTION_STRING is not set, and the target local needs it"


def test_an_error_survives_pickling_and_copying() -> None:
    """A pool of processes can hand the error over, with everything that it tells."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"DATABASE_TARGET": "nowhere", "DATABSE_TARGET": "local"})
    error = caught.value
    assert error.warnings
    assert error.args == (error.findings, error.warnings)
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):  # noqa: S301 - our own
        assert (str(again), again.findings, again.warnings) == (str(error), error.findings, error.warnings)


def test_a_needed_production_is_told_in_these_words() -> None:
    """`production_url` where none is configured: what it is needed for, and what to set."""
    with pytest.raises(ConfigurationError) as caught:
        _ = DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).production_url
    [finding] = caught.value.findings
    assert finding == Finding(
        rule=Rule.URL_MISSING,
        variable="RENDER_EXTERNAL_DB_URL",
        problem="is not set, and Render production is needed",
        remedy=f"RENDER_EXTERNAL_DB_URL={SHAPE}",
    )


def test_every_ambient_variable_is_told_once() -> None:
    """With several URLs that it would lead elsewhere, it is still one thing to unset."""
    assert [finding.variable for finding in found(FULL | {"PGHOSTADDR": "192.0.2.1"})] == ["PGHOSTADDR"]


def test_warnings_come_after_the_problems() -> None:
    """In the text for people, under their own heading."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"DATABSE_TARGET": "local"})
    first, missing, heading, near_miss = str(caught.value).split("\n\n")
    assert first == "The configuration has a problem."
    assert missing.startswith("DATABASE_CONNECTION_STRING is not set")
    assert heading == "Also noticed:"
    assert near_miss.startswith("DATABSE_TARGET (environment)")
