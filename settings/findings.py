"""What is wrong with a configuration, as typed objects that never hold a value."""

from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple


class Rule(StrEnum):
    """The rule that a finding is about; the values are stable and may be matched by programs."""

    TARGET_UNKNOWN = "target-unknown"
    PLATFORM_UNREADABLE = "platform-unreadable"
    URL_MISSING = "url-missing"
    URL_QUOTED = "url-quoted"
    URL_SCHEME = "url-scheme"
    URL_AMBIGUOUS = "url-ambiguous"
    URL_HOST = "url-host"
    URL_PORT = "url-port"
    URL_DATABASE = "url-database"
    URL_REDIRECTED = "url-redirected"
    URL_QUERY = "url-query"
    URL_PLAINTEXT = "url-plaintext"
    REHEARSAL = "rehearsal"
    AMBIENT = "ambient"
    SAME_DATABASE = "same-database"
    DISAGREE = "internal-external-disagree"
    VALUE = "value"
    FILE_UNREADABLE = "file-unreadable"
    LINE_UNREADABLE = "line-unreadable"
    # Warnings: what may be meant.
    LOOPBACK = "loopback"
    NEAR_MISS = "near-miss"
    PLATFORM_IN_FILE = "platform-in-file"
    SET_TWICE = "set-twice"
    LINE_IGNORED = "line-ignored"
    FILE_EXPOSED = "file-exposed"
    FILE_TRACKED = "file-tracked"


WARNINGS: Final = frozenset(
    {
        Rule.LOOPBACK,
        Rule.NEAR_MISS,
        Rule.PLATFORM_IN_FILE,
        Rule.SET_TWICE,
        Rule.LINE_IGNORED,
        Rule.FILE_EXPOSED,
        Rule.FILE_TRACKED,
    },
)


class Source(NamedTuple):
    """Where a value was given: the real environment, or a line of a file."""

    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        """`environment`, or `/absolute/.env:3`."""
        if self.path is None:
            return "environment"
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"

    def without(self, name: str) -> str:
        """What to type, or to do to the file, so that a variable is not given here any more."""
        return f"unset {name}" if self.path is None else f"delete line {self.line} of {self.path}"


ENVIRONMENT: Final = Source()


class Finding(NamedTuple):
    """One thing to mend.

    Attributes:
        rule: The rule that is broken.
        variable: The variable (or, for a file's own problems, the file) that it is about.
        problem: What is wrong, without the value.
        remedy: The line to type, or to put in the place of the one that is wrong.
        source: Where the value was given; None when it was given nowhere.
    """

    rule: Rule
    variable: str
    problem: str
    remedy: str
    source: Source | None = None

    @property
    def is_warning(self) -> bool:
        """Whether the configuration may be used all the same."""
        return self.rule in WARNINGS

    @property
    def line(self) -> str:
        """What and where, in one line, for logs."""
        place = "" if self.source is None else f" ({self.source})"
        return f"{self.variable}{place} {self.problem}"

    def __str__(self) -> str:
        """What and where, then the remedy, for people."""
        return f"{self.line}\n    {self.remedy}"


class ConfigurationError(ValueError):
    """The configuration cannot be used; every problem is listed, each with its remedy.

    Attributes:
        findings: What must be mended.
        warnings: What may be meant, but may also be the cause: near misses, loopback addresses.
    """

    exit_status = 78  # EX_CONFIG of sysexits.h

    def __init__(self, findings: tuple[Finding, ...], warnings: tuple[Finding, ...] = ()) -> None:
        """Take the findings; a pickled copy is made from the same two tuples."""
        super().__init__(findings, warnings)
        self.findings = findings
        self.warnings = warnings

    def __str__(self) -> str:
        """The whole list, for people."""
        count = len(self.findings)
        head = (
            "The configuration has a problem." if count == 1 else f"The configuration has {count} problems."
        )
        parts = [head, *map(str, self.findings)]
        if self.warnings:
            parts += ["Also noticed:", *map(str, self.warnings)]
        return "\n\n".join(parts)
