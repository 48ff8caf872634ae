"""An event's name taken apart: what of it tells the event, what only announces it."""

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Final

from app.pipeline.styles import styles_in
from app.pipeline.text import fold
from app.pipeline.vocabulary import load

_DATA: Final = load("matching")
_COMMON: Final = frozenset(_DATA["common"])
_UNTELLING: Final = _COMMON - {"dance", "social", "party"}
_STYLE_WORDS: Final = frozenset(word for style in load("styles")["styles"] for word in fold(style).split())
_GENERIC: Final = frozenset(_DATA["generic"]) | _STYLE_WORDS


def _any_of(words: Iterable[str]) -> str:
    return r"\b(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b"


_SYNONYMS: Final = {fold(word): meaning for meaning, words in _DATA["synonyms"].items() for word in words}
_SYNONYM: Final = re.compile(_any_of(_SYNONYMS))
_APART: Final = tuple(re.compile(_any_of(words)) for words in _DATA["apart"].values())
_ASIDE: Final = re.compile(_any_of(_DATA["aside"]))
_NOTICE: Final = re.compile(_any_of(_DATA["notices"]))
_LESSON: Final = re.compile(_any_of(_DATA["lessons"]))
_INCLUDED: Final = re.compile(
    rf"\b(?:with|w|and|plus|includes|including|incl|free)\b(?: \w+){{0,2}}? {_LESSON.pattern}"
    rf"|{_LESSON.pattern}(?: \w+){{0,2}}? (?:and|then|included|before)\b"
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
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WHEN: Final = re.compile(
    rf"\b(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH})(?:,?\s+20\d\d)?(?!\w)"
    r"|\b\d{1,2}(?::\d\d)?\s?[ap]\.?m\b\.?|\b\d{1,2}:\d\d\b"
    r"|\b20\d\d(?:\s?[/-]\s?\d\d){0,2}\b|\b\d{1,2}/\d{1,2}\b"
    r"|[$€£]\s?\d+(?:\.\d\d)?|\(?\b(?:ages\s+)?\d\d\+\)?",
    re.IGNORECASE,
)
_ROOM: Final = re.compile(r"\b(\w+) " + _any_of(_DATA["rooms"]))
_ORDINAL: Final = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\b")
_NUMBER: Final = re.compile(r"\b(\d{1,3})\b|\b(i{1,3}|iv)\b")
_LETTER: Final = re.compile(_any_of(_DATA["lettered"]) + r" ([a-h])\b")
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


class Name:
    """A name taken apart for comparing; what only a comparison asks is found when one asks."""

    def __init__(self, written: str) -> None:
        """Take it as its source writes it."""
        self.written = written

    @cached_property
    def _words(self) -> str:
        """Folded, in one language, without a last word that was cut off, nor date, hour, price and age.

        The event's own fields say those.
        """
        text = self.written
        if _CUT.search(text):
            text = _CUT.sub("", text) or text
        if _DIGIT.search(text):
            text = _WHEN.sub(" ", text)
        if _SIGN.search(text):
            text = _AND.sub(" and ", _HASHTAG.sub(lambda tag: _HUMP.sub(" ", tag[1]), text))
        folded = _SPACED.sub(lambda match: match[0].replace(" ", ""), fold(text))
        folded = _ORDINAL.sub(r"\1", folded)
        return _SYNONYM.sub(lambda match: _SYNONYMS[match[0]], folded) or fold(self.written)

    @cached_property
    def text(self) -> str:
        """The same without notices, such as that it is cancelled or sold out."""
        return " ".join(_NOTICE.sub(" ", self._words).split()) or self._words

    @cached_property
    def compact(self) -> str:
        """Its letters without spaces: people join words as they like."""
        return self.text.replace(" ", "")

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The words that not every event has, sorted."""
        return tuple(sorted({word for word in self.text.split() if word not in _COMMON and len(word) > 1}))

    @cached_property
    def lasting(self) -> tuple[str, ...]:
        """The telling words without a lesson that is part of the evening, and its doors."""
        return tuple(word for word in Name(_INCLUDED.sub(" ", self.text)).telling if word != "doors")

    @cached_property
    def own(self) -> frozenset[str]:
        """Those of them that no style or kind of event has; with none only its place makes it an event."""
        return frozenset(self.telling) - _GENERIC

    @cached_property
    def is_lesson(self) -> bool:
        """Whether it teaches; not when a lesson is only part of the evening."""
        return _LESSON.search(_INCLUDED.sub(" ", self.text)) is not None

    @cached_property
    def marks(self) -> tuple[frozenset[str], ...]:
        """What tells rooms, levels and kinds apart, by kind."""
        return tuple(frozenset(pattern.findall(self.text)) for pattern in _APART)

    @cached_property
    def numbers(self) -> frozenset[int | str]:
        """The numbers in it, and letters that count: a level, a part, an edition, studio B."""
        numbers = {int(arabic) if arabic else _ROMAN[roman] for arabic, roman in _NUMBER.findall(self.text)}
        return frozenset({*numbers, *_LETTER.findall(self.text)})

    @cached_property
    def rooms(self) -> frozenset[str]:
        """The rooms that it names, by what tells them apart: the gold one, the blues one."""
        return frozenset(word for word in _ROOM.findall(self.text) if word not in _UNTELLING)

    @cached_property
    def asides(self) -> frozenset[str]:
        """What goes with an event without being it: its rehearsal, the party after it."""
        return frozenset(_ASIDE.findall(self.text))

    def style_words(self, styles: frozenset[str]) -> frozenset[str]:
        """Its words that may stand for any of these styles, where it names them all."""
        return frozenset(self.telling) & _STYLE_WORDS if self.styles <= styles else frozenset()

    @cached_property
    def styles(self) -> frozenset[str]:
        """The dance styles that it names."""
        return frozenset(styles_in(self.written))


@lru_cache(maxsize=200_000)
def name_of(text: str) -> Name:
    """Take a name apart."""
    return Name(text)
