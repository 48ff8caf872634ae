"""Which environment a page shows, in a colour nobody mistakes."""

from dataclasses import dataclass
from typing import Final, Self

from settings import Access, DatabaseSettings, DatabaseTarget

_WORDS: Final = {
    DatabaseTarget.LOCAL: "LOCAL",
    DatabaseTarget.RENDER_DEV: "DEV",
    DatabaseTarget.RENDER_PROD: "PRODUCTION",
}


@dataclass(frozen=True)
class Badge:
    """An environment and what this process may do to it.

    Attributes:
        word: LOCAL, DEV or PRODUCTION.
        name: the environment for people.
        access: `read-only` or `read-write`.
    """

    word: str
    name: str
    access: str

    @classmethod
    def of(cls, settings: DatabaseSettings) -> Self:
        """The badge of the active target."""
        access = "read-write" if settings.access is Access.READ_WRITE else "read-only"
        return cls(_WORDS[settings.target], settings.environment_name, access)

    @property
    def is_production(self) -> bool:
        """Whether visitors see this and need no badge."""
        return self.word == "PRODUCTION"
