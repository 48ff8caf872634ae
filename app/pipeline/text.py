"""Text as people write it, brought to one form."""

import html
import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b
from typing import Final

_SPACES: Final = re.compile(r"\s+")
_UNSEEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
_ENTITY: Final = re.compile(r"&(#\d+|#x[0-9a-f]+|[a-z][a-z0-9]+);", re.IGNORECASE)
_NOT_WORDS: Final = re.compile(r"[\W_]+")
_FOLDED: Final = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
"""What `fold` makes of each ASCII character: a name that comes only once costs half of what the pattern takes."""


def clean_line(text: str) -> str:
    """One line without entities, invisible characters or doubled spaces; composed (NFC)."""
    if text.isascii() and text.isprintable() and "  " not in text and "&" not in text:
        return text.strip()
    return _SPACES.sub(" ", clean_block(text)).strip()


def clean_block(text: str) -> str:
    """The same with its lines kept."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.strip()
    if _ENTITY.search(text):
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


@lru_cache(maxsize=200_000)
def fold(text: str) -> str:
    """Words only: no case, no accents, no punctuation. Part of what event keys are made of: never change it."""
    if text.isascii():
        return " ".join(text.translate(_FOLDED).split())
    decomposed = unicodedata.normalize("NFKD", text)
    text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _NOT_WORDS.sub(" ", text.casefold()).strip()


def digest(*parts: str) -> str:
    """128 bits of the parts, as 32 hexadecimal digits."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
