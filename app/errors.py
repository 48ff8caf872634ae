"""What can go wrong, for people: each docstring is the message and ends with the remedy."""

from typing import ClassVar


class AppError(Exception):
    """The command failed; the lines above say where. Mend that and run it again."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        """Take the docstring as the message unless a more precise one is given."""
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))


class Refused(AppError):  # noqa: N818 - the word of the domain: a guard refuses
    """A guard refused this; nothing was changed. Read the reason above before you override it."""

    exit_status = 77


class TemporaryFailure(AppError):  # noqa: N818 - sysexits calls it so (EX_TEMPFAIL)
    """Something that this needs is away for now; nothing was left half-written. Try again."""

    exit_status = 75
