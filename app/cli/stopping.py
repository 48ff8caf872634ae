"""Ending in good order when the platform ends the process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

TERMINATED: Final = 128 + signal.SIGTERM
"""As shells report it."""


def _end(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """SIGTERM, as a cancelled cron run gets it, is heard like Ctrl-C: what the servers do for us is cancelled.

    Without this the process would end at once, and a server would work on until it noticed.
    """
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
