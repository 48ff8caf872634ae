"""The command `dance`: a table of verbs, each loaded when it is called and not before."""

import logging
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from app.errors import AppError
from settings import ConfigurationError

VERBS: Final = {
    "config": "Which database this would talk to, and why. Connects to nothing.",
    "check": "Whether every configured database answers and is what it should be.",
    "migrate": "Bring a database's schema to the newest revision.",
    "stamp": "Declare which environment a database is.",
    "roles": "Print or apply the roles that may own, write and read a database.",
    "pipeline": "Collect events, clean them, store them; with --promote, publish them.",
    "runs": "List the pipeline's runs.",
    "explain": "Where an event came from, what was merged, which rule dropped it.",
    "promote": "Plan what production would change, and apply exactly that.",
    "promotions": "List the promotions that production remembers.",
    "rollback": "Undo a promotion.",
    "serve": "Run the web service.",
    "sandbox": "A PostgreSQL of its own under .sandbox/ to try all of this on.",
}
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""


class LazyVerbs(TyperGroup):
    """Imports a verb's module only to run it, so that `dance --help` needs no SQLAlchemy."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        """The verbs, in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Click's signature
        """The verb's line of help, without what it does."""
        return TyperCommand(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb itself."""
        if args[0] not in VERBS:
            return super().resolve_command(ctx, args)
        return args[0], _load(args[0]), args[1:]


def _load(verb: str) -> Any:
    module = import_module(f"app.cli.{verb}")
    application: typer.Typer | None = getattr(module, "application", None)
    if application is None:
        application = typer.Typer(add_completion=False)
        application.command(verb, help=VERBS[verb])(module.command)
    return typer.main.get_command(application)


def main() -> None:
    """Run a verb; the exit status is 0, 1, 2, 75, 77, 78 or 130 (design, section 4)."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("app").setLevel(logging.INFO)
    logging.getLogger("stamina").setLevel(logging.ERROR)  # `app` itself says when it tries again
    dance = LazyVerbs(name="dance", help="Collect social-dance events and publish them, safely.")
    try:
        status = dance(standalone_mode=True)
    except (ConfigurationError, AppError) as error:
        _say(str(error))
        status = error.exit_status
    except KeyboardInterrupt:
        _say("Interrupted.")
        status = INTERRUPTED
    sys.exit(status)


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - what a person reads
