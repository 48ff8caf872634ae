"""Work on several connections at once, with Ctrl-C heard while the servers work."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

Result = TypeVar("Result")


def at_once(work: Callable[[Cursor], Result], cursors: Sequence[Cursor]) -> list[Result]:
    """Do the same on every cursor, each in a thread of its own.

    An interrupt, or an error on one of them, cancels what the others are running.

    Returns:
        One result for each cursor, in their order.
    """
    with ThreadPoolExecutor(len(cursors)) as threads:
        pending = [threads.submit(work, cursor) for cursor in cursors]
        try:
            return [future.result() for future in pending]
        except BaseException:
            for cursor, future in zip(cursors, pending, strict=True):
                if not future.done():
                    cancel(cursor)
            raise


def cancel(cursor: Cursor) -> None:
    """Ask the server to stop what a cursor runs; a connection that is gone has stopped already."""
    with suppress(psycopg2.Error):
        cursor.connection.cancel()
