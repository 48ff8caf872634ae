"""Typos and near misses: a hint inside the error, a warning when there is none."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigurationError, DatabaseSettings, Rule, Settings
from settings.group import SettingsGroup
from settings.spelling import meant

LOCAL = "postgresql://user:password@localhost:5432/local"
KNOWN = frozenset(SettingsGroup.known)
LONG = sorted(name for name in KNOWN if len(name) > 12)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("DATABSE_TARGET", "DATABASE_TARGET"),
        ("DATABASE_TRAGET", "DATABASE_TARGET"),
        ("DATABASETARGET", "DATABASE_TARGET"),
        ("database_target", "DATABASE_TARGET"),
        ("Database-Target", "DATABASE_TARGET"),
        ("render-external-db-url", "RENDER_EXTERNAL_DB_URL"),
        ("DATABASE_CONECTION_STRNG", "DATABASE_CONNECTION_STRING"),
        ("DATABASE_URL", "DATABASE_CONNECTION_STRING"),
        ("RENDER_PROD_EXTERNAL_DB_URL", "RENDER_EXTERNAL_DB_URL"),
        ("RENDER_EXTERNAL_DEV_DB_URL", "RENDER_DEV_EXTERNAL_DB_URL"),
        ("RENDER_DB_URL_EXTERNAL", "RENDER_EXTERNAL_DB_URL"),
        ("render", "RENDER"),
    ],
)
def test_a_near_miss_is_recognised(name: str, setting: str) -> None:
    """Letters dropped, swapped or in another case; words in another order, or one too many."""
    assert meant(name, KNOWN) == setting


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PATH",
            "HOME",
            "SENDER",
            "LANG",
            "DATABASE",
            "PGHOST",
            "POSTGRES_PASSWORD",
            "VIRTUAL_ENV",
            "PYTHONPATH",
        ),
        # What Render itself sets (its documentation, "default environment variables").
        *("RENDER_SERVICE_ID", "RENDER_SERVICE_NAME", "RENDER_SERVICE_TYPE", "RENDER_INSTANCE_ID"),
        *("RENDER_GIT_COMMIT", "RENDER_GIT_BRANCH", "RENDER_GIT_REPO_SLUG", "RENDER_EXTERNAL_HOSTNAME"),
        *("RENDER_CPU_COUNT", "RENDER_DISCOVERY_SERVICE", "RENDER_WEB_CONCURRENCY", "IS_PULL_REQUEST"),
    ],
)
def test_a_name_of_its_own_is_left_alone(name: str) -> None:
    """Neither a shell's variables nor Render's own give a warning."""
    assert meant(name, KNOWN) is None


@given(st.sampled_from(sorted(KNOWN)))
def test_a_setting_is_no_near_miss(name: str) -> None:
    """However alike two settings are."""
    assert meant(name, KNOWN) is None


@given(st.sampled_from(LONG), st.integers(0, 100), st.sampled_from(["drop", "swap", "double", "replace"]))
def test_any_single_slip_is_recognised(name: str, place: int, slip: str) -> None:
    """One letter wrong anywhere in a long name leads back to it, or to another setting just as near."""
    i = place % (len(name) - 1)
    changed = {
        "drop": name[:i] + name[i + 1 :],
        "swap": name[:i] + name[i + 1] + name[i] + name[i + 2 :],
        "double": name[:i] + name[i] + name[i:],
        "replace": name[:i] + "X" + name[i + 1 :],
    }[slip]
    if changed not in KNOWN:
        assert meant(changed, KNOWN) is not None
        assert meant(changed, frozenset({name})) == name


@pytest.mark.parametrize(
    ("name", "setting", "is_near"),
    [
        ("ABCDEFGX", "ABCDEFGH", True),
        ("ABCDEFXY", "ABCDEFGH", True),
        ("ABCDEXYZ", "ABCDEFGH", False),
        ("ABCDEFGHIJ", "ABCDEFGH", True),
        ("ABCDEFGHIJK", "ABCDEFGH", False),
        ("CABDEFGH", "ABCDEFGH", True),  # C dropped and put elsewhere: two changes
        ("BADCEFGH", "ABCDEFGH", True),  # two swaps
        ("BADCFEGH", "ABCDEFGH", False),  # three
        ("ABDCEFHG", "ABCDEFGH", True),  # two, and none at the beginning
        ("XABCDEFXY", "ABCDEFGH", False),  # one before, two replaced
        ("ABCDEFX", "ABCDEFG", False),  # too short to judge
        ("ABCDEFGXX", "ABCDEFG", False),
        ("ONE_TWO_SIX", "ONE_TWO_SIX_TEN", True),
        ("TEN_ONE_TWO_SIX", "ONE_TWO_SIX", True),
        ("SIX_ONE_TWO", "ONE_TWO_SIX", True),
        ("ONE_TWO", "ONE_TWO_SIXTEEN", False),
        ("ONE_TWO_SIXTEEN", "ONE_TWO", False),
        ("ONE_TWO_SIX_SEVEN_EIGHT", "ONE_TWO_SIX", False),
        ("ONE_TWO_SEVEN", "ONE_TWO_SIXTEEN", False),
    ],
)
def test_where_a_near_miss_ends(name: str, setting: str, *, is_near: bool) -> None:
    """Two letters, or one word among at least three."""
    assert (meant(name, frozenset({setting})) == setting) == is_near


def test_the_nearest_setting_is_meant() -> None:
    """Fewest changed letters first, then fewest words; letters before words."""
    assert meant("ABCDEFGHX", frozenset({"ABCDEFGXY", "ABCDEFGHI"})) == "ABCDEFGHI"
    assert meant("ABCDEFGH", frozenset({"ABCDEFGHAA", "ABCDEFGZ"})) == "ABCDEFGZ"
    assert meant("SIX_TWO_ONE", frozenset({"ONE_TWO_SIX", "ALL_ONE_TWO_SIX"})) == "ONE_TWO_SIX"


def test_a_hint_is_inside_the_error() -> None:
    """Who finds a variable missing sees the one that was misspelled."""
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({"DATABASE_CONECTION_STRING": LOCAL})
    assert [finding.rule for finding in caught.value.findings] == [Rule.URL_MISSING]
    assert [warning.variable for warning in caught.value.warnings] == ["DATABASE_CONECTION_STRING"]
    assert "rename DATABASE_CONECTION_STRING to DATABASE_CONNECTION_STRING" in str(caught.value)


def test_a_hint_is_a_warning_when_there_is_no_error() -> None:
    """Also in `Settings`, for every group."""
    loaded = Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL, "DATABSE_TARGET": "render_prod"})
    assert [(warning.rule, warning.variable) for warning in loaded.warnings] == [
        (Rule.NEAR_MISS, "DATABSE_TARGET")
    ]


def test_the_web_address_that_render_sets_is_not_taken_for_a_database() -> None:
    """`RENDER_EXTERNAL_URL` is explained while production is unset, and accepted once it is set."""
    environ = {"RENDER": "true", "RENDER_EXTERNAL_URL": "https://dances.onrender.com"}
    with pytest.raises(ConfigurationError, match=r"RENDER_EXTERNAL_URL.*is the address of a web service"):
        DatabaseSettings.from_environ(environ)
    url = "postgresql://user:password@dpg-x-a/prod"
    assert not DatabaseSettings.from_environ(environ | {"RENDER_INTERNAL_DB_URL": url}).warnings


def test_warnings_are_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`Settings()` says once in a process what `from_environ` only keeps."""
    path = tmp_path / ".env"
    path.write_text("DATABASE_TARGETT=local\n")
    path.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", LOCAL)
    with caplog.at_level(logging.WARNING):
        Settings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}, path)
        assert not caplog.messages
        Settings()
        Settings()
    assert [message for message in caplog.messages if "TARGETT" in message] == [
        f"DATABASE_TARGETT ({path}:1) is not a setting, but DATABASE_TARGET is",
    ]
