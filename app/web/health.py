"""Whether the service lives, and whether it can answer."""

from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from sqlalchemy import literal, select

from app.web.service import Service

_LIMITER: Final = CapacityLimiter(2)
"""Readiness must not queue behind the visitors of a service that is too busy to be ready."""

router = APIRouter()


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process answers: all that a restart could mend. No database is asked."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> dict[str, str]:
    """The active database answers; else 503, and the proxy waits instead of restarting anything."""
    service: Service = request.app.state.service
    await run_sync(_ask, service, limiter=_LIMITER)
    return {"status": "ready"}


def _ask(service: Service) -> None:
    with service.databases.read() as transaction:
        transaction.select(select(literal(1))).scalar_one()
