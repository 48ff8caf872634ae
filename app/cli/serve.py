"""`dance serve`: the web service."""

from typing import Annotated

import typer
import uvicorn

from app.database.budget import require_budget
from app.database.engines import open_reader
from app.errors import TemporaryFailure
from app.web.application import create_application
from settings import Settings


def command(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on (env: WEB_HOST).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (env: PORT).")] = None,
) -> None:
    """Serve events to visitors until interrupted.

    It reads the active target. Reports are taken only where it is production, named explicitly, on Render.
    """
    settings = Settings()
    _check_budget(settings)
    host = host or settings.web.host
    port = settings.web.port if port is None else port
    typer.echo(f"Serving {settings.database.environment_name} on http://{host}:{port}", err=True)
    uvicorn.run(
        create_application(settings),
        host=host,
        port=port,
        proxy_headers=False,  # anybody may send X-Forwarded-For; WEB_VISITOR_HEADER names one that nobody else can
        server_header=False,
        timeout_graceful_shutdown=20,
        log_level="warning",
    )


def _check_budget(settings: Settings) -> None:
    """Refuse to start with pools that the server cannot fill; a database that is away is no reason not to start."""
    database = open_reader(settings.database, process="web start", connections=settings.connections)
    try:
        with database.read() as transaction:
            require_budget(transaction, settings.connections)
    except TemporaryFailure as error:
        typer.echo(str(error), err=True)
    finally:
        database.dispose()
