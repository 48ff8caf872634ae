"""Settings that are made again: nothing is judged twice, and nothing is ever out of date."""

import os
import time
from pathlib import Path

import pytest
from pydantic import Field

from settings import ConfigurationError, DatabaseSettings, Rule, Settings
from settings.group import SettingsGroup
from tests.test_settings_gitindex import git

LOCAL = "postgresql://user:password@localhost:5432/local"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a private `.env`, and an environment without settings."""
    for name in (*SettingsGroup.known, *(name for name in os.environ if name.startswith("PG"))):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    (project / ".env").write_text(f"DATABASE_CONNECTION_STRING={LOCAL}\nPORT=8001\n")
    (project / ".env").chmod(0o600)
    return project


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows whenever a reading is judged."""
    times: list[object] = []
    examine = SettingsGroup.examine

    def counting(self: SettingsGroup, reading: object) -> object:
        times.append(reading)
        return examine(self, reading)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(SettingsGroup, "examine", counting)
    return times


def test_the_same_sources_are_judged_once(project: Path, judged: list[object]) -> None:
    """Of each kind of settings; what is made again is equal, and shares the groups, which are frozen."""
    first, second = Settings(), Settings()
    assert first == second
    assert first is not second
    assert first.database is second.database
    assert (first.model_fields_set, first.warnings) == (second.model_fields_set, second.warnings)
    assert DatabaseSettings() == DatabaseSettings() == first.database
    assert len(judged) == 2


def test_a_file_of_the_same_size_and_time_is_read(project: Path) -> None:
    """What counts is the file's bytes, not what its directory says of it."""
    path = project / ".env"
    before = path.stat()
    assert Settings().web.port == 8001
    path.write_text(path.read_text().replace("8001", "8002"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert Settings().web.port == 8002


def test_a_file_that_comes_and_goes_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearer files win; when they are gone the others count again."""
    (project / "pyproject.toml").touch()
    inner = project / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert Settings().web.port == 8001
    (inner / ".env").write_text(f"DATABASE_CONNECTION_STRING={LOCAL}\nPORT=8003\n")
    (inner / ".env").chmod(0o600)
    assert Settings().web.port == 8003
    (inner / ".env").unlink()
    assert Settings().web.port == 8001
    (project / ".env").unlink()
    with pytest.raises(ConfigurationError):
        Settings()


def test_the_environment_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set, blanked, unset; also a name that is only almost a setting's."""
    assert Settings().web.port == 8001
    monkeypatch.setenv("PORT", "8004")
    assert Settings().web.port == 8004
    monkeypatch.setenv("PORT", " ")
    assert Settings().web.port == 8000
    monkeypatch.delenv("PORT")
    assert Settings().web.port == 8001
    assert not Settings().warnings
    monkeypatch.setenv("DATABSE_TARGET", "local")
    assert [warning.rule for warning in Settings().warnings] == [Rule.NEAR_MISS]
    assert [warning.rule for warning in Settings().warnings] == [Rule.NEAR_MISS]
    monkeypatch.delenv("DATABSE_TARGET")
    assert not Settings().warnings


def test_who_else_may_see_the_file_is_noticed(project: Path) -> None:
    """Its permissions and git's index are looked at each time, though its text is the same."""
    assert not Settings().warnings
    (project / ".env").chmod(0o644)
    assert [warning.rule for warning in Settings().warnings] == [Rule.FILE_EXPOSED]
    (project / ".env").chmod(0o600)
    assert not Settings().warnings
    git(project, "init", "--quiet")
    git(project, "add", "--force", ".env")
    assert [warning.rule for warning in Settings().warnings] == [Rule.FILE_TRACKED]
    long_ago = time.time() - 3600
    os.utime(project / ".git/index", (long_ago, long_ago))
    assert [warning.rule for warning in Settings().warnings] == [Rule.FILE_TRACKED]
    git(project, "rm", "--quiet", "--cached", ".env")
    assert not Settings().warnings


def test_an_error_is_found_each_time(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And forgotten once it is mended; what was good before does not stand in for it."""
    assert Settings().web.port == 8001
    monkeypatch.setenv("PORT", "many")
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            Settings()
        assert [finding.variable for finding in caught.value.findings] == ["PORT"]
    monkeypatch.delenv("PORT")
    assert Settings().web.port == 8001


def test_what_is_done_to_one_is_not_done_to_the_next(project: Path) -> None:
    """Whoever writes past the freezing harms these settings only."""
    first = Settings()
    vars(first)["web"] = None
    first.model_fields_set.clear()
    second = Settings()
    assert (second.web.port, second.model_fields_set) == (8001, set(Settings.model_fields))
    vars(second)["web"] = None
    assert Settings().web.port == 8001


def test_a_group_that_is_defined_later_is_known(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables count in the search for near misses from then on."""
    monkeypatch.setenv("LATER_DEFINED_SETING", "1")
    assert not Settings().warnings
    known = dict(SettingsGroup.known)
    try:

        class LaterSettings(SettingsGroup):
            """Defined when settings were made already."""

            later: int = Field(default=1, alias="LATER_DEFINED_SETTING")

        assert [warning.variable for warning in Settings().warnings] == ["LATER_DEFINED_SETING"]
        assert LaterSettings().later == 1
    finally:
        SettingsGroup.known.clear()
        SettingsGroup.known.update(known)
