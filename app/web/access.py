"""Who may see the status page: whoever is on this machine, or has the token."""

import base64
import binascii
import secrets
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from app.web.service import Running
from settings.web import WebSettings


def _is_here(request: Request, settings: WebSettings) -> bool:
    """Whether the visitor sits at this machine, with no proxy in between that could be standing in."""
    if settings.visitor_header or any(name in request.headers for name in ("forwarded", "x-forwarded-for")):
        return False
    try:
        return ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _given_token(request: Request) -> str:
    """The token: `Authorization: Bearer TOKEN`, or the password that a browser asks for."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return said.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(said, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _operator(request: Request, service: Running) -> None:
    settings = service.settings.web
    if _is_here(request, settings):
        return
    if settings.status_token is None:
        raise HTTPException(
            403,
            "The status page is open on this machine only. Set WEB_STATUS_TOKEN to open it from elsewhere.",
        )
    given = _given_token(request)
    if given and secrets.compare_digest(given.encode(), settings.status_token.get_secret_value().encode()):
        return
    if given:
        service.count("token", request)
    raise HTTPException(401, "The status page needs its token.", {"WWW-Authenticate": 'Basic realm="status"'})


Operator = Annotated[None, Depends(_operator)]
"""Lets only operators through, in a route's signature."""
