"""What a promotion is doing: a bar on a terminal, lines otherwise."""

import sys
import time
from types import TracebackType
from typing import Final, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

_WORDS: Final = {
    "describe": "Looking at both databases",
    "compare": "Comparing",
    "stage": "Sending changed rows",
    "apply": "Applying and verifying in production",
}
_EVERY: Final = 5.0
"""Seconds between two lines about rows on their way."""


class Moving:
    """Shows phases, rows and bytes; told by a promotion."""

    def __init__(self) -> None:
        self.rows_to_send = 0
        self.bytes_to_send = 0
        self._rows = 0
        self._bytes = 0
        self._said = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        """Nothing is shown before the first phase."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self.pause()

    def pause(self) -> None:
        """Take the bar away, to print or to ask; the next phase brings it back."""
        if self._bar is not None:
            self._bar.stop()

    def phase(self, name: str) -> None:
        """A phase begins."""
        if self._bar is not None:
            total = self.bytes_to_send if name == "stage" and self.bytes_to_send else None
            self._bar.update(self._task, description=_WORDS[name], total=total, completed=0)
            self._bar.start()
        elif name == "stage" and self.rows_to_send:
            typer.echo(f"{_WORDS[name]}: {self.rows_to_send:,} ...", err=True)

    def moved(self, rows: int, size: int) -> None:
        """More rows and bytes have been sent."""
        self._rows += rows
        self._bytes += size
        if self._bar is not None:
            self._bar.update(self._task, completed=min(self._bytes, self.bytes_to_send or self._bytes))
        elif time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            typer.echo(
                f"  {self._rows:,} of {self.rows_to_send:,} rows, {self._bytes / 1e6:.1f} MB", err=True
            )
