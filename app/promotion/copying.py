"""COPY as a stream: rows of `COPY ... TO STDOUT (FORMAT binary)` while the server still produces them."""

import queue
import sys
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.waiting import cancel

Row = tuple[bytes, ...]

HEADER: Final = 19
"""Signature, flags and extension length (PostgreSQL documentation, COPY, "Binary Format")."""
TRAILER: Final = b"\xff\xff"
_AHEAD: Final = 1
"""Rows that a producer may be ahead of its consumer; bounds the client's memory."""


class AbandonedError(Exception):
    """The consumer of a stream went away."""


class _Feed:
    """What the driver writes each CopyData message to; the protocol sends one row in each."""

    def __init__(self, rows: "queue.Queue[bytes | BaseException | None]") -> None:
        self._rows = rows
        self._started = False
        self.abandoned = False

    def write(self, data: bytes) -> int:
        if self.abandoned:
            raise AbandonedError
        row = data if self._started else data[HEADER:]
        self._started = True
        if row and row[:2] != TRAILER:
            self._rows.put(row)
        return len(data)


@contextmanager
def copied_out(cursor: Cursor, query: str) -> Iterator[Iterator[Row]]:
    """The rows of a query without NULLs, each field as the bytes of its binary form.

    A thread of its own runs the COPY, so two servers can be read at once and in step. Meant for few rows that
    hold much.
    """
    produced: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    feed = _Feed(produced)

    def produce() -> None:
        try:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", feed)
            produced.put(None)
        except BaseException as error:  # noqa: BLE001 - the consumer raises it again
            if not feed.abandoned:
                produced.put(error)

    def rows() -> Iterator[Row]:
        while (row := produced.get()) is not None:
            if isinstance(row, BaseException):
                raise row
            yield _fields(row)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        yield rows()
    except BaseException:
        feed.abandoned = True
        cancel(cursor)
        raise
    finally:
        while thread.is_alive():
            try:
                produced.get(timeout=0.05)
            except queue.Empty:
                thread.join(timeout=0.05)


def bigints(packed: bytes) -> "array[int]":
    """The numbers that a server has put into one value by `int8send`."""
    numbers = array("q", packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _fields(row: bytes) -> Row:
    fields = []
    at = 2
    for _ in range(int.from_bytes(row[:2])):
        end = at + 4 + int.from_bytes(row[at : at + 4])
        fields.append(row[at + 4 : end])
        at = end
    return tuple(fields)
