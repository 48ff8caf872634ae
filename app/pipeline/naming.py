"""An event's name taken apart: what of it tells the event, what only announces it."""

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Final

from app.pipeline.spelling import INITIALS, initials_of
from app.pipeline.styles import styles_in
from app.pipeline.text import fold
from app.pipeline.timetable import timetable_of
from app.pipeline.vocabulary import Phrases, load
from app.pipeline.wording import Wording, wording_of

_DATA: Final = load("matching")
_COMMON: Final = frozenset(_DATA["common"])
_UNTELLING: Final = _COMMON - {"dance", "social", "party"}
_STYLE_WORDS: Final = frozenset(word for style in load("styles")["styles"] for word in fold(style).split())
_GENERIC: Final = frozenset(_DATA["generic"]) | _STYLE_WORDS
_DANCED: Final = frozenset(_DATA["danced"])
_TAUGHT: Final = frozenset({*_DATA["taught"], *"12345"})
_EXCLUSIVE: Final = frozenset(_DATA["exclusive"])


def _any_of(words: Iterable[str]) -> str:
    return r"\b(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + r")\b"


_APART: Final = tuple(
    (frozenset(word.split()[0] for word in words), Phrases(words)) for words in _DATA["apart"].values()
)
_NONE: Final[frozenset[str]] = frozenset()
_ASIDE: Final = Phrases(_DATA["aside"])
_FIRST: Final = Phrases(_DATA["first"])
_LESSONS: Final = Phrases(_DATA["lessons"])
_LESSON: Final = _any_of(_DATA["lessons"])
_INCLUDED: Final = re.compile(
    rf"\b(?:with|and|plus|includes|including|incl|free)\b(?: \w+){{0,2}}? {_LESSON}"
    rf"|{_LESSON}(?: \w+){{0,2}}? (?:and|then|included|before)\b"
)
_MEAL: Final = _any_of(_DATA["meals"])
_WITH_MEAL: Final = re.compile(rf"\b(?:with|and|plus|including) {_MEAL}|{_MEAL} (?:and|then)\b")
_ROOM: Final = re.compile(r"\b(\w+) " + _any_of(_DATA["rooms"]))
_NUMBER: Final = re.compile(r"\b(\d{1,3})\b|\b(i{1,3}|iv)\b")
_LETTER: Final = re.compile(_any_of(_DATA["lettered"]) + r" ([a-h])\b")
_LONGEST_ACRONYM: Final = 7
_FIRST_COURSE: Final = 101
"""No number of anything: what a beginners' course is called."""
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


class Name:
    """A name taken apart for comparing; what only a comparison asks is found when one asks."""

    def __init__(self, written: str) -> None:
        """Take it as its source writes it."""
        self.written = written

    @cached_property
    def _wording(self) -> Wording:
        return wording_of(self.written)

    @cached_property
    def text(self) -> str:
        """Its words in one language, without dates, hours, prices and notices."""
        return self._wording.text

    @property
    def is_moved(self) -> bool:
        """Whether it says that the event is at another place than was said before."""
        return self._wording.is_moved

    @property
    def is_retimed(self) -> bool:
        """Whether it says that the event begins at another hour than was said before."""
        return self._wording.is_retimed

    @cached_property
    def hours(self) -> frozenset[int]:
        """The hours that it names, in minutes after noon or midnight."""
        return timetable_of(self.written).hours

    @cached_property
    def compact(self) -> str:
        """Its letters without spaces: people join words as they like."""
        return self.text.replace(" ", "")

    @cached_property
    def words(self) -> frozenset[str]:
        """All its words."""
        return frozenset(self.text.split())

    @cached_property
    def telling(self) -> frozenset[str]:
        """The words that not every event has."""
        return _telling(self.words)

    @cached_property
    def telling_text(self) -> str:
        """The same, sorted."""
        return " ".join(sorted(self.telling))

    @cached_property
    def lasting_text(self) -> str:
        """The same without a lesson that is part of the evening, and its doors."""
        return " ".join(sorted(_telling(frozenset(self._taught.split())) - {"doors"}))

    @cached_property
    def own(self) -> frozenset[str]:
        """Those of them that no style or kind of event has; with none only its place makes it an event."""
        return self.telling - _GENERIC

    @cached_property
    def initials(self) -> str:
        """The initials of its words, and of those that initials count."""
        return " ".join(initials_of(self.text.split()))

    @cached_property
    def acronyms(self) -> frozenset[str]:
        """The words that may be initials."""
        return frozenset(word for word in self.own if INITIALS <= len(word) <= _LONGEST_ACRONYM)

    @cached_property
    def _taught(self) -> str:
        """Its words without a lesson that is only part of the evening."""
        return _INCLUDED.sub(" ", self.text) if _LESSONS.find(self.text) else self.text

    @cached_property
    def is_lesson(self) -> bool:
        """Whether it teaches; not when a lesson is only part of the evening."""
        return bool(_LESSONS.find(self._taught))

    @cached_property
    def starts_early(self) -> bool:
        """Whether something is said to come before the dance: doors, a lesson, a meal."""
        return self._taught != self.text or bool(_FIRST.find(self.text))

    @cached_property
    def is_only(self) -> str:
        """What it names of a lesson and a dance, where it names one of them only."""
        teaches = not _TAUGHT.isdisjoint(self.words) or bool(_LESSONS.find(self.text))
        dances = not _DANCED.isdisjoint(self.words)
        return "" if teaches == dances else "lesson" if teaches else "dance"

    @cached_property
    def marks(self) -> tuple[frozenset[str], ...]:
        """What tells rooms, levels and kinds apart, by kind."""
        return tuple(
            _NONE if firsts.isdisjoint(self.words) else frozenset(phrases.find(self.text))
            for firsts, phrases in _APART
        )

    @cached_property
    def exclusive(self) -> frozenset[str]:
        """For whom only it is."""
        return self.words & _EXCLUSIVE

    @cached_property
    def numbers(self) -> frozenset[int | str]:
        """The numbers in it, and letters that count: a level, a part, an edition, studio B."""
        numbers = {int(arabic) if arabic else _ROMAN[roman] for arabic, roman in _NUMBER.findall(self.text)}
        return frozenset({*numbers, *_LETTER.findall(self.text)}) - {_FIRST_COURSE}

    @cached_property
    def rooms(self) -> frozenset[str]:
        """The rooms that it names, by what tells them apart: the gold one, the blues one."""
        return frozenset(word for word in _ROOM.findall(self.text) if word not in _UNTELLING)

    @cached_property
    def style_rooms(self) -> frozenset[str]:
        """Those of the rooms that are called by a style."""
        return self.rooms & _STYLE_WORDS

    @cached_property
    def asides(self) -> frozenset[str]:
        """What goes with an event without being it: its rehearsal, the party after it."""
        found = _ASIDE.find(self.text)
        return frozenset(_ASIDE.find(_WITH_MEAL.sub(" ", self.text)) if found else ())

    @cached_property
    def styles(self) -> frozenset[str]:
        """The dance styles that it names."""
        return frozenset(styles_in(self.written))

    def style_words(self, styles: frozenset[str]) -> frozenset[str]:
        """Its words that may stand for any of these styles, where it names them all."""
        return self.words & _STYLE_WORDS if self.styles <= styles else frozenset()


def _telling(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words - _COMMON if len(word) > 1)


@lru_cache(maxsize=200_000)
def name_of(text: str) -> Name:
    """Take a name apart."""
    return Name(text)
