"""Whether the process lives, and whether it can answer visitors."""

from http import HTTPStatus
from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from app.database.health import Condition, live, ready
from app.web.service import Service

_LIMITER: Final = CapacityLimiter(2)
"""Readiness does not queue behind the visitors of a service that is too busy for them."""
_ANSWERS_VISITORS: Final = (Condition.UP, Condition.LAGGING)

router = APIRouter()


@router.get("/livez")
async def live_(response: Response) -> dict[str, object]:
    """The process answers: all that a restart could mend. No database is asked."""
    response.headers["Cache-Control"] = "no-store"
    return {"status": "alive", "uptime_seconds": round(live().uptime_seconds)}


@router.get("/readyz", responses={503: {"description": "Visitors get no events just now"}})
async def ready_(request: Request, response: Response) -> dict[str, object]:
    """Some node answers visitors' questions: a lost replica, or the primary while a replica is left, do not count."""
    service: Service = request.app.state.service
    health = await run_sync(_ask, service, limiter=_LIMITER)
    if health not in _ANSWERS_VISITORS:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    response.headers["Cache-Control"] = "no-store"
    return {"status": health.value}


def _ask(service: Service) -> Condition:
    conditions = []
    for node in service.databases.reader.databases:
        conditions.append(ready(node, connections=service.databases.connections).condition)
        if conditions[-1] in _ANSWERS_VISITORS:
            return conditions[-1]
    return conditions[0]
