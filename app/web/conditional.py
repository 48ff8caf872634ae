"""ETags and conditional requests (RFC 9110, section 13)."""

import hashlib
from collections.abc import Mapping
from typing import Final

from fastapi import Request, Response
from sqlalchemy import func, select

from app.database.handles import ReadTransaction
from app.database.tables import promotions
from settings import DatabaseTarget

CACHE: Final = "public, no-cache"
"""Caches may keep it and ask each time whether it is still right; that question costs one index look-up."""


def version_of(transaction: ReadTransaction) -> str | None:
    """What production's events are at: the last promotion's id. None where anything may write them any time."""
    if transaction.environment is not DatabaseTarget.RENDER_PROD:
        return None
    last = transaction.select(select(func.max(promotions.c.id))).scalar_one()
    return None if last is None else str(last)


def etag_of(*parts: str | bytes) -> str:
    """A strong entity tag for what these parts determine."""
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return f'"{digest.hexdigest()}"'


def is_current(request: Request, etag: str) -> bool:
    """Whether the visitor has this version already; strong and weak tags compare alike (section 8.8.3.2)."""
    asked = request.headers.get("if-none-match", "")
    mine = etag.removeprefix("W/")
    return asked.strip() == "*" or mine in (tag.strip().removeprefix("W/") for tag in asked.split(","))


def respond(
    request: Request, content: bytes, media_type: str, etag: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The content, or 304 when the visitor has it already."""
    if is_current(request, etag):
        return not_modified(etag)
    return Response(content, 200, {"ETag": etag, "Cache-Control": CACHE, **(headers or {})}, media_type)


def not_modified(etag: str) -> Response:
    """304: what the visitor has is current."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": CACHE})
