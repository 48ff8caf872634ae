"""Asking before something is done that can't be undone."""

import sys

import typer

from app.errors import Refused


class ConsentMissingError(Refused):
    """Nothing was changed: this needs consent. Repeat the command with --confirm and the word shown above."""


def ask(question: str) -> str:
    """What is typed on the terminal; nothing when the input ends.

    Raises:
        KeyboardInterrupt: Ctrl-C, which Click's prompt would make an exit status of 1.
    """
    try:
        return str(typer.prompt(question, default="", show_default=False, err=True)).strip()
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        return ""


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
        given = ask(f"{question}\nType {expected} to go on")
    if given is None:
        raise ConsentMissingError(f"{question}\nNothing was changed. To go on, add: --confirm {expected}")
    if given.strip() != expected:
        raise ConsentMissingError(
            f"{question}\nNothing was changed: expected {expected!r}, got {given.strip()!r}."
        )
