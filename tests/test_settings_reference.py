"""What is generated from the model, and that it does not drift."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from settings import Settings, reference
from settings.catalogue import variables
from settings.envfile import parse
from settings.group import SettingsGroup
from settings.marks import Slot
from settings.reference import env_example, environment, main, schema

PROJECT = Path(__file__).parent.parent


def test_nothing_generated_has_drifted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The repository's files are what the model says."""
    monkeypatch.chdir(PROJECT)
    assert main(["--check"]) == 0, capsys.readouterr()


def test_drift_is_shown_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` prints the difference and fails, `--write` mends it, and what is written by hand stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "settings.md"
    page.write_text(
        "By hand.\n\n<!-- settings: reference -->\nold\n<!-- end of settings -->\n\nAlso by hand.\n"
    )
    assert main(["--check"]) == 1
    output = capsys.readouterr()
    assert "-old" in output.out
    assert "python -m settings.reference --write" in output.err
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0
    assert page.read_text().startswith("By hand.\n\n<!-- settings: reference -->\n")
    assert page.read_text().endswith("<!-- end of settings -->\n\nAlso by hand.\n")
    assert "`DATABASE_TARGET`" in page.read_text()


def test_a_mark_that_names_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled mark would otherwise never be filled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "render.yaml").write_text("# settings: wbe\n# end of settings\n")
    with pytest.raises(ValueError, match="wbe"):
        main(["--check"])


def test_every_setting_is_in_every_reference() -> None:
    """Each variable has a description and stands in the example (unless the platform sets it) and the table."""
    example, table = env_example(), reference.table()
    names = [variable.name for variable in variables()]
    assert set(names) == {
        slot.variable for field in Settings.model_fields.values() for slot in _slots(field.annotation)
    }
    assert len(names) == len(set(names))
    for variable in variables():
        assert variable.description.endswith("."), variable.name
        assert f"| `{variable.name}` |" in table
        assert (f"\n#{variable.name}=" in example) != variable.is_platform


def _slots(kind: object) -> tuple[Slot, ...]:
    assert isinstance(kind, type)
    assert issubclass(kind, SettingsGroup)
    return kind.slots


def test_the_example_can_be_used() -> None:
    """It sets nothing; with every line uncommented it is a `.env` file whose values the model reads."""
    assert parse(env_example()) == []
    lines = [
        line.removeprefix("#")
        for line in env_example().splitlines()
        if line.startswith("#") and line[1:2].isupper()
    ]
    assert all(line.text is not None for line in parse("\n".join(lines)))


def test_the_schema_describes_the_environment() -> None:
    """A valid JSON schema: it accepts the defaults and refuses what is out of bounds."""
    document = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document)
    assert validator.is_valid({"DATABASE_TARGET": "render_dev", "PORT": 8000})
    assert not validator.is_valid({"DATABASE_TARGET": "staging"})
    assert not validator.is_valid({"PORT": 70000})
    secrets = {name for name, described in document["properties"].items() if described.get("writeOnly")}
    assert {"DATABASE_CONNECTION_STRING", "RENDER_EXTERNAL_DB_URL", "WEB_STATUS_TOKEN"} <= secrets


@pytest.mark.parametrize(
    ("service", "target", "database"),
    [("web", "render_prod", "RENDER_INTERNAL_DB_URL"), ("cron", "render_dev", "RENDER_DEV_INTERNAL_DB_URL")],
)
def test_render_yaml_s_environment(service: str, target: str, database: str) -> None:
    """Each service's block names its target and its database, and holds no secret."""
    entries = {entry["key"]: entry for entry in yaml.safe_load(environment(service))}
    assert entries["DATABASE_TARGET"]["value"] == target
    assert entries[database]["fromDatabase"]["property"] == "connectionString"
    assert "RENDER" not in entries
    for variable in variables():
        if variable.is_secret and variable.name in entries:
            assert "value" not in entries[variable.name]


def test_render_yaml_s_values_are_good_values() -> None:
    """What the blueprint sets is accepted by the model."""
    for service in ("web", "cron"):
        entries = yaml.safe_load(environment(service))
        environ = {entry["key"]: str(entry["value"]) for entry in entries if "value" in entry}
        urls = {
            entry["key"]: f"postgresql://user:password@{entry['fromDatabase']['name']}/name"
            for entry in entries
            if "fromDatabase" in entry
        }
        loaded = Settings.from_environ({"RENDER": "true"} | environ | urls)
        assert loaded.database.target_is_explicit
        assert loaded.database.production_url
