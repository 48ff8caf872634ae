"""`.env` files, read exactly: no interpolation, no casting, and every oddity with its line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from settings.findings import Finding, Rule, Source
from settings.reading import EnvFile, Line

SECRET_FILE: Final = Path("/etc/secrets/.env")  # where Render puts a secret file named .env
ROOT_MARKS: Final = (".git", "pyproject.toml")
_LINE: Final = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^\r\n'"][^\r\n]*?)??)
    (?:[ \t]+\#[^\r\n]*)?[ \t]*\r?(?:\n|\Z)""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
_SKIPPED: Final = re.compile(r"[ \t]*(?:\#[^\r\n]*)?\r?(?:\n|\Z)")
_REST: Final = re.compile(r"[^\n]*(?:\n|\Z)")
_NAME: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)", re.ASCII)
_ESCAPE: Final = re.compile(r'\\([\\"$`])')


def candidates(directory: Path) -> Iterator[Path]:
    """The places of a `.env` file: from a directory up to the project's root, then Render's secret file.

    Args:
        directory: Where to begin; outside of a project only this directory counts.
    """
    start = directory.absolute()
    root = next(
        (d for d in (start, *start.parents) if any((d / mark).exists() for mark in ROOT_MARKS)), start
    )
    for place in (start, *start.parents):
        yield place / ".env"
        if place == root:
            break
    yield SECRET_FILE


def find(directory: Path) -> EnvFile | None:
    """The first `.env` file that exists, read."""
    return next((read(path) for path in candidates(directory) if path.is_file()), None)


def read(path: Path) -> EnvFile:
    """Read one file; what is wrong with it becomes findings."""
    path = path.absolute()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return EnvFile(path, findings=[_unreadable(path, f"cannot be read: {error.strerror}")])
    except UnicodeDecodeError:
        return EnvFile(path, findings=[_unreadable(path, "is not UTF-8 text")])
    return parse(path, text)


def parse(path: Path, text: str) -> EnvFile:
    """Read the text of a file.

    Single quotes keep everything; double quotes know the shell's escapes (backslash before a
    backslash, a double quote, `$` or a backtick); both may span lines. Without quotes the value ends with the
    line, trailing blanks and a comment after a blank left off.
    """
    lines: list[Line] = []
    findings: list[Finding] = []
    position, number = 0, 1
    while position < len(text):
        match = _SKIPPED.match(text, position)
        if match is None:
            match = _LINE.match(text, position)
            if match is None:
                findings.append(_odd(path, number, text, position))
                match = _REST.match(text, position)
                assert match is not None  # noqa: S101  (it matches anything)
            else:
                lines.append(Line(match["name"], number, _value(match)))
        number += text.count("\n", position, match.end())
        if match.end() == position:
            break
        position = match.end()
    return EnvFile(path, lines, findings)


def _value(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return _ESCAPE.sub(r"\1", match["double"])
    return match["bare"] or ""


def _unreadable(path: Path, problem: str) -> Finding:
    return Finding(
        rule=Rule.FILE_UNREADABLE,
        variable=path.name,
        problem=problem,
        remedy=f"chmod u+r {path}" if "read" in problem else f"iconv -t utf-8 {path}",
        source=Source(path),
    )


def _odd(path: Path, number: int, text: str, position: int) -> Finding:
    """A line that assigns nothing: named only when it begins with a plausible variable."""
    name = _NAME.match(text, position)
    return Finding(
        rule=Rule.LINE_IGNORED,
        variable=name[1] if name and name[1].isupper() and "_" in name[1] else path.name,
        problem="is not a line of the form NAME=value (or a quote is not closed)",
        remedy="NAME='value'",
        source=Source(path, number),
    )
