"""Who may write production: whoever holds a permit for exactly that database."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from app.errors import Refused
from settings import DatabaseTarget

_MINT: Final = object()


class Purpose(StrEnum):
    """What production may be written for (DR002)."""

    PROMOTION = "promotion"
    MIGRATION = "migration"
    STAMPING = "stamping"
    WEB_SERVICE = "web service"


class WritePermitError(Refused):
    """Production may be written only with a permit, which promotion, migration, stamping and the web service get."""


@final
@dataclass(frozen=True)
class WritePermit:
    """Lets its holder write one environment for one purpose.

    Attributes:
        environment: the only environment it is good for.
        purpose: recorded with what was written.
    """

    environment: DatabaseTarget
    purpose: Purpose
    _mint: object

    def __post_init__(self) -> None:
        """Refuse a permit that `grant` did not make."""
        if self._mint is not _MINT:
            raise WritePermitError


def grant(purpose: Purpose, environment: DatabaseTarget) -> WritePermit:
    """Mint a permit; tests/test_doors.py names the modules that may call this."""
    return WritePermit(environment, purpose, _MINT)
