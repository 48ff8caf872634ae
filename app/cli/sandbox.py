"""`dance sandbox`: a PostgreSQL of its own under .sandbox/, with three databases to try everything on."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
from rich.console import Console

from app.cli.rehearsal import Rehearsal
from app.database.sandbox import Sandbox
from settings.child import child_environment
from settings.connections import ConnectionSettings

application = typer.Typer(
    help="A PostgreSQL of its own under .sandbox/, with three databases that stand for local, Render dev and production.",
    no_args_is_help=True,
    add_completion=False,
)
_HERE: Final = Path(".sandbox")
_WHOLE_PATH: Final = ["dance", "pipeline", "--promote"]
_NEXT: Final = """
What to type next:
  make run                                            again: nothing changes
  .venv/bin/dance sandbox run dance check             is everything as it should be?
  .venv/bin/dance sandbox run dance config            which database, and why
  .venv/bin/dance sandbox run dance promotions        what production remembers
  .venv/bin/dance sandbox run dance serve             the web service on those events
  .venv/bin/dance sandbox env                         the variables, to run anything by hand
"""


@application.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="What to run in the sandbox's environment; the whole path when left out."),
    ] = None,
) -> None:
    """Start the server, prepare its databases, run a command with their variables, stop the server.

    A server that ran before goes on running.
    """
    console = Console(highlight=False, soft_wrap=True)
    with _running(console) as sandbox:
        for done in sandbox.prepare(_connections()):
            if done.migrated_from != done.revision:
                console.print(f"  {done.database}: schema {done.migrated_from or 'empty'} → {done.revision}")
            if done.newly_stamped:
                console.print(f"  {done.database}: stamped")
        arguments = list(command or _WHOLE_PATH)
        if arguments[0] == "dance":
            arguments[:1] = [sys.executable, "-m", "app"]
        variables = {**sandbox.variables(), "PROMOTE_TO": sandbox.production_stamp()}
        child = subprocess.Popen(arguments, env=child_environment(variables))  # noqa: S603 - what the user typed
        status = _wait(child)
        if status == 0 and not command:
            console.print(_NEXT)
    raise typer.Exit(status)


@application.command()
def start() -> None:
    """Start the server and leave it running."""
    sandbox = Sandbox(_HERE.absolute())
    sandbox.start()
    for done in sandbox.prepare(_connections()):
        typer.echo(f"  {done.database}: schema {done.revision}, stamped")
    typer.echo(f"PostgreSQL runs on 127.0.0.1:{sandbox.server.port}; dance sandbox stop ends it.")


@application.command()
def stop() -> None:
    """Stop the server; its data stays."""
    server = Sandbox(_HERE.absolute()).server
    if server.pid is None:
        typer.echo("The sandbox is not running.")
    else:
        server.stop()
        typer.echo("The sandbox has stopped.")


@application.command()
def status() -> None:
    """Whether the server runs; exit status 1 when it does not."""
    server = Sandbox(_HERE.absolute()).server
    if server.pid is None:
        typer.echo("The sandbox is not running.")
        raise typer.Exit(1)
    typer.echo(f"PostgreSQL {server.version} runs on 127.0.0.1:{server.port} (process {server.pid}).")


@application.command()
def env() -> None:
    """Print the variables of a running sandbox, for a shell's eval. They hold the sandbox's own password."""
    sandbox = Sandbox(_HERE.absolute())
    variables = {**sandbox.variables(), "PROMOTE_TO": sandbox.production_stamp()}
    for name, value in variables.items():
        typer.echo(f"export {name}='{value}'")


@application.command()
def rehearse() -> None:
    """Play all four modes as Render would run them: processes of their own, under load, with a visitor's report."""
    console = Console(highlight=False, soft_wrap=True)
    with _running(console) as sandbox:
        for _ in sandbox.prepare(_connections()):
            pass
        Rehearsal(sandbox, console).play()


@contextmanager
def _running(console: Console) -> Iterator[Sandbox]:
    """The sandbox, started if need be; stopped at the end, whatever ends it, if it was started here."""
    sandbox = Sandbox(_HERE.absolute())
    previous = signal.signal(signal.SIGTERM, _interrupt)
    was_running = sandbox.server.pid is not None
    logging.getLogger("app").setLevel(logging.WARNING)  # what it prepares is told below
    try:
        with console.status("Starting PostgreSQL ..."):
            sandbox.start()
        server = sandbox.server
        console.print(f"Sandbox: PostgreSQL {server.version} on 127.0.0.1:{server.port}, data in {_HERE}/")
        yield sandbox
    finally:
        if not was_running:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sandbox.server.stop()
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, previous)


def _connections() -> ConnectionSettings:
    """How the caller wants connections made; where they lead is the sandbox's own business."""
    return ConnectionSettings.from_environ(child_environment({}))


def _wait(child: subprocess.Popen[bytes]) -> int:
    # Ctrl-C reaches the child as well: it ends by itself, and only then may its server go.
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
