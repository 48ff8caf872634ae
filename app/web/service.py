"""What a running service holds, and how the routes reach it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Request

from app.database.origin import origin
from app.web.databases import Databases
from app.web.facets import RememberedFacets
from app.web.reports import Throttle, visitor_of
from settings import Settings


@dataclass(frozen=True)
class Service:
    """The open databases, the settings and the throttle of one running service."""

    settings: Settings
    databases: Databases
    throttle: Throttle
    facets: RememberedFacets

    def today(self) -> date:
        """The day it is for the service's visitors."""
        return datetime.now(self.settings.web.zone).date()

    def address(self, request: Request) -> str:
        """Where visitors find this service, without a slash at the end."""
        return self.settings.web.public_address or str(request.base_url).rstrip("/")

    def count(self, action: str, request: Request) -> None:
        """Count an action of whoever sent this request.

        Raises:
            HTTPException: 429: one too many.
        """
        self.throttle.count(action, visitor_of(request, self.settings.web))

    @property
    def code(self) -> str:
        """The commit of the code, which decides what an answer looks like."""
        return origin().commit


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Running = Annotated[Service, Depends(_service)]
"""The service, in a route's signature."""
