"""`.env` files are read exactly, found where people expect them, and never beat the real environment."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigurationError, DatabaseSettings, Finding, Rule, Settings, Source
from settings.envfile import SECRET_FILE, candidates, parse, process_sources, read
from settings.reading import Line, Sources

LOCAL = "postgresql://user:password@localhost:5432/local"


def written(directory: Path, text: str | bytes) -> Path:
    """A private `.env` file."""
    path = directory / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("  export NAME = value  ", "value"),
        ("NAME=value\r", "value"),
        ("NAME='value' \r", "value"),
        ("NAME=", ""),
        ("NAME= # nothing", ""),
        ("NAME=pa#ss", "pa#ss"),
        ("NAME=pass # a comment", "pass"),
        ("NAME=#pass", "#pass"),
        ("NAME='pa ss # ${HOME} $x \\n'", "pa ss # ${HOME} $x \\n"),
        ('NAME="pa ss # ${HOME} $x \\n"', "pa ss # ${HOME} $x \\n"),
        ('NAME="a\\"b\\\\c\\$d\\`e"', 'a"b\\c$d`e'),
        ("NAME=${HOME}$x", "${HOME}$x"),
        ("NAME=a\\nb", "a\\nb"),
        ("NAME=a'b\"c", "a'b\"c"),
        ("NAME='two\nlines'", "two\nlines"),
        ("NAME=12345", "12345"),
        ("NAME=@int 5", "@int 5"),
    ],
)
def test_a_value_is_what_was_written(line: str, value: str) -> None:
    """Quotes and comments as in a shell; nothing is interpolated, cast or unescaped beyond that."""
    assert [(one.name, one.text) for one in parse(line)] == [("NAME", value)]


@pytest.mark.parametrize(
    "line", ["NAME value", "NAME: value", "NAME='value", 'NAME="value\\"', "NAME='a'b", "NA-ME=x"]
)
def test_a_line_that_assigns_nothing_is_kept_as_such(line: str) -> None:
    """It is not dropped, so that it can be told; the lines around it count."""
    lines = parse(f"BEFORE=1\n{line}\nAFTER=2\n")
    assert [(one.name, one.number) for one in lines if one.text is not None] == [("BEFORE", 1), ("AFTER", 3)]
    assert [one.number for one in lines if one.text is None] == [2]


def test_lines_are_counted_across_values_that_span_several() -> None:
    """The number of a line is the one that an editor shows."""
    lines = parse("\ufeff"[1:] + "# comment\r\n\r\nFIRST='a\nb\nc'\nSECOND=x\n")
    assert [(one.name, one.number) for one in lines] == [("FIRST", 3), ("SECOND", 6)]


@given(st.text(st.characters(codec="utf-8", exclude_characters="'\r")))
def test_single_quotes_keep_any_text(text: str) -> None:
    """Whatever has no single quote in it goes through unchanged."""
    assert [line.text for line in parse(f"NAME='{text}'")] == [text]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    """No text makes the reader fail, and every name is a name."""
    assert all(line.text is None or line.name.isidentifier() for line in parse(text))


def test_a_file_with_a_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    """What Windows editors leave behind changes nothing."""
    path = written(tmp_path, f"\ufeffDATABASE_TARGET=local\r\nDATABASE_CONNECTION_STRING={LOCAL} \r\n")
    database = DatabaseSettings.from_environ({}, path)
    assert database.target_is_explicit
    assert not database.warnings


@pytest.mark.parametrize("text", [b"\xff\xfeD\x00", b"NAME=\xe9"])
def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path, text: bytes) -> None:
    """Guessing an encoding could change a password; that others can read the file is told all the same."""
    (tmp_path / "a directory").mkdir()
    path = written(tmp_path / "a directory", text)
    path.chmod(0o644)
    finding = Finding(
        rule=Rule.FILE_UNREADABLE,
        variable=".env",
        problem="is not UTF-8 text",
        remedy=f"file '{path}'",
        source=Source(path),
    )
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}, path)
    assert caught.value.findings == (finding,)
    assert [(warning.rule, warning.remedy) for warning in caught.value.warnings] == [
        (Rule.FILE_EXPOSED, f"chmod 600 '{path}'")
    ]
    assert read(str(path)).path == path


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    """Silently doing without it would choose another database."""
    path = tmp_path / "a missing.env"
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}, path)
    assert caught.value.findings == (
        Finding(
            rule=Rule.FILE_UNREADABLE,
            variable="a missing.env",
            problem="cannot be read: no such file or directory",
            remedy=f"ls -ld '{path}'",
            source=Source(path),
        ),
    )
    assert f"a missing.env ({path}) cannot be read" in str(caught.value)
    assert read(str(path)).path == path


def test_a_directory_in_place_of_the_file_is_an_error_when_named(tmp_path: Path) -> None:
    """A file that cannot be read is told, with its reason."""
    with pytest.raises(ConfigurationError, match="is a directory"):
        DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}, tmp_path)


def test_the_real_environment_beats_the_file(tmp_path: Path) -> None:
    """A variable that is really set hides the file's line."""
    path = written(tmp_path, "DATABASE_TARGET=render_prod\n")
    environ = {"DATABASE_TARGET": "local", "DATABASE_CONNECTION_STRING": LOCAL}
    assert DatabaseSettings.from_environ(environ, path).target.value == "local"


