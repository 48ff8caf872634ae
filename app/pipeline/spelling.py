"""Whether two words are one: misspelled, inflected, joined, cut short or abbreviated."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from rapidfuzz.fuzz import ratio

from app.pipeline.vocabulary import load

_DATA: Final = load("matching")
_SPELLING: Final[int] = _DATA["thresholds"]["spelling"]
_STEM: Final = 3
"""Letters that are enough to know a word by its beginning."""
_ENDING: Final = 2
"""Letters of an inflection."""
SHORT: Final = 4
"""Letters; so short a word is another one when a letter differs, and occurs in others by chance."""
INITIALS: Final = 3
"""Letters of the shortest name that initials make."""
_SMALL: Final = frozenset(_DATA["small_words"])
"""Words that initials leave out."""
_DIGITS: Final = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
_VOWEL: Final = re.compile("[aeiouy]")


@lru_cache(maxsize=200_000)
def is_one_word(one: str, other: str) -> bool:
    """Whether two words are one: cut off, inflected, misspelled, or an abbreviation without vowels.

    Of a short word no other letter may differ, of any the first: Rumba is no misspelled Zumba.
    """
    if one == other or _DIGITS.get(one, one) == _DIGITS.get(other, other):
        return True
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and len(short) >= _STEM:
        return len(long) - len(short) <= _ENDING or len(short) > SHORT
    if len(short) <= SHORT:
        return _abbreviates(short, long)
    return one[0] == other[0] and ratio(one, other) >= _SPELLING


def _abbreviates(short: str, long: str) -> bool:
    """Whether a word without vowels is another one's first letter and some of those that follow: wk, lvl, sq."""
    if short[0] != long[0] or len(short) < 2 or _VOWEL.search(short) or not short.isalpha():  # noqa: PLR2004
        return False
    rest = iter(long)
    return all(letter in rest for letter in short)


def missing(words: AbstractSet[str], others: AbstractSet[str], compact: str) -> set[str]:
    """Those of the words that a name has in no spelling.

    Args:
        words: what to look for.
        others: the words of the name.
        compact: the same without spaces, where words that it joins are found.
    """
    return {
        word
        for word in words - others
        if not (len(word) >= SHORT and word in compact)
        and not any(is_one_word(word, other) for other in others)
    }


def initials_of(words: Sequence[str]) -> tuple[str, str]:
    """The initials of a name: of all its words, and of those that initials count."""
    return "".join(word[0] for word in words), "".join(word[0] for word in words if word not in _SMALL)


def spelled_out(initials: str, words: Sequence[str]) -> str:
    """The words in a row that have these initials; none of three letters that small words make."""
    for counted in (words, [word for word in words if word not in _SMALL]):
        start = "".join(word[0] for word in counted).find(initials)
        if start >= 0 and (counted is not words or len(initials) > INITIALS):
            return " ".join(counted[start : start + len(initials)])
    return ""
