"""How the web service listens, who may see its status page and how much it takes from one visitor."""

import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr

from settings.group import SettingsGroup
from settings.marks import SECRET, FromPlatform, OnRender

_LIMITS: Final = r"^[1-9][0-9]*/(second|minute|hour|day)(; *[1-9][0-9]*/(second|minute|hour|day))*$"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("an origin is a scheme and a host, as in https://dances.example, without a path")
    return text


def _address(text: str) -> str:
    return _origin(text.rstrip("/"))


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError("it is no IANA time zone, as in America/Vancouver") from error
    return text


class WebSettings(SettingsGroup):
    """The web service."""

    host: Annotated[str, OnRender(web="0.0.0.0")] = Field(  # noqa: S104 - Render's proxy is the only one to reach it
        default="127.0.0.1",
        alias="WEB_HOST",
        description="Address that the web service listens on; 0.0.0.0 on Render.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        alias="PORT",
        description="Port that the web service listens on; Render sets it.",
    )
    address: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None,
        alias="WEB_ADDRESS",
        description="Where visitors find the service, as in https://dances.example; links in calendars begin so.",
    )
    render_address: Annotated[str, AfterValidator(_address), FromPlatform()] | None = Field(
        default=None,
        alias="RENDER_EXTERNAL_URL",
        description="The address that Render gave the service; used when WEB_ADDRESS is not set.",
    )
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        default="America/Vancouver",
        alias="WEB_TIME_ZONE",
        description="IANA time zone in which the service counts days: what is today, when the weekend begins.",
    )
    status_token: Annotated[SecretStr | None, OnRender(web=SECRET)] = Field(
        default=None,
        min_length=16,
        alias="WEB_STATUS_TOKEN",
        description="Opens the status page from elsewhere than this machine, at least 16 characters.",
    )
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(),
        alias="WEB_CORS_ORIGINS",
        description="Origins whose pages may call the API from a browser, separated by blanks.",
    )
    report_limits: str = Field(
        default="5/minute; 30/day",
        pattern=_LIMITS,
        alias="WEB_REPORT_LIMITS",
        description="How many reports, or wrong status tokens, one visitor may send, as in 5/minute; 30/day.",
    )
    visitor_header: Annotated[str | None, OnRender(web="CF-Connecting-IP")] = Field(
        default=None,
        pattern=r"^[A-Za-z-]+$",
        alias="WEB_VISITOR_HEADER",
        description="Header in which the proxy in front puts the visitor's address and lets nobody else put one;"
        " CF-Connecting-IP on Render.",
    )
    threads: int = Field(
        default=10,
        ge=1,
        le=200,
        alias="WEB_THREADS",
        description="Requests that are worked on at once; each may hold one of the pool's connections.",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the service counts days."""
        return ZoneInfo(self.time_zone)

    @property
    def public_address(self) -> str | None:
        """Where visitors find the service, without a slash at the end; None when nobody said."""
        return self.address or self.render_address
