"""Rows on their way: binary COPY out of the source straight into the destination."""

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

from app.errors import TemporaryFailure
from app.promotion.copying import HEADER, TRAILER

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""How binary COPY begins: signature, no flags, no extension."""
_PIECE: Final = 64 * 1024
"""Bytes handed over at once."""
_AHEAD: Final = 8
"""Pieces that the source may be ahead of the destination; bounds the client's memory."""

Moved = Callable[[int, int], None]
"""Told of rows and bytes that have been moved since it was told last."""


class TransferError(TemporaryFailure):
    """The copy from the source to production stopped short; production is unchanged. Try again."""


class _Pipe:
    """Between two COPYs: one thread writes, another reads."""

    def __init__(self, moved: Moved) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._moved = moved
        self._writing = bytearray(_SIGNATURE)
        self._begins = True
        self._rows = 0
        self._reading = b""
        self.error: BaseException | None = None
        self.closed = False

    def write(self, data: bytes) -> int:
        if self.closed:
            raise TransferError
        row = data[HEADER:] if self._begins else data
        self._begins = False
        if row[:2] == TRAILER:  # of this COPY out; the one COPY in ends with the last
            return len(data)
        self._writing += row
        self._rows += 1
        if len(self._writing) >= _PIECE:
            self.flush()
        return len(data)

    def begin(self) -> None:
        """The stream of another COPY follows."""
        self._begins = True

    def flush(self) -> None:
        if self._writing:
            self._moved(self._rows, len(self._writing))
            self._pieces.put(bytes(self._writing))
            self._writing.clear()
            self._rows = 0

    def finish(self) -> None:
        self._writing += TRAILER
        self.flush()
        self._pieces.put(None)

    def read(self, size: int) -> bytes:
        if not self._reading:
            piece = self._pieces.get()
            if self.error is not None:
                # An end of file here would be taken for the end of the data: the server accepts
                # a stream that was cut after any row.
                raise TransferError from self.error
            if piece is None:
                self._pieces.put(None)
                return b""
            self._reading = piece
        given, self._reading = self._reading[:size], self._reading[size:]
        return given

    def drain(self) -> None:
        self.closed = True
        while not self._pieces.empty():
            self._pieces.get_nowait()


def copy_rows(source: Cursor, queries: Iterable[str], destination: Cursor, table: str, moved: Moved) -> int:
    """Copy the rows of some queries into a table.

    Args:
        source: reads.
        queries: on the source, of the same columns.
        destination: writes.
        table: there, with the queries' columns.
        moved: told of progress, in the source's thread.

    Returns:
        How many rows the destination took.

    Raises:
        TransferError: the source failed, or the destination took fewer rows than the source gave.
    """
    pipe = _Pipe(moved)
    given = 0

    def produce() -> None:
        nonlocal given
        try:
            for query in queries:
                pipe.begin()
                source.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", pipe)
                given += source.rowcount
        except BaseException as error:  # noqa: BLE001 - raised again where the rows are read
            pipe.error = error
        pipe.finish()

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    try:
        destination.copy_expert(f"COPY {table} FROM STDIN (FORMAT binary)", pipe, _PIECE)
    finally:
        while producer.is_alive():
            pipe.drain()
            producer.join(timeout=0.05)
    if destination.rowcount != given:
        raise TransferError(f"{given} rows were sent, {destination.rowcount} arrived. Try again.")
    return destination.rowcount
