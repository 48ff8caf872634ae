"""Pages from templates: everything that a stranger wrote is escaped."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jinja2
from fastapi import Request, Response

from app.web.schemas import Event

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("app.web", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def link(url: str | None) -> str | None:
    """A stranger's URL when it is safe to link to: http or https, with a host, and nothing that runs."""
    if url is None or re.search(r'[\s"<>]', url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def hours(event: Event) -> str:
    """When on its day an event is: `20:00-23:30`, or nothing when nobody said."""
    if event.local_start_time is None:
        return ""
    end = f"-{event.local_end_time:%H:%M}" if event.local_end_time else ""
    return f"{event.local_start_time:%H:%M}{end}"


def price(event: Event) -> str:
    """What it costs, as the source said it, else as it was understood."""
    if event.is_free:
        return "Free"
    if event.price_text or event.price_low is None:
        return event.price_text
    return f"{event.price_low:.2f} {event.currency or ''}".strip()


_ENVIRONMENT.filters.update(link=link, hours=hours, price=price)


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page."""
    badge = request.app.state.badge
    content = _ENVIRONMENT.get_template(template).render(context, badge=badge)
    return Response(content, status, headers, media_type="text/html")
