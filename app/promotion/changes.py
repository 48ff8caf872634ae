"""What one table lacks to be another: changed rows by hashes of their keys, eight bytes for each number."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

_KEPT: Final = 50_000
_KEPT_SHARE: Final = 0.3
"""Beyond both, the keys of changed rows are counted and forgotten: the table is sent whole."""


def too_many(changes: int, rows: int) -> bool:
    """Whether so many changes in a table of so many rows are counted and not kept."""
    return changes > max(_KEPT, _KEPT_SHARE * rows)


class Rows:
    """Rows of so many 64-bit numbers each, packed: the client holds one for each changed row of a table."""

    def __init__(self, width: int) -> None:
        """None yet.

        Args:
            width: numbers in a row.
        """
        self._width = width
        self._numbers = array("q")

    def __len__(self) -> int:
        """How many rows."""
        return len(self._numbers) // self._width

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Each row's numbers."""
        numbers = iter(self._numbers)
        return zip(*[numbers] * self._width, strict=True)

    def extend(self, rows: Sequence[tuple[int, ...]]) -> None:
        """Some more rows."""
        self._numbers.extend(chain.from_iterable(rows))

    def column(self, number: int) -> "array[int]":
        """One number of every row."""
        return self._numbers[number :: self._width]

    def clear(self) -> None:
        """Forget them."""
        del self._numbers[:]


@dataclass
class Difference:
    """What a table lacks to be the source's.

    A row's place holds its partition (place >> 48), block and item of its version; of the side that is named.

    Attributes:
        rows: in the source and in the destination.
        sums: of all row hashes; None where rows were known and not hashed.
        inserted: key's hash, the source's row hash, place in the source.
        updated: key's hash, the destination's row hash, the source's, place in the destination, in the source.
        deleted: key's hash, the destination's row hash, place in the destination.
        counts: inserted, updated, deleted; true even when the rows were too many to keep.
        kept: whether they were kept.
        empty: the destination's table has never held a row.
        versions: sum of hashes of the source's row versions, where rows are not hashed before they are sent.
    """

    rows: tuple[int, int] = (0, 0)
    sums: tuple[int, int] | None = (0, 0)
    inserted: Rows = field(default_factory=lambda: Rows(3))
    updated: Rows = field(default_factory=lambda: Rows(5))
    deleted: Rows = field(default_factory=lambda: Rows(3))
    counts: tuple[int, int, int] = (0, 0, 0)
    kept: bool = True
    empty: bool = False
    versions: int = 0

    def insert(self, rows: Sequence[tuple[int, ...]]) -> None:
        """The source has rows whose keys the destination lacks."""
        self._count(len(rows), 0, 0)
        if self.kept:
            self.inserted.extend(rows)

    def update(self, rows: Sequence[tuple[int, ...]]) -> None:
        """Both have rows with these keys, with other content."""
        self._count(0, len(rows), 0)
        if self.kept:
            self.updated.extend(rows)

    def delete(self, rows: Sequence[tuple[int, ...]]) -> None:
        """The destination has rows whose keys the source lacks."""
        self._count(0, 0, len(rows))
        if self.kept:
            self.deleted.extend(rows)

    def fits(self, rows: int) -> None:
        """Forget which rows differ when they are too many for a table of so many rows."""
        if too_many(sum(self.counts), rows):
            self.kept = False
            for kind in (self.inserted, self.updated, self.deleted):
                kind.clear()

    def _count(self, inserted: int, updated: int, deleted: int) -> None:
        before = self.counts
        self.counts = before[0] + inserted, before[1] + updated, before[2] + deleted
