"""Where a page of events ended: the next one begins after that event, whatever was promoted meanwhile."""

import base64
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from app.errors import AppError


class CursorError(AppError):
    """This cursor is none that the service gave out. Leave it away to begin at the first page."""


@dataclass(frozen=True)
class Cursor:
    """The last event of a page, by what the list is sorted by."""

    day: date
    starts_at: datetime
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` made.

        Raises:
            CursorError: somebody else made it.
        """
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            day, starts_at, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(date.fromisoformat(day), datetime.fromisoformat(starts_at), str(key))
        except (ValueError, TypeError) as error:
            raise CursorError from error
        if str(cursor) != text or "\0" in cursor.key or cursor.starts_at.tzinfo is None:
            raise CursorError
        return cursor

    def __str__(self) -> str:
        """Text for a URL."""
        said = json.dumps([self.day.isoformat(), self.starts_at.isoformat(), self.key], separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode("ascii").rstrip("=")
