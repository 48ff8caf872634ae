"""The web application: its parts, put together; databases are open as long as it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Final

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware

from app.web import api, health, problems, status, visitors
from app.web.badge import Badge
from app.web.databases import Databases
from app.web.facets import RememberedFacets
from app.web.protection import AnswersHead, BodyLimit, SecurityHeaders
from app.web.reports import Throttle
from app.web.service import Service
from settings import Settings

_FILES: Final = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
"""What pages load, and its media type."""


def create_application(settings: Settings) -> FastAPI:
    """The web service for these settings; it opens its databases when it starts."""

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        # psycopg2 blocks: each request that asks a database holds one thread of this many.
        current_default_thread_limiter().total_tokens = settings.web.threads
        with Databases.opened(settings) as databases:
            throttle = Throttle(settings.web.report_limits)
            application.state.service = Service(settings, databases, throttle, RememberedFacets())
            yield

    application = FastAPI(
        title="Dances", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    application.state.badge = Badge.of(settings.database)
    application.add_middleware(BodyLimit)
    application.add_middleware(
        CORSMiddleware,
        allow_origins=settings.web.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["content-type", "if-none-match"],
        expose_headers=["etag", "link", "retry-after"],
    )
    application.add_middleware(AnswersHead)
    application.add_middleware(SecurityHeaders, https=settings.database.on_render)
    problems.install(application)
    application.include_router(api.router)
    application.include_router(health.router)
    application.include_router(visitors.router, include_in_schema=False)
    application.include_router(status.router, include_in_schema=False)
    for name in _FILES:
        application.add_api_route(f"/{name}", partial(_file, name), include_in_schema=False, name=name)
    return application


def _file(name: str) -> Response:
    content = files("app.web").joinpath("pages", name).read_bytes()
    return Response(content, media_type=_FILES[name], headers={"Cache-Control": "public, max-age=3600"})
