"""How rows and keys are hashed, in SQL that gives the same on both servers.

The row hash is over the exact binary image of every column: it tells 1.0 from 1.00 and does not depend on collation
or session settings. Hashed once more it is not linear over columns: two rows that swap a value change their sum.
See docs/promotion.md for what was measured and which faster hashes are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.promotion.relation import Relation


@dataclass(frozen=True)
class Hashing:
    """One way to hash, drawn for one plan.

    Attributes:
        seed: differs from plan to plan, so that two rows that collide once don't collide again.
        portable: use md5 over text, for a pair of servers whose own hash functions disagree.
        key_bits: of the hash that stands for a key; with few bits keys collide, which is seen and mended.
    """

    seed: int
    portable: bool = False
    key_bits: int = 64

    @property
    def stored(self) -> int:
        """Itself as one number, for the ledger: negative when portable."""
        return -self.seed - 1 if self.portable else self.seed

    @classmethod
    def from_stored(cls, stored: int) -> "Hashing":
        """The hashing that a ledger's row names."""
        return cls(-stored - 1, portable=True) if stored < 0 else cls(stored)

    def again(self) -> "Hashing":
        """The next one to try when two keys collided; it follows from this one, so plans can be made again."""
        return replace(self, seed=(self.seed + 1) % 2**31)

    def row(self, relation: Relation, alias: str) -> str:
        """SQL for the 64-bit hash of a row."""
        values = [f"{alias}.{column.quoted}" for column in relation.columns]
        return self.of(relation, values, texts=relation.texts(alias))

    def of(self, relation: Relation, values: Sequence[str], *, texts: str) -> str:
        """SQL for the 64-bit hash of a row.

        Args:
            relation: whose row it is.
            values: SQL for each of its columns.
            texts: SQL for its columns as one array of text.
        """
        if self.portable:
            return self._md5(f"({texts})::text")
        images = ", ".join(c.image(value) for c, value in zip(relation.columns, values, strict=True))
        # hash_record is a polynomial over the columns' hashes; without the second hash, sums would be linear over them.
        return f'hashtextextended(hash_record_extended(ROW({images}), {self.seed})::text COLLATE "C", {self.seed})'

    def key(self, relation: Relation, alias: str) -> str:
        """SQL for the 64-bit hash of a row's key."""
        text = relation.key_text(alias)
        hash_ = self._md5(text) if self.portable else f'hashtextextended({text} COLLATE "C", {self.seed})'
        return hash_ if self.key_bits == 64 else f"({hash_} >> {64 - self.key_bits} << {64 - self.key_bits})"  # noqa: PLR2004 - a bigint's

    def _md5(self, text: str) -> str:
        # In UTF-8, because the two servers may keep text in different encodings.
        return f"('x' || left(md5(convert_to('{self.seed} ' || {text}, 'UTF8')), 16))::bit(64)::bigint"


def total(hashes: str) -> str:
    """SQL for the sum of hashes: bit by bit without carry, which every server has an aggregate for."""
    return f"coalesce(bit_xor({hashes}), 0)"
