"""What a field's annotation may say about its variable, beside its type."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, NamedTuple, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo


class DatabaseUrls(NamedTuple):
    """The text is the URL of a database and must pass the rules for URLs.

    The field (`Annotated[SecretUrl | None, DatabaseUrls()]`) gets the normalised URL, ready for SQLAlchemy.

    Attributes:
        many: The variable holds several, separated by blanks or by commas before the next scheme; the field is
            a tuple.
    """

    many: bool = False


class FromPlatform:
    """Only the real environment may give it, never a `.env` file (DR004)."""


class Kept(Enum):
    """Where a value is kept when not in the repository."""

    DASHBOARD = "dashboard"


SECRET: Final = Kept.DASHBOARD  # `sync: false` in render.yaml: typed once into Render's dashboard


class FromDatabase(NamedTuple):
    """The internal URL of a database that render.yaml declares.

    Attributes:
        name: The database's name there.
    """

    name: str


class OnRender(NamedTuple):
    """What render.yaml sets it to; None leaves it out.

    Attributes:
        web: For the web service.
        cron: For the cron job.
    """

    web: str | FromDatabase | Kept | None = None
    cron: str | FromDatabase | Kept | None = None


class Slot(NamedTuple):
    """What a field's annotation says about its variable.

    Attributes:
        field: The field's name.
        variable: The variable's.
        urls: The mark of database URLs.
        on_render: What render.yaml sets it to.
        from_platform: Whether only the real environment may give it.
        is_list: Whether the field is a tuple.
        is_secret: Whether its value is masked wherever it is shown.
    """

    field: str
    variable: str
    urls: DatabaseUrls | None
    on_render: OnRender
    from_platform: bool
    is_list: bool
    is_secret: bool


def slot_of(name: str, field: FieldInfo) -> Slot:
    """Gather a field's marks."""
    marks: dict[type, Any] = {type(mark): mark for mark in (*field.metadata, *_marks(field.annotation))}
    return Slot(
        field=name,
        variable=field.alias or name,
        urls=marks.get(DatabaseUrls),
        on_render=marks.get(OnRender, OnRender()),
        from_platform=FromPlatform in marks,
        is_list=get_origin(field.annotation) is tuple,
        is_secret=any(
            isinstance(kind, type) and issubclass(kind, SecretStr)
            for kind in (field.annotation, *get_args(field.annotation))
        ),
    )


def _marks(annotation: Any) -> Iterator[Any]:
    """What is annotated within the alternatives of a union."""
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from _marks(part)
