"""How rows and keys are hashed, in SQL that gives the same on both servers.

The row hash is over the exact binary image of every column: it is not linear over columns (two rows that
swap a value change their sum), tells 1.0 from 1.00, and does not depend on collation or session settings.
See docs/promotion.md for what was measured and which faster hashes are wrong.
"""

from dataclasses import dataclass
from typing import Final

from app.promotion.relation import Relation

MODULUS: Final = 2**63 - 1
"""Sums of hashes are kept modulo this: a bigint holds them, and they can be added and subtracted."""


@dataclass(frozen=True)
class Hashing:
    """One way to hash, drawn for one plan.

    Attributes:
        seed: differs from plan to plan, so that two rows that collide once don't collide again.
        portable: use md5 over text, for a pair of servers whose own hash functions disagree.
    """

    seed: int
    portable: bool = False

    @property
    def stored(self) -> int:
        """Itself as one number, for the ledger: negative when portable."""
        return -self.seed - 1 if self.portable else self.seed

    @classmethod
    def from_stored(cls, stored: int) -> "Hashing":
        """The hashing that a ledger's row names."""
        return cls(-stored - 1, portable=True) if stored < 0 else cls(stored)

    def row(self, relation: Relation, alias: str) -> str:
        """SQL for the 64-bit hash of a row."""
        return self.image(relation.sent(alias), texts=relation.texts(alias))

    def image(self, values: str, *, texts: str) -> str:
        """SQL for the 64-bit hash of a row.

        Args:
            values: its columns as they are sent.
            texts: its columns as one array of text.
        """
        if self.portable:
            return self._md5(f"({texts})::text")
        return f"hash_array_extended(ARRAY[record_send(ROW({values}))], {self.seed})"

    def key(self, relation: Relation, alias: str) -> str:
        """SQL for the 64-bit hash of a row's key."""
        if self.portable:
            return self._md5(relation.key_text(alias))
        return f'hashtextextended({relation.key_text(alias)} COLLATE "C", {self.seed})'

    def _md5(self, text: str) -> str:
        # In UTF-8, because the two servers may keep text in different encodings.
        return f"('x' || left(md5(convert_to('{self.seed} ' || {text}, 'UTF8')), 16))::bit(64)::bigint"


def total(hashes: str) -> str:
    """SQL for the sum of hashes as a bigint."""
    return f"coalesce((sum({hashes}) % {MODULUS})::bigint, 0)"
