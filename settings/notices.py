"""What is odd about the sources themselves, whatever the settings: near misses, lines that count for nothing."""

from collections.abc import Iterator

from settings.findings import Finding, Rule, Source
from settings.reading import EnvFile, Reading
from settings.spelling import meant

# Render sets these itself, beside ours: no mistake once production is named.
RENDERS_OWN = {"RENDER_EXTERNAL_URL": ("RENDER_INTERNAL_DB_URL", "RENDER_EXTERNAL_DB_URL")}


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
        setting = meant(name, known)
        if setting is None or any(map(reading.text, RENDERS_OWN.get(name, ()))):
            continue
        yield Finding(
            rule=Rule.NEAR_MISS,
            variable=name,
            problem=f"is not a setting, but {setting} is",
            remedy=f"rename {name} to {setting}, or unset {name}",
            source=source,
        )


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
                remedy=f"delete line {line.number} of {file.path}",
                source=source,
            )
        elif line.name in known and line.name in seen:
            yield Finding(
                rule=Rule.SET_TWICE,
                variable=line.name,
                problem=f"is set on line {seen[line.name]} too; this line counts",
                remedy=f"delete line {seen[line.name]} of {file.path}",
                source=source,
            )
        seen[line.name] = line.number
