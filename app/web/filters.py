"""What visitors ask for: days, styles, places and words."""

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_LATITUDE: Final = r"-?(90(\.0{1,8})?|[1-8]?[0-9](\.[0-9]{1,8})?)"
_LONGITUDE: Final = r"-?(180(\.0{1,8})?|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,8})?)"
_FRIDAY: Final = 4
_SUNDAY: Final = 6

# PostgreSQL's text cannot hold U+0000.
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", min_length=1, max_length=100)]


def _iso(value: object) -> object:
    # pydantic reads "0" as 1 January 1970.
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a day is written as in 2027-01-31")
    return value


Day = Annotated[date, BeforeValidator(_iso)]


class When(StrEnum):
    """Days named from today's point of view."""

    TODAY = "today"
    WEEKEND = "weekend"

    def days(self, today: date) -> tuple[date, date]:
        """The first and the last day of it.

        The weekend begins on Friday, when people go out, and once begun it is what is left of it.
        """
        if self is When.TODAY:
            return today, today
        friday = today + timedelta(days=max(0, _FRIDAY - today.weekday()))
        return friday, today + timedelta(days=_SUNDAY - today.weekday())


class Point(NamedTuple):
    """A place on Earth, in degrees (WGS 84)."""

    latitude: float
    longitude: float


class EventFilters(BaseModel):
    """Which events; every filter narrows what the others left."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    first: Day | None = Field(
        default=None,
        alias="from",
        description="first day; without one: today, unless `to` or `when` says more",
    )
    last: Day | None = Field(default=None, alias="to", description="last day, included")
    when: When | None = Field(default=None, description="today, or the weekend from Friday on")
    style: Words | None = Field(default=None, description="dance style, as in salsa")
    city: Words | None = Field(default=None, description="city, upper and lower case are the same")
    q: Words | None = Field(
        default=None, description='words of the event, its venue or styles; "quoted together", -without'
    )
    near: Annotated[str, StringConstraints(pattern=rf"^{_LATITUDE},{_LONGITUDE}$")] | None = Field(
        default=None, description="latitude,longitude in degrees"
    )
    within: float = Field(default=10, gt=0, le=500, description="kilometres around `near`")

    def starting(self, today: date) -> Self:
        """The same with its days settled: `when` worked out, and no past unless it was asked for."""
        first, last = self.when.days(today) if self.when else (None, None)
        return self.model_copy(
            update={
                "first": max(filter(None, (first, self.first)), default=today),
                "last": min(filter(None, (last, self.last)), default=None),
                "when": None,
            }
        )

    @property
    def narrow(self) -> bool:
        """Whether anything but days is asked for."""
        return any(value is not None for value in (self.style, self.city, self.q, self.near))

    @property
    def centre(self) -> Point | None:
        """The point of `near`."""
        return Point(*map(float, self.near.split(","))) if self.near else None
