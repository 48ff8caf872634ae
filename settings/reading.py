"""What the sources say: the real environment over one `.env` file. No input or output happens here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from settings.findings import ENVIRONMENT, Finding, Source

# Those of libpq's variables (PostgreSQL 18 documentation, section 32.15) that choose server, role or session.
AMBIENT: Final = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGSERVICE", "PGOPTIONS")


# The words that pydantic reads as booleans, so that what the rules read means the same in the model.
TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
FALSE: Final = frozenset({"0", "off", "f", "false", "n", "no"})


class Line(NamedTuple):
    """One assignment of a `.env` file; its representation keeps the value to itself.

    Attributes:
        name: The variable.
        number: The line, from 1.
        text: Its value; None when the line cannot be read.
    """

    name: str
    number: int
    text: str | None

    def __repr__(self) -> str:
        """The name and the number."""
        return f"<Line {self.number}: {self.name}>"


class EnvFile(NamedTuple):
    """A `.env` file as it was read.

    Attributes:
        path: Its absolute path.
        lines: Its assignments in order, with those that cannot be read.
        findings: What is wrong with the file itself.
    """

    path: Path
    lines: Sequence[Line] = ()
    findings: Sequence[Finding] = ()


class Sources(NamedTuple):
    """Where settings come from; its representation keeps the values to itself.

    Attributes:
        environment: The real environment.
        file: The `.env` file, when one was read.
    """

    environment: Mapping[str, str]
    file: EnvFile | None = None

    def __repr__(self) -> str:
        """Where, and not what: the texts hold passwords."""
        return f"<Sources: {len(self.environment)} variables, {self.file and self.file.path}>"


class Reading:
    """Every variable's text and source: a real variable, blank or not, beats the file (DR005).

    Args:
        sources: The environment and the file.
        platform: Names that only the real environment may give (DR004).

    Attributes:
        file: The `.env` file, when one was read.
        platform: Names that only the real environment may give.
        ambient: The variables of libpq that are set and can lead a connection elsewhere.
    """

    __slots__ = ("_environment", "_lines", "ambient", "file", "platform")

    def __init__(self, sources: Sources, platform: frozenset[str] = frozenset()) -> None:
        environment, file = sources
        self._environment = environment
        self.platform = platform
        self.file = file
        # Only the real environment: libpq reads no .env file.
        self.ambient = frozenset(name for name in AMBIENT if environment.get(name, "").strip())
        self._lines = (
            {} if file is None else {line.name: line for line in file.lines if line.text is not None}
        )

    def text(self, name: str) -> str | None:
        """A variable's text; None when it is unset or blank."""
        text = self._environment.get(name)
        if text is None and name in self._lines and name not in self.platform:
            text = self._lines[name].text
        return None if text is None or not text.strip() else text

    def source(self, name: str) -> Source | None:
        """Where a variable is given, blank or not; None when it is unset everywhere."""
        if name in self._environment:
            return ENVIRONMENT
        return None if name in self.platform else self.source_in_file(name)

    def source_in_file(self, name: str) -> Source | None:
        """The line of the file that gives a variable, whether or not it counts."""
        line = self._lines.get(name)
        return None if line is None or self.file is None else Source(self.file.path, line.number)

    def without(self, name: str) -> str:
        """What to type, or to do to the file, so that a variable is not given any more."""
        source = self.source(name)
        return f"unset {name}" if source is None else source.without(name)

    def names(self) -> Sequence[tuple[str, Source]]:
        """Every name that is given, with its place; the real environment first."""
        real = [(name, ENVIRONMENT) for name in self._environment]
        if self.file is None:
            return real
        path = self.file.path
        return [*real, *((line.name, Source(path, line.number)) for line in self._lines.values())]
