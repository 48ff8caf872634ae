"""`.env` files, read exactly: no interpolation, no casting, and every oddity with its line."""

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from shlex import quote
from typing import Final, Literal, overload

from settings.exposure import exposures
from settings.findings import Finding, Rule, Source
from settings.gitindex import is_tracked
from settings.reading import EnvFile, Line, Sources

SECRET_FILE: Final = "/etc/secrets/.env"  # noqa: S105  (where Render puts a secret file named .env)
ROOT_MARKS: Final = (".git", "pyproject.toml")
_LINE: Final = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>(?:(?<==)\#|[^\r\n'"\# \t])[^\r\n]*?)??)
    (?:[ \t]+\#[^\r\n]*)?[ \t]*\r?(?:\n|\Z)""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ESCAPE: Final = re.compile(r'\\([\\"$`])')


def candidates(directory: str) -> Iterator[str]:
    """The places of a `.env` file: from a directory up to the project's root, then Render's secret file.

    Args:
        directory: Where to begin, absolute; outside of a project only this directory counts.
    """
    yield f"{directory.rstrip('/')}/.env"  # before the root is looked for, which takes longer than all the rest
    start = Path(directory)
    places = (start, *start.parents)
    root = next((place for place in places if any((place / mark).exists() for mark in ROOT_MARKS)), start)
    for place in places[1 : places.index(root) + 1]:
        yield str(place / ".env")
    yield SECRET_FILE


def process_candidates() -> Iterable[str]:
    """The places of this process's `.env` file; only Render's secret file once the working directory is gone."""
    try:
        return candidates(os.getcwd())  # noqa: PTH109  (text, because paths take longer than all the rest)
    except FileNotFoundError:
        return (SECRET_FILE,)


def process_sources() -> Sources:
    """What this process's environment and the first `.env` file that exists say."""
    file = None
    for path in process_candidates():
        file = read(path, missing_ok=True)
        if file is not None:
            break
    return Sources(dict(os.environ), file)


@overload
def read(path: str, *, missing_ok: Literal[False] = False) -> EnvFile: ...
@overload
def read(path: str, *, missing_ok: bool) -> EnvFile | None: ...
def read(path: str, *, missing_ok: bool = False) -> EnvFile | None:
    """Read one file; what is wrong with it becomes findings.

    Args:
        path: The file, absolute.
        missing_ok: Whether to answer None, instead of a finding, when there is no such file.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (as above)
            data, mode = file.read(), os.fstat(file.fileno()).st_mode
    except OSError as error:
        if missing_ok and isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return None
        problem = f"cannot be read: {error.strerror}".lower()
        return EnvFile(Path(path), findings=[_unreadable(path, problem, f"ls -ld {quote(path)}")])
    return _same(path, data, mode, is_tracked=is_tracked(path))


def _understood(path: str, data: bytes, mode: int, *, is_tracked: bool) -> EnvFile:
    """What a file says, and who else may see it."""
    exposed = () if path == SECRET_FILE else tuple(exposures(Path(path), mode, is_tracked=is_tracked))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        problem = _unreadable(path, "is not UTF-8 text", f"file {quote(path)}")
        return EnvFile(Path(path), findings=[problem, *exposed])
    return EnvFile(Path(path), parse(text), exposed)


_same: Final = lru_cache(maxsize=1)(_understood)  # the same object again when nothing changed


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


def _unreadable(path: str, problem: str, remedy: str) -> Finding:
    return Finding(
        rule=Rule.FILE_UNREADABLE,
        variable=Path(path).name,
        problem=problem,
        remedy=remedy,
        source=Source(Path(path)),
    )
