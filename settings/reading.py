"""What the sources say: the real environment over one `.env` file. No input or output happens here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from settings.findings import ENVIRONMENT, Finding, Source


@dataclass(frozen=True, slots=True)
class Line:
    """One assignment of a `.env` file; the value is kept out of the representation."""

    name: str
    number: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A `.env` file as it was read.

    Attributes:
        path: Its absolute path.
        lines: Its assignments, in order.
        findings: What is wrong with the file itself.
    """

    path: Path
    lines: Sequence[Line] = ()
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """A variable's text and where it was given."""

    text: str = field(repr=False)
    source: Source


class Reading:
    """Every variable's text and source: a real variable, blank or not, beats the file (DR005).

    Args:
        environment: The real environment.
        file: The `.env` file, when one was read.
        platform: Names that only the real environment may give (DR004).
    """

    __slots__ = ("_environment", "_file", "_lines", "_platform")

    def __init__(
        self,
        environment: Mapping[str, str],
        file: EnvFile | None = None,
        platform: frozenset[str] = frozenset({"RENDER"}),
    ) -> None:
        self._environment = environment
        self._file = file
        self._platform = platform
        self._lines = {} if file is None else {line.name: line for line in file.lines}

    @property
    def file(self) -> EnvFile | None:
        """The `.env` file that was read."""
        return self._file

    def given(self, name: str) -> Given | None:
        """What decides about a variable, blank or not; None when it is unset everywhere."""
        text = self._environment.get(name)
        if text is not None:
            return Given(text, ENVIRONMENT)
        line = self._lines.get(name)
        if line is None or self._file is None or name in self._platform:
            return None
        return Given(line.text, Source(self._file.path, line.number))

    def text(self, name: str) -> str | None:
        """A variable's text; None when it is unset or blank."""
        given = self.given(name)
        return None if given is None or not given.text.strip() else given.text

    def source(self, name: str) -> Source | None:
        """Where a variable's text comes from."""
        given = self.given(name)
        return None if given is None else given.source

    def names(self) -> Sequence[str]:
        """Every name that either source gives."""
        return [*self._environment, *self._lines]
