"""What is odd about the sources themselves, whatever the settings: near misses, lines that count for nothing."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from settings.findings import Finding, Rule, Source
from settings.reading import EnvFile, Reading
from settings.spelling import meant
from settings.urls import SHAPE

# Render sets the one on the left to a web address; who has none on the right may have taken it for a database's.
CONFUSED: Final = {"RENDER_EXTERNAL_URL": ("RENDER_EXTERNAL_DB_URL", "RENDER_INTERNAL_DB_URL")}

_meant: Final = lru_cache(maxsize=4096)(meant)  # the environment's other names are the same each time


def notices(reading: Reading, known: frozenset[str]) -> Iterator[Finding]:
    """Every oddity of the sources.

    Args:
        reading: What the sources say.
        known: The names of all settings.
    """
    if reading.file is not None:
        yield from reading.file.findings
        yield from _lines(reading.file, known, reading.platform)
    for name, source in reading.names():
        if name in CONFUSED:
            meanings = CONFUSED[name]
            if not any(map(reading.text, meanings)):
                problem = f"is the address of a web service; the database is {meanings[0]}"
                yield _near_miss(name, problem, f"{meanings[0]}={SHAPE}", source)
        elif setting := _meant(name, known):
            problem = f"is not a setting, but {setting} is"
            yield _near_miss(name, problem, f"rename {name} to {setting}, or {source.without(name)}", source)


def _lines(file: EnvFile, known: frozenset[str], platform: frozenset[str]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for line in file.lines:
        source = Source(file.path, line.number)
        if line.text is None:
            yield Finding(
                rule=Rule.LINE_UNREADABLE if line.name in known else Rule.LINE_IGNORED,
                variable=line.name if line.name in known else file.path.name,
                problem="is not given as NAME=value, or its quote is not closed",
                remedy=f"{line.name if line.name in known else 'NAME'}='value'",
                source=source,
            )
        elif line.name in platform:
            yield Finding(
                rule=Rule.PLATFORM_IN_FILE,
                variable=line.name,
                problem="is the platform's to set and is not read from a file",
                remedy=source.without(line.name),
                source=source,
            )
        elif line.name in known and line.name in seen:
            yield Finding(
                rule=Rule.SET_TWICE,
                variable=line.name,
                problem=f"is set on line {seen[line.name]} too; this line counts",
                remedy=Source(file.path, seen[line.name]).without(line.name),
                source=source,
            )
        seen[line.name] = line.number


def _near_miss(name: str, problem: str, remedy: str, source: Source) -> Finding:
    return Finding(rule=Rule.NEAR_MISS, variable=name, problem=problem, remedy=remedy, source=source)
