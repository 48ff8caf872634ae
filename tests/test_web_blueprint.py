"""render.yaml: Render would take it, and what it starts is what the four modes ask for."""

import json
import re
import shlex
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from app.cli.main import VERBS
from app.database.schema import newest_revision
from settings import Access, DatabaseTarget, Settings
from tests.commands import verb

_SECRET = "postgresql://user:password@dpg-{name}-a/{name}"  # noqa: S105 - a placeholder


@pytest.fixture
def blueprint(project: Path) -> dict[str, Any]:
    """The file as Render reads it."""
    read: dict[str, Any] = yaml.safe_load((project / "render.yaml").read_text(encoding="utf-8"))
    return read


@pytest.fixture
def schema(project: Path) -> dict[str, Any]:
    """What Render's documentation says about such files."""
    read: dict[str, Any] = json.loads((project / "tests/blueprint.schema.json").read_text(encoding="utf-8"))
    return read


def _service(blueprint: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (service for service in blueprint["services"] if service["type"] == kind)
    return dict(found)


def _settings(blueprint: dict[str, Any], kind: str) -> Settings:
    """What a service of the blueprint would read from its environment on Render."""
    environ = {"RENDER": "true", "RENDER_SERVICE_TYPE": kind, "PORT": "10000"}
    names = {database["name"] for database in blueprint["databases"]}
    for variable in _service(blueprint, kind)["envVars"]:
        if "fromDatabase" in variable:
            assert variable["fromDatabase"]["name"] in names
            environ[variable["key"]] = _SECRET.format(name=variable["fromDatabase"]["name"])
        elif "value" in variable:
            environ[variable["key"]] = str(variable["value"])
    return Settings.from_environ(environ)


def test_render_would_take_the_blueprint(blueprint: dict[str, Any], schema: dict[str, Any]) -> None:
    """Every key and value is one that Render's documentation knows."""
    jsonschema.validate(blueprint, schema)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("services", 0, "healthcheckPath"), "/livez"),
        (("services", 0, "plan"), "large"),
        (("services", 0, "schedule"), "0 0 * * *"),
        (("services", 1, "schedule"), "daily"),
        (("services", 1, "numInstances"), 2),
        (("services", 1, "plan"), "12c-24g"),
        (("services", 1, "maxShutdownDelaySeconds"), 30),
        (("services", 0, "envVars", 0, "sync"), False),
        (("databases", 0, "diskSizeGB"), 7),
        (("databases", 0, "version"), 18),
        (("databases", 0, "postgresMajorVersion"), 18),
        (("databases", 0, "plan"), "0.5c-512mb"),
        (("previews", "generation"), False),
    ],
)
def test_the_schema_sees_mistakes(
    blueprint: dict[str, Any], schema: dict[str, Any], path: tuple[Any, ...], value: object
) -> None:
    """A misspelt key, a key of another kind of service and a value that Render refuses are errors."""
    broken = deepcopy(blueprint)
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_the_web_service_is_mode_four(blueprint: dict[str, Any]) -> None:
    """It is told explicitly that it is production, so it may take reports, and it listens for Render's proxy."""
    settings = _settings(blueprint, "web")
    assert settings.database.target is DatabaseTarget.RENDER_PROD
    assert settings.database.target_is_explicit
    assert settings.database.access is Access.READ_WRITE
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 10000)  # noqa: S104 - what Render asks for
    assert settings.web.visitor_header == "CF-Connecting-IP"


def test_the_cron_job_is_mode_three(blueprint: dict[str, Any]) -> None:
    """It works in development, knows production by its internal name, and is asked for its consent."""
    settings = _settings(blueprint, "cron")
    assert settings.database.target is DatabaseTarget.RENDER_DEV
    assert "dance-production" in settings.database.production_url.get_secret_value()
    variables = {variable["key"]: variable for variable in _service(blueprint, "cron")["envVars"]}
    assert variables["PROMOTE_TO"]["sync"] is False


def test_no_secret_is_in_the_file(blueprint: dict[str, Any]) -> None:
    """Databases come by reference, and what Render's dashboard keeps has no value here."""
    for service in blueprint["services"]:
        for variable in service["envVars"]:
            if any(word in variable["key"] for word in ("URL", "TOKEN", "PASSWORD", "PROMOTE_TO", "KEY")):
                assert "value" not in variable, variable["key"]


@pytest.mark.parametrize("kind", ["web", "cron"])
@pytest.mark.parametrize("place", ["startCommand", "preDeployCommand"])
def test_the_commands_exist(blueprint: dict[str, Any], kind: str, place: str) -> None:
    """Every command is a verb of this program with options that it has."""
    for command in filter(None, _service(blueprint, kind).get(place, "").split("&&")):
        python, module, name, what, *options = shlex.split(command)
        assert (python, module, name) == ("python", "-m", "app")
        assert what in VERBS
        known = CliRunner().invoke(verb(what), ["--help"]).output
        for option in options:
            assert not option.startswith("--") or option in known, option


def test_the_migration_consents_to_the_newest_revision(blueprint: dict[str, Any]) -> None:
    """Whoever adds a migration changes this line too, and so says yes to it in review."""
    assert shlex.split(_service(blueprint, "web")["preDeployCommand"])[-2:] == [
        "--confirm",
        newest_revision(),
    ]


def test_the_build_takes_what_is_locked(blueprint: dict[str, Any], project: Path) -> None:
    """Both services install exactly the lock, and one Python everywhere."""
    for kind in ("web", "cron"):
        service = _service(blueprint, kind)
        command = shlex.split(service["buildCommand"])
        assert command[:3] == ["pip", "install", "--require-hashes"]
        assert (project / command[-1]).name == "requirements.lock"
        version = next(v["value"] for v in service["envVars"] if v["key"] == "PYTHON_VERSION")
        assert version.startswith("3.11.")


def test_the_operations_name_variables_that_exist(project: Path) -> None:
    """Every variable that docs/operations.md mentions is a setting, and every option a real one."""
    said = (project / "docs/operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:RENDER|WEB|DATABASE|PROMOTE)_[A-Z_]+\b", said))
    assert named
    assert named <= set(Settings.known)
    for what, option in re.findall(r"dance ([a-z]+)[^\n`]*?(--[a-z-]+)", said):
        known = CliRunner().invoke(verb(what), ["--help"]).output
        assert option in known, (what, option)
