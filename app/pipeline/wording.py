"""An event's name in plain words: one language, without what the event's own fields say, and without notices."""

import re
from dataclasses import dataclass
from typing import Final

from app.pipeline.text import fold
from app.pipeline.timetable import timetable_of
from app.pipeline.vocabulary import Phrases, load

_DATA: Final = load("matching")
_SYNONYMS: Final = {fold(word): meaning for meaning, words in _DATA["synonyms"].items() for word in words}
_SYNONYM: Final = Phrases(_SYNONYMS)
_MOVED: Final = Phrases(_DATA["moved"])
_RETIMED: Final = Phrases(_DATA["retimed"])
_NOTICES: Final = {fold(said): " " for said in (*_DATA["notices"], *_DATA["moved"], *_DATA["retimed"])}
_NOTICE: Final = Phrases(_NOTICES)

_AVAILABLE: Final = frozenset({"available", "left", "remaining", "needed", "wanted"})
_HOW_AVAILABLE: Final = re.compile(
    r"\b(?:\w+ ){1,2}(?:available|left|remaining)\b(?: for \w+)?|\b(?:\w+ )?(?:needed|wanted)\b"
)
_CUT: Final = re.compile(r"\s+\S*(?:\u2026|\.\.\.)\s*$")
_DIGIT: Final = re.compile(r"\d")
_SIGN: Final = re.compile("[#&+/]")
_HASHTAG: Final = re.compile(r"#(?=[^\W\d])(\w+)")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPACED: Final = re.compile(r"\b(?:[^\W\d_] ){3,}[^\W\d_]\b")
_AND: Final = re.compile(r"\s*(?:[&+]|//)\s*")
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|janvier|f[eé]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre"
    r"|novembre|d[eé]cembre|(?:de )?(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre"
    r"|diciembre))\.?"
)
_WHEN: Final = re.compile(
    rf"\b(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH})(?:,?\s+20\d\d)?(?!\w)"
    r"|\b\d{1,2}(?::\d\d)?\s?[ap]\.?m\b\.?|\b\d{1,2}:\d\d\b|\b\d{1,2}h(?:\d\d)?\b"
    r"|\b20\d\d(?:\s?[/-]\s?\d\d){0,2}\b|\b\d{1,2}/\d{1,2}\b"
    r"|[$€£]\s?\d+(?:\.\d\d)?|\b\d+(?:[.,]\d\d)?\s?[$€£]|\(?\b(?:ages\s+)?\d\d\+\)?",
    re.IGNORECASE,
)
_HALF: Final = re.compile(r"\b(\d)\.5\b")
_ORDINAL: Final = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\b")
_LEVEL: Final = re.compile(r"\b(?:l|lv|lvl) ?(?=\d\b)")
_HOW_MANY: Final = re.compile(
    r"(?<=\d) of \d+\b|\b\d+ (?:weeks|wks|hours|hrs|days|sessions|classes|lessons)\b"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a name says.

    Attributes:
        text: its words.
        is_moved: whether it says that the event is at another place than was said before.
        is_retimed: whether it says that it begins at another hour than was said before.
    """

    text: str
    is_moved: bool
    is_retimed: bool


def wording_of(written: str) -> Wording:
    """The words of a name, as its source writes it; a name of nothing else than notices or dates is kept."""
    words = _in_one_language(written)
    text = words if _AVAILABLE.isdisjoint(words.split()) else _HOW_AVAILABLE.sub(" ", words)
    text = " ".join(_NOTICE.replace(text, _NOTICES).split()) or words
    if text == words:
        return Wording(text, is_moved=False, is_retimed=False)
    return Wording(text, is_moved=bool(_MOVED.find(words)), is_retimed=bool(_RETIMED.find(words)))


def is_moved(written: str) -> bool:
    """Whether a name says that the event is at another place; cheaper than taking it apart."""
    return bool(_MOVED.find(fold(written)))


def _in_one_language(written: str) -> str:
    """Folded, without a last word that was cut off, nor date, hour, price and age: the event's own fields say those."""
    text = written
    if "\u2026" in text or "..." in text:
        text = _CUT.sub("", text) or text
    has_digits = _DIGIT.search(text) is not None
    if has_digits:
        text = _WHEN.sub(" ", _HALF.sub(r"\g<1>5", timetable_of(text).rest))
    if _SIGN.search(text):
        text = _AND.sub(" and ", _HASHTAG.sub(lambda tag: _HUMP.sub(" ", tag[1]), text))
    folded = _SPACED.sub(lambda match: match[0].replace(" ", ""), fold(text))
    if has_digits:
        folded = _HOW_MANY.sub("", _LEVEL.sub("level ", _ORDINAL.sub(r"\1", folded)))
    return _SYNONYM.replace(folded, _SYNONYMS) or fold(written)