def test_a_blank_variable_beats_the_file_too(tmp_path: Path) -> None:
    """`DATABASE_TARGET= dance ...` does not fall through to production in the file (DR005)."""
    path = written(tmp_path, "DATABASE_TARGET=render_prod\n")
    environ = {"DATABASE_TARGET": " ", "DATABASE_CONNECTION_STRING": LOCAL}
    database = DatabaseSettings.from_environ(environ, path)
    assert (database.target.value, database.target_is_explicit) == ("local", False)


def test_a_file_cannot_make_this_render(tmp_path: Path) -> None:
    """`RENDER` counts in the real environment only, and the file's line is warned about (DR004)."""
    path = written(tmp_path, f"RENDER=true\nDATABASE_CONNECTION_STRING={LOCAL}\n")
    database = DatabaseSettings.from_environ({}, path)
    assert not database.on_render
    assert [(warning.rule, str(warning.source)) for warning in database.warnings] == [
        (Rule.PLATFORM_IN_FILE, f"{path}:1"),
    ]


def test_a_variable_has_the_place_that_counts(tmp_path: Path) -> None:
    """The real environment before the file; the file not for what only the platform may set; nothing for nothing."""
    path = written(tmp_path, "RENDER=true\nPORT=1\nWEB_HOST=h\n")
    reading = Settings.reading(Sources({"PORT": ""}, read(str(path))))
    names = ("RENDER", "PORT", "WEB_HOST", "WEB_THREADS")
    assert [reading.source(name) for name in names] == [None, Source(), Source(path, 3), None]
    assert [reading.source_in_file(name) for name in names] == [
        Source(path, 1), Source(path, 2), Source(path, 3), None,
    ]  # fmt: skip
    assert [reading.without(name) for name in names] == [
        "unset RENDER", "unset PORT", f"delete line 3 of {path}", "unset WEB_THREADS",
    ]  # fmt: skip


def test_a_bad_boolean_in_a_file_is_no_error(tmp_path: Path) -> None:
    """What does not count cannot be wrong."""
    path = written(tmp_path, f"RENDER=maybe\nDATABASE_CONNECTION_STRING={LOCAL}\n")
    assert not DatabaseSettings.from_environ({}, path).on_render


def test_the_last_of_two_lines_counts_and_is_told(tmp_path: Path) -> None:
    """As in a shell; but which line counts should not be a riddle."""
    path = written(
        tmp_path, f"DATABASE_TARGET=render_prod\nDATABASE_CONNECTION_STRING={LOCAL}\nDATABASE_TARGET=local\n"
    )
    database = DatabaseSettings.from_environ({}, path)
    assert database.target.value == "local"
    assert [(warning.rule, str(warning.source)) for warning in database.warnings] == [
        (Rule.SET_TWICE, f"{path}:3")
    ]


def test_a_setting_on_a_line_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """`DATABASE_TARGET: render_dev` must not silently mean local; other programs' lines are only warned about."""
    path = written(tmp_path, f"DATABASE_TARGET: render_dev\nOTHER: 1\nDATABASE_CONNECTION_STRING={LOCAL}\n")
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_environ({}, path)
    assert [(f.rule, f.variable, str(f.source)) for f in caught.value.findings] == [
        (Rule.LINE_UNREADABLE, "DATABASE_TARGET", f"{path}:1"),
    ]
    assert [(f.rule, str(f.source)) for f in caught.value.warnings] == [(Rule.LINE_IGNORED, f"{path}:2")]


