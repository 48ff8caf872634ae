"""One entry in the list of sources, as far as all kinds agree."""

import hashlib
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.pipeline.sources.fetching import Request
from app.pipeline.sources.formats.origin import Origin

READER = 2
"""Raised when a format's reader reads more than before, so that unchanged places are read once more."""


def _address(text: str) -> str:
    scheme = urlsplit(text).scheme.lower()
    if scheme in ("webcal", "webcals"):
        return "https" + text[len(scheme) :]
    if "://" in text and (scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError("is not an http or https address, nor a path")
    return text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not a time zone; write its IANA name, such as America/Vancouver")
    return ZoneInfo(name).key


Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_address)]
"""An http(s) URL (webcal is one), or a file path relative to the list's folder."""
ZoneName = Annotated[str, AfterValidator(_zone)]
"""An IANA time zone."""


class Entry(BaseModel):
    """What every source has."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=60)]
    """How sightings and messages call it; keep it, what is stored hangs on it."""
    kind: str
    """Which module reads it."""
    enabled: bool = True
    """False leaves it out; what it gave goes at the next run."""
    time_zone: ZoneName | None = None
    """For times that the source gives without a zone; else they are the venue's."""

    def request(
        self, address: str, *, today: date | None = None, depends: str = "", **options: Any
    ) -> Request:
        """What to fetch for this source.

        Args:
            address: URL or path.
            today: the day, when the findings depend on it.
            depends: what else they depend on, besides these settings.
            options: other fields of `Request`.
        """
        depends = f"{READER} {self.model_dump_json(exclude={'name', 'enabled'})} {today or ''} {depends}"
        return Request(
            source=self.name,
            address=address,
            reading=hashlib.sha256(depends.encode()).hexdigest(),
            **options,
        )

    def origin(self, place: str) -> Origin:
        """Where findings at a place of this source come from."""
        return Origin(source=self.name, kind=self.kind, place=place, time_zone=self.time_zone)


Addresses = Annotated[tuple[Address, ...], Field(min_length=1)]
"""At least one place."""
