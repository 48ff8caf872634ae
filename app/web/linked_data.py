"""Events as schema.org JSON-LD, which search engines read."""

from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.web.rendering import link
from app.web.schemas import Event, Venue

MEDIA_TYPE: Final = "application/ld+json"
_LEARNING: Final = ("class", "workshop", "lesson", "course")


def linked_data_of(event: Event, *, address: str) -> dict[str, Any]:
    """An event as a schema.org Event.

    Args:
        event: the event.
        address: where this service is, for its identifier.
    """
    here = f"{address}/events/{event.key}"
    learning = any(word in event.event_type.lower() for word in _LEARNING)
    said = {
        "@context": "https://schema.org",
        "@type": "EducationEvent" if learning else "DanceEvent",
        "@id": here,
        "name": event.name,
        "description": event.description,
        "startDate": _moment(
            event.local_start_date, event.local_start_time, event.starts_at, event.time_zone
        ),
        "endDate": _moment(event.local_end_date, event.local_end_time, event.ends_at, event.time_zone),
        "eventStatus": f"https://schema.org/Event{'Cancelled' if event.cancelled else 'Scheduled'}",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": _place(event.venue) if event.venue else None,
        "organizer": {"@type": "Organization", "name": event.organiser} if event.organiser else None,
        "isAccessibleForFree": event.is_free,
        "offers": _offer(event),
        "keywords": ", ".join(event.dance_styles),
        "url": link(event.url) or here,
    }
    return {name: value for name, value in said.items() if value not in (None, "")}


def _moment(day: date | None, hour: time | None, instant: datetime | None, zone: str) -> str | None:
    if day is None:
        return None
    if hour is None or instant is None:
        return day.isoformat()
    return instant.astimezone(ZoneInfo(zone)).isoformat()


def _place(venue: Venue) -> dict[str, Any]:
    address = {
        "streetAddress": venue.street,
        "addressLocality": venue.city,
        "addressRegion": venue.region,
        "postalCode": venue.postal_code,
        "addressCountry": venue.country,
    }
    known = {name: value for name, value in address.items() if value}
    place: dict[str, Any] = {
        "@type": "Place",
        "name": venue.name,
        "address": {"@type": "PostalAddress"} | known,
    }
    if venue.latitude is not None:
        place["geo"] = {
            "@type": "GeoCoordinates",
            "latitude": venue.latitude,
            "longitude": venue.longitude,
        }
    return place


def _offer(event: Event) -> dict[str, Any] | None:
    if event.price_low is None or event.currency is None:
        return None
    return {"@type": "Offer", "price": f"{event.price_low:.2f}", "priceCurrency": event.currency}
