"""What two names of events are to each other: whether they contradict, and how near they are. Symmetric."""

from collections.abc import Set as AbstractSet
from typing import Final

from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from app.pipeline.naming import Name, name_of
from app.pipeline.spelling import is_one_word, missing, spelled_out
from app.pipeline.vocabulary import load

_LIMITS: Final[dict[str, int]] = load("matching")["thresholds"]


def contradict(left: Name, right: Name) -> bool:
    """Whether the names tell two events apart, whatever else they share and at whatever hour."""
    if left.compact == right.compact:
        return False
    if left.is_only and right.is_only and left.is_only != right.is_only:
        return True
    if bool(left.asides) != bool(right.asides) or left.exclusive != right.exclusive:
        return True
    return (
        _each_has_another(left.styles, right.styles)
        or _each_has_another(left.numbers, right.numbers)
        or _are_two_rooms(left, right)
        or any(
            mine and yours and mine.isdisjoint(yours)
            for mine, yours in zip(left.marks, right.marks, strict=True)
        )
        or _are_lettered(left, right)
    )


def differ_in_kind(left: Name, right: Name) -> bool:
    """Whether one teaches and the other does not, or they are other things around an event."""
    return left.is_lesson != right.is_lesson or left.asides != right.asides


def likeness(left: Name, right: Name) -> int:
    """How near the names are, 0 to 100: their telling words count most, wherever they stand."""
    if left.compact == right.compact:
        return 100
    whole = max(ratio(left.text, right.text), token_sort_ratio(left.text, right.text))
    if are_joined(left, right):
        whole = max(whole, ratio(left.compact, right.compact))
    if not (left.telling and right.telling):
        return round(whole)
    telling = token_set_ratio(left.telling_text, right.telling_text)
    few, many = sorted((left, right), key=lambda name: (len(name.telling), name.text))
    shared = 1 - len(unsaid(few.telling, many)) / len(few.telling)
    return round(max(whole * (0.6 + 0.4 * shared), telling * (0.5 + 0.5 * shared) if shared else whole * 0.6))


def strict_likeness(left: Name, right: Name) -> int:
    """How near the names are where a word more is a difference."""
    return round(token_sort_ratio(left.text, right.text))


def lasting_likeness(left: Name, right: Name) -> int:
    """How near they are without what comes before the dance; 100 where they say nothing else."""
    return round(ratio(left.lasting_text, right.lasting_text))


def are_joined(left: Name, right: Name) -> bool:
    """Whether they are one name but for where its words begin."""
    return ratio(left.compact, right.compact) >= _LIMITS["joined"]


def unsaid(words: AbstractSet[str], other: Name) -> set[str]:
    """Those of the words that a name has in no spelling."""
    return missing(words, other.words, other.compact)


def each_has_its_own(left: Name, right: Name, place: AbstractSet[str]) -> bool:
    """Whether each names something that the other does not, a band or a style, one of them a word of its own.

    Spellings of one word don't count, nor words that the other joins or was cut off at, nor those of the place, nor
    styles that the other names with other words, nor marks of a kind that they agree on. One word in place of
    another always counts.
    """
    if left.text.startswith(right.text) or right.text.startswith(left.text):
        return False
    known = place | _agreed_marks(left, right)
    mine = unsaid(left.telling - known - left.style_words(right.styles), right)
    yours = unsaid(right.telling - known - right.style_words(left.styles), left)
    if mine and yours and not (mine | yours).isdisjoint(left.own | right.own):
        return True
    return bool(mine or yours) and len(_unlike(left, right)) == 1


def spelled_out_by(left: Name, right: Name) -> Name:
    """A name with its initials spelled out in words of the other; the same when it has none."""
    words = {word: spelled_out(word, right.text.split()) for word in left.acronyms if word in right.initials}
    if not any(words.values()):
        return left
    return name_of(" ".join(words.get(word) or word for word in left.text.split()))


def _each_has_another(mine: AbstractSet[object], yours: AbstractSet[object]) -> bool:
    return not (mine <= yours or yours <= mine)


def _are_two_rooms(left: Name, right: Name) -> bool:
    """Whether they name other rooms, or one a room with a style that the other does not have."""
    if not (left.rooms or right.rooms):
        return False
    if left.style_rooms - right.words or right.style_rooms - left.words:
        return True
    return bool(left.rooms and right.rooms) and not any(
        is_one_word(mine, yours) for mine in left.rooms for yours in right.rooms
    )


def _agreed_marks(left: Name, right: Name) -> set[str]:
    """The marks of the kinds of which they share one: absolute beginners, beginners."""
    return {
        mark
        for mine, yours in zip(left.marks, right.marks, strict=True)
        if not mine.isdisjoint(yours)
        for mark in mine | yours
    }


def _are_lettered(left: Name, right: Name) -> bool:
    """Whether only a letter tells them apart: group A, group B."""
    unlike = _unlike(left, right)
    return len(unlike) == 1 and all(len(word) == 1 for word in unlike[0])


def _unlike(left: Name, right: Name) -> list[tuple[str, str]]:
    """The words that stand in each other's place; none of names that are not equally long."""
    mine, yours = left.text.split(), right.text.split()
    if len(mine) != len(yours):
        return []
    return [words for words in zip(mine, yours, strict=True) if words[0] != words[1]]
