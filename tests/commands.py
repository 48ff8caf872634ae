"""Running `dance` as a person or Render would: a process of its own, configured by its environment alone."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import typer

PROJECT: Final = Path(__file__).parent.parent
DEADLINE: Final = 100.0
"""Seconds; a command that takes longer hangs."""


def environment(variables: Mapping[str, str], home: Path) -> dict[str, str]:
    """Nothing but what a bare machine has, and these variables."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", **variables}


def hear_interrupts() -> None:
    """Between fork and exec: a shell's background job is deaf to SIGINT, and so would be what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def dance(
    *arguments: str, variables: Mapping[str, str], cwd: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `dance` to its end.

    Args:
        arguments: after `dance`.
        variables: its whole configuration.
        cwd: where; a `.env` file there is read.
        stdin: what is typed; it is never a terminal.
    """
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env={**environment(variables, cwd), "PYTHONPATH": str(PROJECT)},
        cwd=cwd, input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip


def verb(name: str) -> typer.Typer:
    """A verb of `dance` to be run in this process by typer's CliRunner."""
    application = typer.Typer()
    application.command(name)(import_module(f"app.cli.{name}").command)
    return application
