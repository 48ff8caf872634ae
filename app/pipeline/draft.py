"""What the stages work on: a draft for every sighting, an event for every group of drafts that mean the same."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Venue:
    """A place where events happen; the columns of table `venues`.

    Attributes:
        key: derived from what the venue is.
        region: province or state, as a code.
        country: ISO 3166-1 alpha-2.
    """

    key: str
    name: str
    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def __hash__(self) -> int:
        """Of its key: caches look venues up by the hundred thousand."""
        return hash(self.key)


@dataclass(frozen=True, slots=True)
class Price:
    """What it costs: the text for people, the rest for machines.

    Attributes:
        low: the lowest amount, in `currency`.
        high: the highest amount; equal to `low` when there is one price.
        currency: ISO 4217; None when the text has no amount.
        is_free: None when the text doesn't tell.
    """

    text: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    currency: str | None = None
    is_free: bool | None = None


@dataclass(slots=True, eq=False)
class Draft:
    """One sighting after normalising, and what the stages decided about it.

    Attributes:
        key: the sighting's key.
        identity: the key of its event, should this sighting be the one that names the event.
        live: whether its source still gives it; a gone one can name an event, but has no say in it.
        starts_at: the instant; the local fields are the same instant in `time_zone`.
        venue: None when the sighting names none.
        event_key: the event that it went into; None when it is not published.
        rule: what decided; blank while it is in play.
        reason: why, for people.
        notes: what normalising had to interpret.
    """

    key: str
    identity: str
    first_seen_at: datetime
    live: bool
    source: str
    name: str
    description: str
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    start_date: date
    start_time: time | None
    end_date: date | None
    end_time: time | None
    venue: Venue | None
    event_type: str
    dance_styles: tuple[str, ...]
    price: Price
    cancelled: bool
    organiser: str
    url: str | None
    notes: list[str] = field(default_factory=list)
    event_key: str | None = None
    rule: str = ""
    reason: str = ""

    def drop(self, rule: str, reason: str) -> None:
        """Take it out of play; `reason` is what `dance explain` says."""
        self.rule, self.reason = rule, reason


@dataclass(slots=True, eq=False)
class Event:
    """What is published: the drafts that mean it, the one whose facts won first.

    Attributes:
        key: kept for ever (DR011).
        facts: the merged draft; its `key` and `identity` have no meaning here.
        members: every draft that was merged into it.
    """

    key: str
    facts: Draft
    members: list[Draft]

    def withdraw(self, rule: str, reason: str) -> None:
        """Take all its drafts out of play."""
        for draft in self.members:
            draft.event_key = None
            draft.drop(rule, reason)


def listing(draft: Draft) -> dict[str, object]:
    """A draft as a listing in a calendar, for whoever judges it: nothing in it changes from run to run."""
    return {
        "name": draft.name,
        "starts": f"{draft.start_date} {draft.start_time or ''}".strip(),
        "ends": str(draft.end_time or ""),
        "place": f"{draft.venue.name}, {draft.venue.city or ''}" if draft.venue else "",
        "kind": draft.event_type,
        "styles": list(draft.dance_styles),
        "price": draft.price.text,
        "organiser": draft.organiser,
        "description": draft.description[:400],
    }
