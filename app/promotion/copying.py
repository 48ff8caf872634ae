"""COPY as a stream: rows of `COPY ... TO STDOUT (FORMAT binary)` while the server still produces them."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.promotion.waiting import cancel

Row = tuple[bytes | None, ...]

_HEADER: Final = 19
"""Signature, flags and extension length (PostgreSQL documentation, COPY, "Binary Format")."""
_BATCH: Final = 512
_AHEAD: Final = 16
"""Batches that a producer may be ahead of its consumer; bounds the client's memory."""


class AbandonedError(Exception):
    """The consumer of a stream went away."""


class _Feed:
    """What the driver writes each CopyData message to; the protocol sends one row in each."""

    def __init__(self, batches: "queue.Queue[list[Row] | BaseException | None]") -> None:
        self._batches = batches
        self._batch: list[Row] = []
        self._started = False
        self.abandoned = False

    def write(self, data: bytes) -> int:
        if self.abandoned:
            raise AbandonedError
        row = data
        if not self._started:
            self._started = True
            row = data[_HEADER:]
        if row and row[:2] != b"\xff\xff":
            self._batch.append(_fields(row))
            if len(self._batch) >= _BATCH:
                self.flush()
        return len(data)

    def flush(self) -> None:
        if self._batch:
            self._batches.put(self._batch)
            self._batch = []


@contextmanager
def copied_out(cursor: Cursor, query: str) -> Iterator[Iterator[Row]]:
    """The rows of a query, each field as the bytes of its binary form, None for NULL.

    A thread of its own runs the COPY, so two servers can be read at once and in step.
    """
    batches: queue.Queue[list[Row] | BaseException | None] = queue.Queue(_AHEAD)
    feed = _Feed(batches)

    def produce() -> None:
        try:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", feed)
            feed.flush()
            batches.put(None)
        except BaseException as error:  # noqa: BLE001 - the consumer raises it again
            if not feed.abandoned:
                batches.put(error)

    def rows() -> Iterator[Row]:
        while (batch := batches.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield from batch

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
                batches.get(timeout=0.05)
            except queue.Empty:
                thread.join(timeout=0.05)


def _fields(row: bytes) -> Row:
    fields: list[bytes | None] = []
    at = 2
    for _ in range(int.from_bytes(row[:2])):
        length = int.from_bytes(row[at : at + 4], signed=True)
        at += 4
        if length < 0:
            fields.append(None)
        else:
            fields.append(row[at : at + length])
            at += length
    return tuple(fields)
