"""How a source fails: one typed error with its name and the reason; the run goes on with the others."""

from app.errors import AppError


class SourceListError(AppError):
    """The list of sources is wrong. Mend the entry that is named above."""

    exit_status = 78


class SourceError(AppError):
    """A source could not be read; what it gave before stands. Look at the reason, then run again."""

    def __init__(self, source: str, reason: str) -> None:
        """Name the source and say why, without secrets."""
        super().__init__(f"Source {source}: {reason}")
        self.source = source
        self.reason = reason


class PlaceGoneError(SourceError):
    """The address answers that there is nothing (any more). Take it out of the list of sources."""


class SourceSkippedError(AppError):
    """A source is not set up, which is no failure. Set the variable that is named above, or disable it."""

    def __init__(self, source: str, variables: tuple[str, ...]) -> None:
        """Name the variables of which one would set the source up."""
        super().__init__(f"Source {source} is skipped: set {' or '.join(variables)} to read it.")
        self.source = source
        self.variables = variables
