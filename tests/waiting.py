"""Callers in the middle of everything that one may wait for, when the other end falls silent."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from sqlalchemy import text

from app.database.failures import DatabaseUnreachableError
from app.database.handles import WritableDatabase

HANG: Final = 30.0
"""Seconds that no caller may hang; what is in force in the tests ends each wait after 2 to 8."""


def outcomes(
    database: WritableDatabase, fresh: WritableDatabase, fall_silent: Callable[[], None]
) -> dict[str, tuple[float, str]]:
    """How each kind of wait ends that begins before the silence, or in it.

    Args:
        database: with a pool of four or more.
        fresh: the same, never used before.
        fall_silent: makes the other end silent.

    Returns:
        Seconds since then, and what the error said, for each kind; a kind that did not end by `HANG`
        makes this fail.
    """
    with ExitStack() as pooled:
        for _ in range(4):
            pooled.enter_context(database.read())
    waits = _Waits(database, fresh)
    ended: dict[str, tuple[float, str]] = {}

    def take(wait: Callable[[], None]) -> None:
        try:
            wait()
        except DatabaseUnreachableError as error:
            ended[wait.__name__] = (time.monotonic(), str(error))

    kinds = (
        waits.for_an_answer,
        waits.for_rows,
        waits.for_an_acknowledgement,
        waits.for_a_proof,
        waits.for_a_connection,
    )
    threads = [threading.Thread(target=take, args=(kind,), daemon=True) for kind in kinds]
    for thread in threads:
        thread.start()
    waits.until_under_way()
    fall_silent()
    began = time.monotonic()
    waits.silence.set()
    for thread in threads:
        thread.join(max(0.0, began + HANG - time.monotonic()))
    assert ended.keys() == {kind.__name__ for kind in kinds}
    return {name: (moment - began, said) for name, (moment, said) in ended.items()}


class _Waits:
    """What a caller may be in the middle of when the packets stop; each begins before and waits after."""

    def __init__(self, database: WritableDatabase, fresh: WritableDatabase) -> None:
        """Use one database with pooled connections, and one without."""
        self._database = database
        self._fresh = fresh
        self._ready = threading.Barrier(4)
        self.silence = threading.Event()

    def for_an_answer(self) -> None:
        """The statement has arrived, its answer never does."""
        with self._database.write() as transaction:
            transaction.execute(text("SELECT 1"))
            self._ready.wait()
            transaction.execute(text("SELECT pg_sleep(300)"))

    def for_rows(self) -> None:
        """COPY stops in the middle."""
        with (
            self._database.write() as transaction,
            transaction.cursor() as cursor,
            Path("/dev/null").open("wb") as sink,
        ):
            self._ready.wait()
            cursor.copy_expert(
                "COPY (SELECT n, pg_sleep(0.01) FROM generate_series(1, 30000) n) TO STDOUT", sink
            )

    def for_an_acknowledgement(self) -> None:
        """The statement does not arrive."""
        with self._database.write() as transaction:
            transaction.execute(text("SELECT 1"))
            self._ready.wait()
            self.silence.wait()
            transaction.execute(text("SELECT 1"))

    def for_a_proof(self) -> None:
        """A pooled connection is taken out."""
        self.silence.wait()
        with self._database.read():
            pass

    def for_a_connection(self) -> None:
        """Nobody answers at the door."""
        self.silence.wait()
        with self._fresh.read():
            pass

    def until_under_way(self) -> None:
        """Return when the packets may stop."""
        self._ready.wait(HANG)
        time.sleep(0.3)  # the statements that do not wait for the silence have reached the server
