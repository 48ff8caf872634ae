"""Who may write production: whoever holds a permit for exactly that database."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, Literal, NoReturn, final, overload

from typing_extensions import TypeVar

from app.errors import Refused
from settings import DatabaseTarget

_MINT: Final = object()


class Purpose(StrEnum):
    """What production may be written for (DR002)."""

    PROMOTION = "promotion"
    MIGRATION = "migration"
    STAMPING = "stamping"
    ROLES = "roles"
    WEB_SERVICE = "web service"


class Active:
    """Type-level: the database that DATABASE_TARGET chose. Never instantiated."""


class Production:
    """Type-level: production, whatever the target is. Never instantiated."""


Place = TypeVar("Place", bound=Active | Production, default=Any)
"""Which of the two a handle or a permit is for; a signature that leaves it out takes either."""


class WritePermitError(Refused):
    """Production may be written only with a permit, which promotion, migration, stamping and the web service get."""


@final
@dataclass(frozen=True)
class WritePermit(Generic[Place]):
    """Lets its holder write one environment for one purpose.

    Attributes:
        environment: the only environment it is good for.
        purpose: recorded with what was written.
    """

    environment: DatabaseTarget
    purpose: Purpose
    _mint: object = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a permit that `grant` did not make."""
        if self._mint is not _MINT:
            raise WritePermitError

    def __reduce__(self) -> NoReturn:
        """Refuse to travel to another process."""
        raise WritePermitError


@overload
def grant(purpose: Purpose, environment: Literal[DatabaseTarget.RENDER_PROD]) -> WritePermit[Production]: ...


@overload
def grant(
    purpose: Purpose, environment: Literal[DatabaseTarget.LOCAL, DatabaseTarget.RENDER_DEV]
) -> WritePermit[Active]: ...


@overload
def grant(purpose: Purpose, environment: DatabaseTarget) -> WritePermit[Any]: ...


def grant(purpose: Purpose, environment: DatabaseTarget) -> WritePermit[Any]:
    """Mint a permit; tests/test_doors.py names the modules that may call this."""
    return WritePermit(environment, purpose, _MINT)
