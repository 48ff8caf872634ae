"""What goes wrong, said as RFC 9457 problem details, or as a page to whoever asked for a page."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.errors import AppError, Refused, TemporaryFailure
from app.web.cursors import CursorError
from app.web.databases import ReportsClosedError
from app.web.protection import HEADERS
from app.web.rendering import page
from app.web.schemas import Problem

logger = logging.getLogger(__name__)

RETRY_AFTER: Final = "5"
"""Seconds after which a database that was away is worth another try: a failover takes a few."""
_STATUS: Final[Mapping[type[AppError], HTTPStatus]] = {
    CursorError: HTTPStatus.BAD_REQUEST,
    TemporaryFailure: HTTPStatus.SERVICE_UNAVAILABLE,
    Refused: HTTPStatus.SERVICE_UNAVAILABLE,
    AppError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
# What a driver says names hosts and statements: for the log, not for strangers.
_OPEN: Final = (CursorError, ReportsClosedError)


def said_of(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, in pydantic's words or in our own."""
    return str(error["msg"]).removeprefix("Value error, ")


def install(application: FastAPI) -> None:
    """Let every error leave the application as a problem."""
    application.add_exception_handler(AppError, _ours)
    application.add_exception_handler(HTTPException, _http)
    application.add_exception_handler(RequestValidationError, _invalid)
    application.add_exception_handler(Exception, _unexpected)


def answer(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem in the form that the visitor reads."""
    if request.url.path.startswith("/api") or "text/html" not in request.headers.get("accept", ""):
        content = problem.model_dump_json(exclude_none=True)
        return Response(content, problem.status, headers, media_type="application/problem+json")
    return page(request, "problem.html", {"problem": problem}, status=problem.status, headers=headers)


def _of(status: int, detail: str) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)


def _ours(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s %s: %s", request.method, request.url.path, error)
    if isinstance(error, _OPEN):
        detail = str(error)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        detail = "The database does not answer just now. Try again in a few seconds."
    else:
        detail = "The database refused this. It is in the log; trying again will not help."
    away = isinstance(error, TemporaryFailure) and not isinstance(error, ReportsClosedError)
    return answer(request, _of(status, detail), {"Retry-After": RETRY_AFTER} if away else None)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is installed for nothing else
    return answer(request, _of(error.status_code, str(error.detail)), error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is installed for nothing else
    problem = _of(HTTPStatus.UNPROCESSABLE_ENTITY, "Some of this request cannot be used; see `errors`.")
    problem.errors = [
        {"field": ".".join(map(str, item["loc"])), "message": said_of(item)} for item in error.errors()
    ]
    return answer(request, problem)


def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    # This answer is made outside of the application's own layers, which would have added the headers.
    return answer(
        request, _of(HTTPStatus.INTERNAL_SERVER_ERROR, "This is our fault; it is in the log."), HEADERS
    )
