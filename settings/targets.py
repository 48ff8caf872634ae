"""The three databases, who may write them, and which variables name them (design, sections 2 and 3)."""

from enum import StrEnum
from typing import Final


class DatabaseTarget(StrEnum):
    """Which of the three databases this process talks to."""

    LOCAL = "local"
    RENDER_DEV = "render_dev"
    RENDER_PROD = "render_prod"


class Access(StrEnum):
    """What this process may do to its database."""

    READ_WRITE = "read-write"
    READ_ONLY = "read-only"


TARGET: Final = "DATABASE_TARGET"
PLATFORM: Final = "RENDER"
READER: Final = "RENDER_READER_DB_URL"

# Each target's variables: on Render, then elsewhere; the first that is set is used.
CHOICES: Final[dict[DatabaseTarget, dict[bool, tuple[str, ...]]]] = {
    DatabaseTarget.LOCAL: {
        True: ("DATABASE_CONNECTION_STRING",),
        False: ("DATABASE_CONNECTION_STRING",),
    },
    DatabaseTarget.RENDER_DEV: {
        True: ("RENDER_DEV_INTERNAL_DB_URL", "RENDER_DEV_EXTERNAL_DB_URL"),
        False: ("RENDER_DEV_EXTERNAL_DB_URL",),
    },
    DatabaseTarget.RENDER_PROD: {
        True: ("RENDER_INTERNAL_DB_URL", "RENDER_EXTERNAL_DB_URL"),
        False: ("RENDER_EXTERNAL_DB_URL",),
    },
}

# Every variable with the URL of a target, production's reading role's among them.
URLS: Final[dict[str, DatabaseTarget]] = {
    **{variable: target for target in CHOICES for variable in CHOICES[target][True]},
    READER: DatabaseTarget.RENDER_PROD,
}

NAMES: Final[dict[DatabaseTarget, str]] = {
    DatabaseTarget.LOCAL: "Local PostgreSQL",
    DatabaseTarget.RENDER_DEV: "Render development",
    DatabaseTarget.RENDER_PROD: "Render production",
}


def inferred_target(*, on_render: bool) -> DatabaseTarget:
    """The target when nobody names one: production on Render, else local (DR001)."""
    return DatabaseTarget.RENDER_PROD if on_render else DatabaseTarget.LOCAL


def access(target: DatabaseTarget, *, explicit: bool, on_render: bool) -> Access:
    """Production is read-write only on Render and by name; everything else always is (DR001, DR002)."""
    if target is not DatabaseTarget.RENDER_PROD or (explicit and on_render):
        return Access.READ_WRITE
    return Access.READ_ONLY