def test_a_problem_is_told_with_its_line(tmp_path: Path) -> None:
    """Absolute path and line, so that a terminal can open it."""
    path = written(tmp_path, f"\nDATABASE_TARGET=staging\nDATABASE_CONNECTION_STRING={LOCAL}\n")
    with pytest.raises(ConfigurationError, match=f"{path}:2"):
        DatabaseSettings.from_environ({}, path)


def test_the_environment_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file says stays in the settings; child processes and libraries see nothing of it."""
    written(tmp_path, f"DATABASE_CONNECTION_STRING={LOCAL}\nPGHOST=elsewhere\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_CONNECTION_STRING", raising=False)
    before = dict(os.environ)
    assert Settings().database.local_url is not None
    assert dict(os.environ) == before


def test_a_hermetic_reading_looks_at_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_environ` sees neither the real environment nor the file in the working directory."""
    written(tmp_path, "DATABASE_TARGET=render_prod\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_TARGET", "render_dev")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    assert DatabaseSettings.from_environ({"DATABASE_CONNECTION_STRING": LOCAL}).target.value == "local"


def test_the_file_is_searched_up_to_the_root_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the working directory to the directory with `pyproject.toml` or `.git`, then Render's secret file."""
    project, inner = tmp_path / "project", tmp_path / "project" / "a" / "b"
    inner.mkdir(parents=True)
    (project / "pyproject.toml").touch()
    written(tmp_path, "DATABASE_TARGET=render_prod\n")  # above the project: not its
    assert list(candidates(str(inner))) == [
        f"{inner}/.env", f"{project}/a/.env", f"{project}/.env", SECRET_FILE,
    ]  # fmt: skip
    monkeypatch.chdir(inner)
    assert process_sources().file is None
    written(project, "DATABASE_TARGET=render_dev\n")
    found = process_sources().file
    assert found is not None
    assert found.path == project / ".env"


def test_outside_of_a_project_only_the_working_directory_counts(tmp_path: Path) -> None:
    """A file far above, which nobody thinks of, chooses no database."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert list(candidates(str(inner))) == [f"{inner}/.env", SECRET_FILE]
    assert [next(iter(candidates(place))) for place in ("/", "/BOX")] == ["/.env", "/BOX/.env"]


def test_render_s_secret_file_is_read_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts where no other file does, and nobody minds that the platform lets others read it."""
    secret = tmp_path / "secrets" / ".env"
    secret.parent.mkdir()
    secret.write_text("DATABASE_TARGET=render_dev\n")
    monkeypatch.setattr("settings.envfile.SECRET_FILE", str(secret))
    monkeypatch.chdir(tmp_path)
    found = process_sources().file
    assert found is not None
    assert (found.path, found.findings) == (secret, ())


def test_a_removed_working_directory_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose directory was replaced under it still starts from its environment."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("DATABASE_CONNECTION_STRING", LOCAL)
    assert Settings().database.target.value == "local"


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    """With the command that ends it."""
    path = written(tmp_path, f"DATABASE_CONNECTION_STRING={LOCAL}\n")
    path.chmod(0o644)
    [warning] = DatabaseSettings.from_environ({}, path).warnings
    assert warning == Finding(
        rule=Rule.FILE_EXPOSED,
        variable=".env",
        problem="can be read by every user of this machine",
        remedy=f"chmod 600 {path}",
        source=Source(path),
    )


def test_sources_say_where_they_are_and_not_what_they_hold(tmp_path: Path) -> None:
    """Their representation counts the variables and names the file."""
    environ = {"DATABASE_CONNECTION_STRING": LOCAL}
    path = written(tmp_path, "PORT=8001")
    assert repr(Sources(environ)) == "<Sources: 1 variables, None>"
    assert repr(Sources(environ, read(str(path)))) == f"<Sources: 1 variables, {path}>"


def test_a_line_that_is_no_assignment_is_named_by_its_first_word() -> None:
    """`export` is not that word; a line that begins with no name has none."""
    assert parse("export DATABASE_TARGET local\n?? what\n") == [
        Line("DATABASE_TARGET", 1, None),
        Line("", 2, None),
    ]
