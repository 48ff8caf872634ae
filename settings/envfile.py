"""`.env` files, read exactly: no interpolation, no casting, and every oddity with its line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, overload

from settings.exposure import exposures
from settings.findings import Finding, Rule, Source
from settings.reading import EnvFile, Line

SECRET_FILE: Final = Path("/etc/secrets/.env")  # where Render puts a secret file named .env
ROOT_MARKS: Final = (".git", "pyproject.toml")
_LINE: Final = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>(?:(?<==)\#|[^\r\n'"\# \t])[^\r\n]*?)??)
    (?:[ \t]+\#[^\r\n]*)?[ \t]*\r?(?:\n|\Z)""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ESCAPE: Final = re.compile(r'\\([\\"$`])')


def candidates(directory: Path) -> Iterator[Path]:
    """The places of a `.env` file: from a directory up to the project's root, then Render's secret file.

    Args:
        directory: Where to begin; outside of a project only this directory counts.
    """
    start = directory.absolute()
    yield start / ".env"  # before the root is looked for, which takes longer than all the rest
    places = (start, *start.parents)
    root = next((place for place in places if any((place / mark).exists() for mark in ROOT_MARKS)), start)
    for place in places[1 : places.index(root) + 1]:
        yield place / ".env"
    yield SECRET_FILE


def find(directory: Path | None) -> EnvFile | None:
    """The first `.env` file that exists, read; without a directory only Render's secret file counts."""
    for path in candidates(directory) if directory else (SECRET_FILE,):
        file = read(path, missing_ok=True)
        if file is not None:
            return file
    return None


@overload
def read(path: Path, *, missing_ok: Literal[False] = False) -> EnvFile: ...
@overload
def read(path: Path, *, missing_ok: bool) -> EnvFile | None: ...
def read(path: Path, *, missing_ok: bool = False) -> EnvFile | None:
    """Read one file; what is wrong with it becomes findings.

    Args:
        path: The file.
        missing_ok: Whether to answer None, instead of a finding, when there is no such file.
    """
    path = path.absolute()
    try:
        data = path.read_bytes()
    except OSError as error:
        if missing_ok and isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return None
        problem = f"cannot be read: {(error.strerror or 'unknown error').lower()}"
        return EnvFile(path, findings=[_unreadable(path, problem, f"ls -ld {path}")])
    exposed = () if path == SECRET_FILE else tuple(exposures(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return EnvFile(path, findings=[_unreadable(path, "is not UTF-8 text", f"file {path}"), *exposed])
    return EnvFile(path, parse(text), exposed)


def parse(text: str) -> list[Line]:
    """The assignments of a file's text, and the lines that are none.

    Single quotes keep everything; double quotes know the shell's escapes (backslash before a backslash, a
    double quote, `$` or a backtick); both may span lines. Without quotes the value ends with the line, trailing
    blanks and a comment after a blank left off.
    """
    lines: list[Line] = []
    position, number = 0, 1
    while position < len(text):
        match = _LINE.match(text, position)
        if match is not None:
            lines.append(Line(match["name"], number, _value(match)))
            end = match.end()
        else:
            end = text.find("\n", position) + 1 or len(text)
            words = text[position:end].removeprefix("export ").split()
            if words and not words[0].startswith("#"):
                name = _NAME.match(words[0])
                lines.append(Line(name[0] if name else "", number, None))
        number += text.count("\n", position, end)
        position = end
    return lines


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _ESCAPE.sub(r"\1", match["double"])
    return match["bare"] or ""


def _unreadable(path: Path, problem: str, remedy: str) -> Finding:
    return Finding(
        rule=Rule.FILE_UNREADABLE,
        variable=path.name,
        problem=problem,
        remedy=remedy,
        source=Source(path),
    )
