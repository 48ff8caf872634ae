"""Asking before something is done that can't be undone."""

import sys

import typer

from app.errors import Refused


class ConsentMissingError(Refused):
    """Nothing was changed: this needs consent. Repeat the command with --confirm and the word shown above."""


def obtain(question: str, *, expected: str, given: str | None) -> None:
    """Take the consent that was given as an option, or ask for it on a terminal.

    Args:
        question: what is about to happen.
        expected: what has to be typed; it names this one change, not consent in general (DR003).
        given: the value of --confirm, None without it.

    Raises:
        ConsentMissingError: it was not given, or is for something else.
    """
    if given is None and sys.stdin.isatty():
        given = typer.prompt(
            f"{question}\nType {expected} to go on", default="", show_default=False, err=True
        )
    if given is None:
        raise ConsentMissingError(f"{question}\nNothing was changed. To go on, add: --confirm {expected}")
    if given.strip() != expected:
        raise ConsentMissingError(
            f"{question}\nNothing was changed: expected {expected!r}, got {given.strip()!r}."
        )
