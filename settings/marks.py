"""What a field's annotation may say about its variable, beside its type."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """The text is the URL of a database and must pass the rules for URLs.

    The field (`Annotated[SecretUrl | None, DatabaseUrls()]`) gets the normalised URL, ready for SQLAlchemy.

    Attributes:
        many: The variable holds several, separated by blanks or by commas before the next scheme; the field is
            a tuple.
    """

    many: bool = False


@dataclass(frozen=True, slots=True)
class FromPlatform:
    """Only the real environment may give it, never a `.env` file (DR004)."""


class Kept(Enum):
    """Where a value is kept when not in the repository."""

    DASHBOARD = "dashboard"


SECRET: Final = Kept.DASHBOARD  # `sync: false` in render.yaml: typed once into Render's dashboard


@dataclass(frozen=True, slots=True)
class FromDatabase:
    """The internal URL of a database that render.yaml declares.

    Attributes:
        name: The database's name there.
    """

    name: str


@dataclass(frozen=True, slots=True)
class OnRender:
    """What render.yaml sets it to; None leaves it out.

    Attributes:
        web: For the web service.
        cron: For the cron job.
    """

    web: str | FromDatabase | Kept | None = None
    cron: str | FromDatabase | Kept | None = None
