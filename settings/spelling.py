"""Names that are almost those of settings: `DATABSE_TARGET`, `database_target`, `RENDER_EXTERNAL_URL`."""

from collections import Counter
from collections.abc import Collection
from typing import Final

# Names from elsewhere that people take for ours.
BORROWED: Final = {"DATABASE_URL": "DATABASE_CONNECTION_STRING", "POSTGRES_URL": "DATABASE_CONNECTION_STRING"}
SHORT: Final = 8  # shorter names have too many neighbours: nothing but their case is judged
SHARED_WORDS: Final = 3


def meant(name: str, known: frozenset[str]) -> str | None:
    """The setting that a name most likely means.

    Args:
        name: A name that somebody gave.
        known: The names of all settings.

    Returns:
        The setting, or None when the name is one itself or resembles none.
    """
    if name in known:
        return None
    folded = name.upper().replace("-", "_")
    if folded in known:
        return folded
    if folded in BORROWED:
        return BORROWED[folded]
    candidates = [
        (distance, other) for other in known if (distance := _distance_at_most_2(folded, other)) is not None
    ]
    if candidates:
        return min(candidates)[1]
    return _reworded(folded, known)


def _reworded(name: str, known: Collection[str]) -> str | None:
    """The setting with the same words in another order, or with one word more or less."""
    words = Counter(name.split("_"))
    if words.total() < SHARED_WORDS:
        return None
    candidates: list[tuple[int, str]] = []
    for other in known:
        theirs = Counter(other.split("_"))
        odd = (words - theirs).total() + (theirs - words).total()
        if odd <= 1 and (words & theirs).total() >= SHARED_WORDS:
            candidates.append((odd, other))
    return min(candidates)[1] if candidates else None


def _distance_at_most_2(one: str, other: str) -> int | None:
    """How many letters were dropped, added, replaced or swapped with their neighbour; None above two."""
    if abs(len(one) - len(other)) > 2 or min(len(one), len(other)) < SHORT:  # noqa: PLR2004  (the limit in the name)
        return None
    if len(set(one) ^ set(other)) > 4:  # noqa: PLR2004  (each change brings at most two letters)
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, theirs in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != theirs))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == theirs:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1] if row[-1] <= 2 else None  # noqa: PLR2004  (the limit in the name)
