"""The types hold for users of the package too, without pydantic's plugin."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parent.parent
GOOD: Final = """
from pydantic import SecretStr
from settings import Access, ConfigurationError, DatabaseSettings, DatabaseTarget, Finding, Settings

settings = Settings()
database: DatabaseSettings = settings.database
alone: DatabaseSettings = DatabaseSettings()
hermetic: Settings = Settings.from_environ({"DATABASE_TARGET": "local"}, env_file=None)
url: SecretStr = database.active_url
production: SecretStr = database.production_url
target: DatabaseTarget = database.target
access: Access = database.access
explicit: bool = database.target_is_explicit
on_render: bool = database.on_render
name: str = database.environment_name
copy: DatabaseSettings = database.model_copy(update={"target": "local"})
findings: tuple[Finding, ...] = ConfigurationError(()).findings
status: int = ConfigurationError.exit_status
"""
BAD: Final = (
    "from settings import Settings\nurl: str = Settings().database.active_url\n",
    "from settings import Settings\nSettings().database.target = 'local'\n",
    "from settings import Settings\nSettings(target='local')\n",
    "from settings import Settings\nSettings().databse\n",
    "from settings import DatabaseSettings\nDatabaseSettings.from_environ({'RENDER': True})\n",
)


def errors(directory: Path, *sources: str) -> dict[int, list[str]]:
    """What mypy says of users' code, strictly, with no configuration and so without the plugin; by source."""
    for number, source in enumerate(sources):
        (directory / f"user{number}.py").write_text(source)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--follow-imports=silent",
            str(directory),
        ],
        cwd=directory,
        env={"MYPYPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        if ": error:" in line:
            told.setdefault(int(line.removeprefix("user").split(".")[0]), []).append(line)
    assert told or done.returncode == 0, done.stdout + done.stderr
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """What mypy says of the good code, which is the first, and of each misuse."""
    return errors(tmp_path_factory.mktemp("users"), GOOD, *BAD)


def test_a_user_s_code_passes_mypy_without_the_plugin(told: dict[int, list[str]]) -> None:
    """Every public name, used as documented."""
    assert 0 not in told, told


def test_misuse_does_not_pass_mypy(told: dict[int, list[str]]) -> None:
    """A URL is no plain text, settings are frozen and take no arguments, names are known: an error each."""
    assert {number: len(told.get(number, ())) for number in range(1, len(BAD) + 1)} == dict.fromkeys(
        range(1, len(BAD) + 1), 1
    ), told


@pytest.mark.deep
def test_the_package_is_clean_under_pyright(tmp_path: Path) -> None:
    """Strictly, for the package itself (pyproject.toml) and for a user's code; pyright fetches itself when it is new."""
    (tmp_path / "user.py").write_text(GOOD)
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(PROJECT)], "typeCheckingMode": "strict"})
    )
    for directory in (PROJECT, tmp_path):
        command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
